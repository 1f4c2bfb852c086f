"""Whether a request comes straight from this machine.

Checks the peer, the Host header (a page of another site must not reach us through a name that points here) and the
headers that a proxy or tunnel adds.
"""

from __future__ import annotations

from aiohttp import web

from sidecar.wire.forwarded import is_loopback

_FORWARDED = ("X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "Via")


def is_local(request: web.Request) -> bool:
    """From a loopback address, to a loopback address, through nobody."""
    if any(name in request.headers for name in _FORWARDED):
        return False
    return is_loopback(request.remote or "") and is_loopback(request.url.host or "")
