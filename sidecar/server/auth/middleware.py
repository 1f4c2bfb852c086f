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

from sidecar.domain.access.callers import Caller, Scope
from sidecar.server.app_keys import DIRECTORY
from sidecar.server.audit import AUDITED, audit, audit_read
from sidecar.server.auth.caller import CALLER, CONFERENCE, visible_conference
from sidecar.server.auth.identity import PANEL_ROUTE, STREAM_ROUTE, caller_of, from_our_pages, route_of
from sidecar.server.auth.rules import Of, Rule, Way, rule_of
from sidecar.server.limits import LIMITS
from sidecar.server.pages.panel_frame import panel_closed
from sidecar.server.pages.rendering import ProblemPage, respond
from sidecar.server.problems import API_PREFIX, problem
from sidecar.server.strangers import known

log = structlog.get_logger()

SAFE_METHODS = frozenset({hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS})
# What nobody has registered: who got in is told that it is not there.
NOWHERE = Rule(Way.CALLER)
# These check for themselves who asks.
OWN_CHECKS = frozenset({Way.OPEN, Way.TWILIO, Way.SCRAPER})


@web.middleware
async def door(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Lets pass who may; sends browsers to ``/login`` and gives programs 401 or 403 with a stable code.

    Raises TooOften; StoreUnavailable, when nobody can be known just now; NotFound for a conference that the caller may
    not see.
    """
    pattern = route_of(request)
    rule = rule_of(request.method, pattern) if pattern else NOWHERE
    if rule is not None and rule.need in OWN_CHECKS:
        return await handler(request)
    caller = await caller_of(request)
    if caller is None:
        return _turned_away(request)
    if rule is None:
        log.error("route_without_rule", method=request.method, route=pattern)
        return _refused(request, "route_without_rule", "Nobody has decided yet who may do this.")
    refused = _not_allowed(request, caller, rule)
    if refused is not None:
        return refused
    known(request)
    request[CALLER] = caller
    request.app[LIMITS].ask(request, caller, rule)
    await find_conference(request, rule)
    response = await handler(request)
    if request.method not in SAFE_METHODS and response.status < HTTPStatus.BAD_REQUEST and AUDITED not in request:
        target = request[CONFERENCE].id if CONFERENCE in request else next(iter(request.match_info.values()), "")
        await audit(request, f"{request.method} {pattern}", target)
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
        log.warning("scope_missing", route=route_of(request), caller=caller.id, scope=rule.need)
        if caller.by == "session":
            detail = f"Your role does not have {rule.need}, which this needs. Ask an admin."
        else:
            detail = f"This key does not have {rule.need}. Make one: sidecar keys create NAME --scope {rule.need}"
        return _refused(request, "scope_missing", detail)
    return None


async def find_conference(request: web.Request, rule: Rule) -> None:
    """Sets ``request[CONFERENCE]`` where the rule says so. One that the caller may not see is as one that is not there.

    Raises NotFound, StoreUnavailable.
    """
    if rule.of is Of.NOTHING:
        return
    id_or_sid = request.match_info["id"]
    if rule.of is Of.ANY_CONFERENCE and await request.app[DIRECTORY].conference(id_or_sid) is None:
        return
    request[CONFERENCE] = await visible_conference(request, id_or_sid)
    if rule.need is Scope.TRANSCRIPTS_READ:
        await audit_read(request, request[CONFERENCE])


def _of_its_panel(request: web.Request, caller: Caller, rule: Rule) -> bool:
    if route_of(request) == STREAM_ROUTE:
        return set(request.query.getall("topic", [])) <= {f"conference:{caller.conference}"}
    return rule.panel and request.match_info["id"] == caller.conference


def _turned_away(request: web.Request) -> web.Response:
    if hdrs.AUTHORIZATION in request.headers:
        log.warning("key_refused", path=request.path)
        request.app[LIMITS].wrong_key(request)
    if route_of(request) == PANEL_ROUTE and "token" in request.query:
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
        if route_of(request) == STREAM_ROUTE and "ticket" in request.query:
            detail = "The ticket was used already, or is older than a minute. Make one: POST /v1/stream_tickets"
    return problem(request, HTTPStatus.UNAUTHORIZED, code, detail, headers={hdrs.WWW_AUTHENTICATE: challenge})


def _refused(request: web.Request, code: str, detail: str) -> web.Response:
    if request.path.startswith(API_PREFIX):
        return problem(request, HTTPStatus.FORBIDDEN, code, detail)
    page = ProblemPage(title="You may not do this", message=detail, next_step="", code=code)
    return respond(request, "problem.html", page, status=HTTPStatus.FORBIDDEN)
