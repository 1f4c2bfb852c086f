"""Until people can log in, pages and API answer only on this machine; Twilio's signed routes answer to the world.

Checks the peer, the Host header (a page of another site must not reach us through a name that points here) and the
headers that a proxy or tunnel adds.
"""

from __future__ import annotations

from ipaddress import ip_address

from aiohttp import web
from aiohttp.typedefs import Handler

OPEN_PREFIX = "/twilio/"
OPEN_PATHS = frozenset({"/healthz"})
_FORWARDED = ("X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "Via")


@web.middleware
async def loopback_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """403 for anything but Twilio's routes and health that does not come straight from this machine."""
    if request.path.startswith(OPEN_PREFIX) or request.path in OPEN_PATHS or _is_local(request):
        return await handler(request)
    raise web.HTTPForbidden(
        text="Pages and API answer on this machine only: open http://127.0.0.1 or http://localhost, without a proxy.\n"
    )


def _is_local(request: web.Request) -> bool:
    if any(name in request.headers for name in _FORWARDED):
        return False
    host = request.url.host or ""
    return _is_loopback(request.remote or "") and (host == "localhost" or _is_loopback(host))


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
