"""Keeps other web pages out: a browser says which page a request comes from, and Twilio's clients say nothing."""

from __future__ import annotations

import ipaddress

from aiohttp import web
from aiohttp.typedefs import Handler

from sidecar.emulator.line import API_VERSION


@web.middleware
async def own_pages_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """403 for what a page of another site asks for: it could place calls and listen in with its visitor's browser.

    Also under a name of that site's own which leads to this machine (DNS rebinding): localhost and bare addresses are
    no such names. The REST API has a password, and over TLS a wrong name has no certificate, so there any name will do.
    """
    origin = request.headers.get("Origin")
    if origin is not None and origin.partition("://")[2] != request.host:
        raise web.HTTPForbidden(text="This address takes requests from its own pages only.\n")
    guarded = not (request.secure or request.path.startswith(f"/{API_VERSION}/"))
    if guarded and not _is_nobodys_name(request.url.host or ""):
        raise web.HTTPForbidden(text="This address is to be asked as localhost or by its number only.\n")
    return await handler(request)


def _is_nobodys_name(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
