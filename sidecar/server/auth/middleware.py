"""The door: without a session, key or token a request gets no further, except to the routes that are listed here.

A key counts by itself; a cookie comes along whoever made the browser ask, so what changes something must come from our
own pages (https://developer.mozilla.org/docs/Glossary/CSRF).
"""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import quote

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from sidecar.domain.access import PANEL_PREFIX, Caller, token_hash
from sidecar.domain.errors import StoreUnavailable
from sidecar.server.app_keys import ACCOUNTS, CLOCK, TWILIO_EDGE
from sidecar.server.auth.caller import CALLER
from sidecar.server.auth.site import Site, site_of
from sidecar.server.pages import rendering
from sidecar.server.pages.panel_frame import panel_closed
from sidecar.server.problems import API_PREFIX, problem
from sidecar.server.strangers import STRANGERS, known

log = structlog.get_logger()

# By the route's own pattern: what a path looks like does not matter, only whose handler would run.
OPEN_ROUTES = frozenset({"/healthz", "/readyz", "/login", "/static/{version}/{path}"})
# Figures for scrapers: a token of its own, or this machine.
OWN_RULE = frozenset({"/metrics"})
# Each of these checks Twilio's signature before anything else.
SIGNED_ROUTES_PREFIX = "/twilio/"
PANEL_ROUTE = "/agent/{id}"
STREAM_ROUTE = "/v1/stream"
# What a panel needs of its one conference; a token for it opens nothing else.
PANEL_ROUTES = frozenset(
    {PANEL_ROUTE, "/v1/conferences/{id}/pause", "/v1/conferences/{id}/resume", "/v1/conferences/{id}/utterances"}
)
PANEL_ROUTES_PREFIX = "/v1/conferences/{id}/assistants"
# Where a browser can send no header, a token may stand in the query: a frame's address, and an EventSource's.
TOKEN_IN_QUERY = frozenset({PANEL_ROUTE, STREAM_ROUTE})
SAFE_METHODS = frozenset({hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS})
BEARER = "Bearer "


@web.middleware
async def door(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Lets pass who may; sends browsers to ``/login`` and gives programs 401 with a stable code."""
    if _is_open(request):
        return await handler(request)
    try:
        caller = await caller_of(request)
    except StoreUnavailable as error:
        if request.path.startswith(API_PREFIX):
            raise
        return rendering.problem(request, error, title="Nobody can be signed in just now", status=503)
    if caller is None:
        return _turned_away(request)
    if caller.by == "session" and request.method not in SAFE_METHODS and not from_our_pages(request):
        log.warning("cross_site_request_refused", path=request.path, caller=caller.id)
        return _refused(request, "cross_site_request", "This request was not made by a page of this service.")
    known(request)
    if caller.by == "panel" and not _of_its_panel(request, caller):
        log.warning("panel_token_refused", path=request.path, caller=caller.id)
        return _refused(request, "panel_token_elsewhere", "This token is for the panel of one conference only.")
    request[CALLER] = caller
    return await handler(request)


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
    accounts, now = request.app[ACCOUNTS], request.app[CLOCK].now()
    authorization = request.headers.get(hdrs.AUTHORIZATION)
    if authorization is not None:
        if not authorization.startswith(BEARER):
            return None
        secret = authorization.removeprefix(BEARER).strip()
        if secret.startswith(PANEL_PREFIX):
            return await _panel_caller(request, secret)
        key = await accounts.key(token_hash(secret), now=now)
        return None if key is None else Caller(id=key.id, name=key.name, by="key")
    if _route(request) in TOKEN_IN_QUERY and "token" in request.query:
        return await _panel_caller(request, request.query["token"])
    cookie = site(request).cookie
    token = request.cookies.get(cookie) if cookie is not None else None
    session = await accounts.session(token_hash(token), now=now) if token else None
    return None if session is None else Caller(id=session.id, name=session.user.name, by="session")


async def _panel_caller(request: web.Request, secret: str) -> Caller | None:
    token = await request.app[ACCOUNTS].panel_token(token_hash(secret), now=request.app[CLOCK].now())
    if token is None:
        return None
    return Caller(id=token.id, name=token.name, by="panel", conference=token.conference_id)


def _of_its_panel(request: web.Request, caller: Caller) -> bool:
    route = _route(request)
    if route == STREAM_ROUTE:
        return set(request.query.getall("topic", [])) <= {f"conference:{caller.conference}"}
    listed = route in PANEL_ROUTES or route.startswith(PANEL_ROUTES_PREFIX)
    return listed and request.match_info["id"] == caller.conference


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return "" if resource is None else resource.canonical


def _is_open(request: web.Request) -> bool:
    pattern = _route(request)
    return pattern in OPEN_ROUTES | OWN_RULE or pattern.startswith(SIGNED_ROUTES_PREFIX)


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
    return web.Response(status=HTTPStatus.FORBIDDEN, text=f"{detail} ({code})\n")
