"""``GET /metrics``: for scrapers that show the token, or that ask from this very machine."""

from __future__ import annotations

import hmac

from aiohttp import hdrs, web

from sidecar.server.app_keys import METRICS, METRICS_TOKEN
from sidecar.server.operations.peer import is_local
from sidecar.server.strangers import known


async def metrics(request: web.Request) -> web.Response:
    """Prometheus' text format. 401 for strangers: figures tell how busy a contact centre is."""
    if not is_local(request) and not _shows_token(request):
        raise web.HTTPUnauthorized(
            headers={hdrs.WWW_AUTHENTICATE: "Bearer"},
            text="Show SIDECAR_METRICS_TOKEN as a bearer token, or ask from the machine of the service.\n",
        )
    known(request)
    body = request.app[METRICS].exposition()
    return web.Response(body=body, headers={hdrs.CONTENT_TYPE: "text/plain; version=0.0.4; charset=utf-8"})


def _shows_token(request: web.Request) -> bool:
    scheme, _, shown = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    expected = request.app[METRICS_TOKEN].encode()
    return bool(expected) and scheme.lower() == "bearer" and hmac.compare_digest(shown.strip().encode(), expected)
