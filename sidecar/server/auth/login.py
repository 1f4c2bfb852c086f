"""``/login`` and ``/logout``: a link, or a name with its password, becomes a session; a session ends."""

from __future__ import annotations

import functools
from datetime import datetime
from http import HTTPStatus
from typing import TypedDict

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from sidecar.domain.access.callers import SESSION_LONGEST, LinkRefused, Session, token_hash
from sidecar.domain.access.passwords import SignInRefused
from sidecar.domain.errors import NotFound
from sidecar.server.app_keys import ACCOUNTS, CLOCK, STREAM_HUB, TWILIO_EDGE
from sidecar.server.audit import audit
from sidecar.server.auth import login_view
from sidecar.server.auth.by_password import user_by_password
from sidecar.server.auth.caller import CALLER
from sidecar.server.auth.identity import caller_of, from_our_pages, session_caller, site
from sidecar.server.auth.login_view import LoginPage
from sidecar.server.auth.next_path import safe_next
from sidecar.server.forms import form_of, go_on
from sidecar.server.limits import TooOften
from sidecar.server.pages.rendering import respond
from sidecar.server.problems import come_back

log = structlog.get_logger()


def add_login(app: web.Application) -> None:
    """Register the pages to sign in and out."""
    # A HEAD of a link that signs in by being opened would be a session that nobody has.
    app.router.add_get("/login", show, allow_head=False)
    app.router.add_post("/login", sign_in)
    app.router.add_post("/logout", sign_out)


class _Opening(TypedDict):
    """Of a session that is about to be opened."""

    session_id: str
    session_hash: str
    expires_at: datetime
    now: datetime


def _answers_in_pages(handler: Handler) -> Handler:
    """Where there can be no session, when a link opens nothing and after too many tries, a page says what to do."""

    @functools.wraps(handler)
    async def answer(request: web.Request) -> web.StreamResponse:
        if site(request).cookie is None:
            host, public_url = request.headers.get(hdrs.HOST, ""), request.app[TWILIO_EDGE].public_url
            return _page(request, login_view.not_over_http(host, public_url), HTTPStatus.FORBIDDEN)
        try:
            return await handler(request)
        except LinkRefused as error:
            log.warning("sign_in_refused", reason=error.code)
            return _page(request, login_view.refused(error), HTTPStatus.FORBIDDEN)
        except TooOften as error:
            page = _page(request, login_view.too_often(error), HTTPStatus.TOO_MANY_REQUESTS)
            page.headers.update(come_back(error))
            return page

    return answer


@_answers_in_pages
async def show(request: web.Request) -> web.StreamResponse:
    """``GET /login[?token=][&next=]``: without a token the way to get one; with one, its button.

    Who is signed in goes on to ``next``. A link that may be used again (a demo's) signs in at once.
    """
    token, next_path = request.query.get("token", ""), safe_next(request.query.get("next", "/"))
    caller = await caller_of(request)
    if not token and caller is None:
        return _page(request, login_view.ask(next_path, signed_out="signed_out" in request.query))
    try:
        link = await request.app[ACCOUNTS].link(token_hash(token), now=request.app[CLOCK].now())
    except LinkRefused:
        if caller is None:
            raise
        return go_on(next_path)
    if not link.reusable:
        return _page(request, login_view.confirm(link, token, next_path))
    if caller is not None and caller.name == link.user.name:
        return go_on(next_path)
    return await _signed_in(request, token, next_path)


@_answers_in_pages
async def sign_in(request: web.Request) -> web.StreamResponse:
    """``POST /login``: the button of a link, or a name and its password."""
    if not from_our_pages(request):
        log.warning("cross_site_request_refused", path=request.path)
        origin = request.headers.get(hdrs.ORIGIN, "no site at all")
        return _page(request, login_view.other_site(origin, site(request).origin), HTTPStatus.FORBIDDEN)
    form = await form_of(request)
    next_path = safe_next(form.get("next", "/"))
    if "name" not in form:
        return await _signed_in(request, form.get("token", ""), next_path)
    try:
        user = await user_by_password(request, form["name"], form.get("password", ""))
        fresh, opening = _opening(request)
        session = await request.app[ACCOUNTS].open_session(user.id, **opening)
    except (SignInRefused, NotFound):
        return _page(request, login_view.wrong_password(form["name"], next_path), HTTPStatus.FORBIDDEN)
    return await _let_in(request, session, fresh, next_path)


@_answers_in_pages
async def sign_out(request: web.Request) -> web.StreamResponse:
    """``POST /logout``: the session ends everywhere at once, open streams included."""
    caller, here = request[CALLER], site(request)
    if caller.by == "session":
        await _end(request, caller.id)
        log.info("signed_out", session=caller.id)
        await audit(request, "session.ended", caller.id)
    response = go_on("/login?signed_out=1")
    if here.cookie is not None:
        response.del_cookie(here.cookie, path="/", secure=here.secure, httponly=True, samesite="Lax")
    return response


async def _signed_in(request: web.Request, token: str, next_path: str) -> web.Response:
    """Use the link; the browser's session of before, if there is one, ends. Raises LinkRefused, StoreUnavailable."""
    fresh, opening = _opening(request)
    session = await request.app[ACCOUNTS].sign_in(link_hash=token_hash(token), **opening)
    return await _let_in(request, session, fresh, next_path)


def _opening(request: web.Request) -> tuple[str, _Opening]:
    """A fresh token for a cookie, and the session that it stands for."""
    clock = request.app[CLOCK]
    now, fresh = clock.now(), clock.new_token()
    return fresh, _Opening(
        session_id=clock.new_id("uss"), session_hash=token_hash(fresh), expires_at=now + SESSION_LONGEST, now=now
    )


async def _let_in(request: web.Request, session: Session, fresh: str, next_path: str) -> web.Response:
    """The cookie with this token; the browser's session of before, if there is one, ends."""
    log.info("signed_in", user=session.user.id, session=session.id)
    before = await caller_of(request)
    request[CALLER] = session_caller(session)
    await audit(request, "session.opened", session.id)
    if before is not None and before.by == "session":
        await _end(request, before.id)
    here, response = site(request), go_on(next_path)
    if here.cookie is not None:
        response.set_cookie(
            here.cookie,
            fresh,
            path="/",
            max_age=int(SESSION_LONGEST.total_seconds()),
            secure=here.secure,
            httponly=True,
            samesite="Lax",
        )
    return response


async def _end(request: web.Request, session_id: str) -> None:
    await request.app[ACCOUNTS].end_session(session_id)
    request.app[STREAM_HUB].close_of(session_id)


def _page(request: web.Request, page: LoginPage, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    return respond(request, "login.html", page, status=status)
