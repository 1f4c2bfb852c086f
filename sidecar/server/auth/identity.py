"""Whom a request comes from: a key or token if there is one, else a session's cookie; and whether our page made it."""

from __future__ import annotations

from aiohttp import hdrs, web

from sidecar.domain.access.callers import PANEL_PREFIX, PANEL_SCOPES, ROLE_SCOPES, Caller, Session, token_hash
from sidecar.domain.access.keys import is_misspelt
from sidecar.server.app_keys import ACCOUNTS, CLOCK, TWILIO_EDGE
from sidecar.server.auth.site import Site, site_of
from sidecar.server.strangers import STRANGERS
from sidecar.server.stream_tickets import STREAM_TICKETS, TICKET

PANEL_ROUTE = "/agent/{id}"
STREAM_ROUTE = "/v1/stream"
# Where a browser can send no header, a token may stand in the query: a frame's address, and an EventSource's.
TOKEN_IN_QUERY = frozenset({PANEL_ROUTE, STREAM_ROUTE})
BEARER = "Bearer "


def route_of(request: web.Request) -> str:
    """The pattern of the route that answers; "" when none does. What a path looks like does not matter."""
    resource = request.match_info.route.resource
    return "" if resource is None else resource.canonical


def site(request: web.Request) -> Site:
    """The site as the browser of this request sees it; behind a trusted proxy, as that one says."""
    strangers = request.app[STRANGERS]
    host = strangers.forwarded(request, "X-Forwarded-Host") or request.headers.get(hdrs.HOST, "")
    tls = request.secure or strangers.forwarded(request, "X-Forwarded-Proto").lower() == "https"
    return site_of(host, tls=tls, public_url=request.app[TWILIO_EDGE].public_url)


def from_our_pages(request: web.Request) -> bool:
    """Browsers say of every request that may change something which site's page made it."""
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is not None:
        return origin == site(request).origin
    return request.headers.get("Sec-Fetch-Site") == "same-origin"


async def caller_of(request: web.Request) -> Caller | None:
    """By the key or token, if there is one, else by the session cookie. Raises StoreUnavailable."""
    authorization = request.headers.get(hdrs.AUTHORIZATION)
    if authorization is not None:
        if not authorization.startswith(BEARER):
            return None
        secret = secret_of(request)
        by = _panel_caller if secret.startswith(PANEL_PREFIX) else _key_caller
        return await by(request, secret)
    if route_of(request) in TOKEN_IN_QUERY and "token" in request.query:
        return await _panel_caller(request, request.query["token"])
    if route_of(request) == STREAM_ROUTE and "ticket" in request.query:
        return await _ticket_caller(request, request.query["ticket"])
    return await _session_caller(request)


def secret_of(request: web.Request) -> str:
    """What the caller of this request came in by, and nobody else has: a key, a token, a session's cookie."""
    authorization = request.headers.get(hdrs.AUTHORIZATION)
    if authorization is not None:
        return authorization.removeprefix(BEARER).strip()
    cookie = site(request).cookie
    return request.cookies.get(cookie, "") if cookie is not None else ""


async def _key_caller(request: web.Request, secret: str) -> Caller | None:
    key = None
    if not is_misspelt(secret):
        key = await request.app[ACCOUNTS].key(token_hash(secret), now=request.app[CLOCK].now())
    if key is None:
        return None
    return Caller(id=key.id, name=key.name, by="key", tenant=key.tenant, scopes=key.scopes)


async def _session_caller(request: web.Request) -> Caller | None:
    token = secret_of(request)
    if not token:
        return None
    session = await request.app[ACCOUNTS].session(token_hash(token), now=request.app[CLOCK].now())
    return None if session is None else session_caller(session)


def session_caller(session: Session) -> Caller:
    """Whom a session stands for."""
    user = session.user
    return Caller(
        id=session.id,
        name=user.name,
        by="session",
        tenant=user.tenant,
        scopes=ROLE_SCOPES[user.role],
        role=user.role,
        user=user.id,
    )


async def _panel_caller(request: web.Request, secret: str) -> Caller | None:
    token = await request.app[ACCOUNTS].panel_token(token_hash(secret), now=request.app[CLOCK].now())
    if token is None:
        return None
    return Caller(
        id=token.id,
        name=token.name,
        by="panel",
        tenant=token.tenant,
        scopes=PANEL_SCOPES,
        conference=token.conference_id,
    )


async def _ticket_caller(request: web.Request, secret: str) -> Caller | None:
    """Who asked for the ticket, if that one may still come in; the ticket is used up."""
    now = request.app[CLOCK].now()
    ticket = request.app[STREAM_TICKETS].use(secret, now=now) if request.method == hdrs.METH_GET else None
    if ticket is None or not await request.app[ACCOUNTS].still_welcome({ticket.caller.id}, now=now):
        return None
    request[TICKET] = ticket
    return ticket.caller
