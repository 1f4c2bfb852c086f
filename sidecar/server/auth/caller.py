"""Who makes this request. The middleware knows it; handlers and templates ask here."""

from __future__ import annotations

from aiohttp import web

from sidecar.domain.access import Caller

# Set for every request that got past the middleware by a session or key.
CALLER: web.RequestKey[Caller] = web.RequestKey("caller", Caller)


def user_name(request: web.Request) -> str:
    """The name of the user who is signed in; "" for a program and for nobody."""
    caller = request.get(CALLER)
    return caller.name if caller is not None and caller.by == "session" else ""
