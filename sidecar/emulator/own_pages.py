"""Keeps other web pages out: a browser says which page a request comes from, and Twilio's clients say nothing."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler


@web.middleware
async def own_pages_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """403 for what a page of another site asks for: it could place calls and listen in with its visitor's browser."""
    origin = request.headers.get("Origin")
    if origin is not None and origin.partition("://")[2] != request.host:
        raise web.HTTPForbidden(text="This address takes requests from its own pages only.\n")
    return await handler(request)
