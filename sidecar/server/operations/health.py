"""``/healthz``: this process runs. ``/readyz``: it can do its work, with a reason for each thing that it cannot.

Both are open to anybody, so they say stable words and nothing of the set-up: no path, no address, no figure.
"""

from __future__ import annotations

import secrets
from http import HTTPStatus

import msgspec
from aiohttp import web

from sidecar.server.app_keys import READINESS

# When to ask again while the service stops: it, or its successor, is up by then.
RETRY_AFTER_S = 10
# Which process answers: `sidecar doctor` compares what it gets directly and by the public address.
INSTANCE = secrets.token_hex(8)


async def healthz(_request: web.Request) -> web.Response:
    """Always 200 while the event loop turns."""
    return web.json_response({"status": "ok", "instance": INSTANCE})


async def readyz(request: web.Request) -> web.Response:
    """200 ``{"status": "ready", "checks": {…}}``; 503 ``not_ready`` when any check fails."""
    readiness = request.app[READINESS]
    checks = await readiness.checks()
    ready = all(check.ok for check in checks.values())
    headers = {"Cache-Control": "no-store"}
    if readiness.draining:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    return web.Response(
        status=HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE,
        body=msgspec.json.encode({"status": "ready" if ready else "not_ready", "checks": checks}),
        content_type="application/json",
        headers=headers,
    )
