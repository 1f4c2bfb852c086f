"""The door: without a session or key a request gets no further, except to the routes that are listed here.

A key counts by itself; a cookie comes along whoever made the browser ask, so what changes something must come from our
own pages (https://developer.mozilla.org/docs/Glossary/CSRF).
"""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import quote

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from sidecar.domain.access import Caller, token_hash
from sidecar.domain.errors import StoreUnavailable
from sidecar.server.app_keys import ACCOUNTS, CLOCK, TWILIO_EDGE
from sidecar.server.auth.caller import CALLER
from sidecar.server.auth.site import Site, site_of
from sidecar.server.pages import rendering
from sidecar.server.problems import API_PREFIX, problem
from sidecar.server.strangers import STRANGERS, known

log = structlog.get_logger()

# By the route's own pattern: what a path looks like does not matter, only whose handler would run.
OPEN_ROUTES = frozenset({"/healthz", "/readyz", "/login", "/static/{version}/{path}"})
# Figures for scrapers: a token of its own, or this machine.
OWN_RULE = frozenset({"/metrics"})
# Each of these checks Twilio's signature before anything else.
SIGNED_ROUTES_PREFIX = "/twilio/"
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
    """By the key, if there is an Authorization header, else by the session cookie. Raises StoreUnavailable."""
    accounts, now = request.app[ACCOUNTS], request.app[CLOCK].now()
    authorization = request.headers.get(hdrs.AUTHORIZATION)
    if authorization is not None:
        if not authorization.startswith(BEARER):
            return None
        key = await accounts.key(token_hash(authorization.removeprefix(BEARER).strip()), now=now)
        return None if key is None else Caller(id=key.id, name=key.name, by="key")
    cookie = site(request).cookie
    token = request.cookies.get(cookie) if cookie is not None else None
    session = await accounts.session(token_hash(token), now=now) if token else None
    return None if session is None else Caller(id=session.id, name=session.user.name, by="session")


def _is_open(request: web.Request) -> bool:
    resource = request.match_info.route.resource
    pattern = "" if resource is None else resource.canonical
    return pattern in OPEN_ROUTES | OWN_RULE or pattern.startswith(SIGNED_ROUTES_PREFIX)


def _turned_away(request: web.Request) -> web.Response:
    if hdrs.AUTHORIZATION in request.headers:
        log.warning("key_refused", path=request.path)
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
