"""The door: whom a request comes from, and whether the route's rule (``rules``) lets that one do it.

A key counts by itself; a cookie comes along whoever made the browser ask, so what changes something must come from our
own pages (https://developer.mozilla.org/docs/Glossary/CSRF).
"""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import quote

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from sidecar.domain.access import PANEL_PREFIX, PANEL_SCOPES, ROLE_SCOPES, Caller, token_hash
from sidecar.domain.errors import NotFound, StoreUnavailable
from sidecar.server.app_keys import ACCOUNTS, CLOCK, DIRECTORY, TWILIO_EDGE
from sidecar.server.audit import AUDITED, audit
from sidecar.server.auth.caller import CALLER, CONFERENCE, visible_conference
from sidecar.server.auth.rules import Of, Rule, Way, rule_of
from sidecar.server.auth.site import Site, site_of
from sidecar.server.pages import rendering
from sidecar.server.pages.conference_trouble import unreadable
from sidecar.server.pages.panel_frame import framed, panel_closed
from sidecar.server.problems import API_PREFIX, problem
from sidecar.server.strangers import STRANGERS, known
from sidecar.server.stream_tickets import STREAM_TICKETS, TICKET

log = structlog.get_logger()

PANEL_ROUTE = "/agent/{id}"
STREAM_ROUTE = "/v1/stream"
# Where a browser can send no header, a token may stand in the query: a frame's address, and an EventSource's.
TOKEN_IN_QUERY = frozenset({PANEL_ROUTE, STREAM_ROUTE})
SAFE_METHODS = frozenset({hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS})
# What nobody has registered: who got in is told that it is not there.
NOWHERE = Rule(Way.CALLER)
# These check for themselves who asks.
OWN_CHECKS = frozenset({Way.OPEN, Way.TWILIO, Way.SCRAPER})
BEARER = "Bearer "


@web.middleware
async def door(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Lets pass who may; sends browsers to ``/login`` and gives programs 401 or 403 with a stable code."""
    pattern = _route(request)
    rule = rule_of(request.method, pattern) if pattern else NOWHERE
    if rule is not None and rule.need in OWN_CHECKS:
        return await handler(request)
    try:
        caller = await caller_of(request)
        if caller is None:
            return _turned_away(request)
    except StoreUnavailable as error:
        if request.path.startswith(API_PREFIX):
            raise
        return rendering.problem(request, error, title="Nobody can be signed in just now", status=503)
    if rule is None:
        log.error("route_without_rule", method=request.method, route=pattern)
        return _refused(request, "route_without_rule", "Nobody has decided yet who may do this.")
    refused = _not_allowed(request, caller, rule)
    if refused is not None:
        return refused
    known(request)
    request[CALLER] = caller
    response = await find_conference(request, rule) or await handler(request)
    if request.method not in SAFE_METHODS and response.status < HTTPStatus.BAD_REQUEST and AUDITED not in request:
        await audit(request, f"{request.method} {pattern}", request.match_info.get("id", ""))
    return response


def _not_allowed(request: web.Request, caller: Caller, rule: Rule) -> web.Response | None:
    if caller.by == "session" and request.method not in SAFE_METHODS and not from_our_pages(request):
        log.warning("cross_site_request_refused", path=request.path, caller=caller.id)
        return _refused(request, "cross_site_request", "This request was not made by a page of this service.")
    if caller.by == "panel" and not _of_its_panel(request, caller, rule):
        log.warning("panel_token_refused", path=request.path, caller=caller.id)
        return _refused(request, "panel_token_elsewhere", "This token is for the panel of one conference only.")
    if rule.need is Way.SESSION and caller.by != "session":
        return _refused(request, "session_needed", "This is for people who are signed in, not for keys.")
    if not isinstance(rule.need, Way) and not caller.may(rule.need):
        log.warning("scope_missing", route=_route(request), caller=caller.id, scope=rule.need)
        whose = "Your role" if caller.by == "session" else "This key"
        return _refused(request, "scope_missing", f"{whose} does not have {rule.need}, which this needs.")
    return None


async def find_conference(request: web.Request, rule: Rule) -> web.Response | None:
    """Sets ``request[CONFERENCE]`` where the rule says so. One that the caller may not see is as one that is not there:
    a page that says so, and for the API NotFound. Raises StoreUnavailable for the API."""
    if rule.of is Of.NOTHING:
        return None
    id_or_sid, directory = request.match_info["id"], request.app[DIRECTORY]
    try:
        if rule.of is Of.ANY_CONFERENCE and await directory.conference(id_or_sid) is None:
            return None
        request[CONFERENCE] = await visible_conference(request, id_or_sid)
    except (NotFound, StoreUnavailable) as error:
        if request.path.startswith(API_PREFIX):
            raise
        page = unreadable(request, error)
        return framed(request, page) if _route(request) == PANEL_ROUTE else page
    return None


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
        secret = authorization.removeprefix(BEARER).strip()
        by = _panel_caller if secret.startswith(PANEL_PREFIX) else _key_caller
        return await by(request, secret)
    if _route(request) in TOKEN_IN_QUERY and "token" in request.query:
        return await _panel_caller(request, request.query["token"])
    if _route(request) == STREAM_ROUTE and "ticket" in request.query:
        return await _ticket_caller(request, request.query["ticket"])
    return await _session_caller(request)


async def _key_caller(request: web.Request, secret: str) -> Caller | None:
    key = await request.app[ACCOUNTS].key(token_hash(secret), now=request.app[CLOCK].now())
    if key is None:
        return None
    return Caller(id=key.id, name=key.name, by="key", tenant=key.tenant, scopes=key.scopes)


async def _session_caller(request: web.Request) -> Caller | None:
    cookie = site(request).cookie
    token = request.cookies.get(cookie) if cookie is not None else None
    if not token:
        return None
    session = await request.app[ACCOUNTS].session(token_hash(token), now=request.app[CLOCK].now())
    if session is None:
        return None
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


def _of_its_panel(request: web.Request, caller: Caller, rule: Rule) -> bool:
    if _route(request) == STREAM_ROUTE:
        return set(request.query.getall("topic", [])) <= {f"conference:{caller.conference}"}
    return rule.panel and request.match_info["id"] == caller.conference


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return "" if resource is None else resource.canonical


def _turned_away(request: web.Request) -> web.Response:
    if hdrs.AUTHORIZATION in request.headers:
        log.warning("key_refused", path=request.path)
    if _route(request) == PANEL_ROUTE and "token" in request.query:
        return panel_closed(request)
    if not request.path.startswith(API_PREFIX):
        asked = f"?next={quote(request.rel_url.raw_path_qs, safe='')}" if request.method == hdrs.METH_GET else ""
        return web.Response(status=HTTPStatus.SEE_OTHER, headers={hdrs.LOCATION: f"/login{asked}"})
    if hdrs.AUTHORIZATION in request.headers:
        code, challenge = "key_refused", 'Bearer realm="sidecar", error="invalid_token"'
        detail = "The API key is not known or was revoked. Make one: sidecar keys create NAME"
    else:
        code, challenge = "sign_in_needed", 'Bearer realm="sidecar"'
        detail = "Sign in, or send Authorization: Bearer sck_…. Make a key: sidecar keys create NAME"
    return problem(request, HTTPStatus.UNAUTHORIZED, code, detail, headers={hdrs.WWW_AUTHENTICATE: challenge})


def _refused(request: web.Request, code: str, detail: str) -> web.Response:
    if request.path.startswith(API_PREFIX):
        return problem(request, HTTPStatus.FORBIDDEN, code, detail)
    page = rendering.ProblemPage(title="You may not do this", message=detail, next_step="", code=code)
    return rendering.respond(request, "problem.html", page, status=HTTPStatus.FORBIDDEN)
