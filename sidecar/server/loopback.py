"""Until people can log in, pages and API answer only on this machine; Twilio's signed routes answer to the world."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

from sidecar.server.peer import is_local

OPEN_PREFIX = "/twilio/"
# /metrics has a rule of its own.
OPEN_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})


@web.middleware
async def loopback_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """403 for anything but Twilio's routes and operations that does not come straight from this machine."""
    if request.path.startswith(OPEN_PREFIX) or request.path in OPEN_PATHS or is_local(request):
        return await handler(request)
    raise web.HTTPForbidden(
        text="Pages and API answer on this machine only: open http://127.0.0.1 or http://localhost, without a proxy.\n"
    )
