"""``/settings/account``: one's own password and sessions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web

from sidecar.domain.access.callers import Session
from sidecar.domain.access.passwords import PasswordRefused, SignInRefused, checked_password
from sidecar.server.app_keys import ACCOUNTS, CLOCK, PASSWORDS, STREAM_HUB
from sidecar.server.audit import audit
from sidecar.server.auth.by_password import user_by_password
from sidecar.server.auth.caller import CALLER
from sidecar.server.forms import form_of, go_on
from sidecar.server.limits import TooOften
from sidecar.server.pages.settings.frame import respond_settings
from sidecar.server.problems import come_back

PATH = "/settings/account"
_SAID = {
    "password": "The password is set. Your other sessions have ended.",
    "ended": "The session has ended.",
    "others": "All your other sessions have ended.",
}


@dataclass(frozen=True, kw_only=True)
class AccountPage:
    """All that ``settings/account.html`` may use. ``own``: the id of the session that asks."""

    name: str
    role: str
    has_password: bool
    sessions: Sequence[Session]
    own: str
    said: str = ""
    error: str = ""


async def show(request: web.Request) -> web.Response:
    """``GET``: a form for the password, and where one is signed in."""
    return await _page(request, said=_SAID.get(request.query.get("done", ""), ""))


async def set_password(request: web.Request) -> web.Response:
    """``POST …/password``: asks for the present one, if there is one. All other sessions end."""
    caller, accounts, form = request[CALLER], request.app[ACCOUNTS], await form_of(request)
    try:
        if await accounts.password_hash(caller.name) is not None:
            await user_by_password(request, caller.name, form.get("present", ""))
        if form.get("new") != form.get("again"):
            return await _page(request, error="The two new passwords differ.", status=HTTPStatus.UNPROCESSABLE_ENTITY)
        chosen = checked_password(form.get("new", ""), name=caller.name)
    except SignInRefused:
        return await _page(
            request, error="The present password is another one.", status=HTTPStatus.UNPROCESSABLE_ENTITY
        )
    except PasswordRefused as error:
        return await _page(request, error=str(error), status=HTTPStatus.UNPROCESSABLE_ENTITY)
    except TooOften as error:
        response = await _page(request, error=str(error), status=error.status)
        response.headers.update(come_back(error))
        return response
    user, others = caller.user or "", await _others(request)
    await accounts.set_password(user, await request.app[PASSWORDS].hashed(chosen), keep_session=caller.id)
    request.app[STREAM_HUB].close_of(*others)
    await audit(request, "user.password_changed", user)
    return go_on(f"{PATH}?done=password")


async def end_session(request: web.Request) -> web.Response:
    """``POST …/sessions/{session}/end``: one of one's own; any other is left alone."""
    wanted = request.match_info["session"]
    if wanted in {one.id for one in await _sessions(request)}:
        await _end(request, [wanted])
    return go_on(f"{PATH}?done=ended")


async def end_others(request: web.Request) -> web.Response:
    """``POST …/sessions/end_others``: wherever else one is signed in."""
    await _end(request, await _others(request))
    return go_on(f"{PATH}?done=others")


async def _sessions(request: web.Request) -> Sequence[Session]:
    return await request.app[ACCOUNTS].sessions(request[CALLER].user or "", now=request.app[CLOCK].now())


async def _others(request: web.Request) -> list[str]:
    return [one.id for one in await _sessions(request) if one.id != request[CALLER].id]


async def _end(request: web.Request, sessions: Sequence[str]) -> None:
    for session in sessions:
        await request.app[ACCOUNTS].end_session(session)
        await audit(request, "session.ended", session)
    request.app[STREAM_HUB].close_of(*sessions)


async def _page(request: web.Request, *, said: str = "", error: str = "", status: int = HTTPStatus.OK) -> web.Response:
    caller = request[CALLER]
    page = AccountPage(
        name=caller.name,
        role=str(caller.role or ""),
        has_password=await request.app[ACCOUNTS].password_hash(caller.name) is not None,
        sessions=await _sessions(request),
        own=caller.id,
        said=said,
        error=error,
    )
    return respond_settings(request, "settings/account.html", page, status=status)
