"""Keeps strangers out: pages of other sites in a browser's hands, and other machines at the control API, which has no
password."""

from __future__ import annotations

import ipaddress

from aiohttp import web
from aiohttp.typedefs import Handler

from sidecar.emulator.urls import is_loopback

CONTROL = "/control/"


@web.middleware
async def own_pages_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """403 for what a page of another site asks for: it could place calls and listen in with its visitor's browser.

    A browser says which page a request comes from; Twilio's clients say nothing. For calls and sound also under a name
    of that site's own which leads to this machine (DNS rebinding): localhost and bare addresses are no such names, and
    over TLS a wrong name has no certificate.
    """
    origin = request.headers.get("Origin")
    if origin is not None and origin.partition("://")[2] != request.host:
        raise web.HTTPForbidden(text="This address takes requests from its own pages only.\n")
    guarded = request.path.startswith(CONTROL) or request.path.endswith("/socket")
    if guarded and not (request.secure or _is_nobodys_name(request.url.host or "")):
        raise web.HTTPForbidden(text="This address is to be asked as localhost or by its number only.\n")
    return await handler(request)


@web.middleware
async def control_from_here_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """403 for the control API from another machine: it reads files and places calls."""
    if request.path.startswith(CONTROL) and not _is_from_here(request):
        raise web.HTTPForbidden(text="The control API answers to programs on its own machine only.\n")
    return await handler(request)


def _is_from_here(request: web.Request) -> bool:
    """From loopback, or from the very address that it came to."""
    own = request.get_extra_info("sockname") or ("",)
    return is_loopback(request.remote) or request.remote == own[0]


def _is_nobodys_name(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
