"""``/settings/users``: who may sign in to the caller's tenant, and as what."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial, wraps
from http import HTTPStatus

from aiohttp import web

from sidecar.domain.access.callers import LINK_LASTS, LoginLink, NameRefused, User, UserRole, checked_name, token_hash
from sidecar.domain.errors import NotFound
from sidecar.server.app_keys import ACCOUNTS, CLOCK, STREAM_HUB, TWILIO_EDGE
from sidecar.server.audit import audit
from sidecar.server.auth.caller import CALLER
from sidecar.server.forms import Form, form_of, go_on
from sidecar.server.pages.settings.frame import respond_settings

PATH = "/settings/users"
ROLES = (
    (UserRole.VIEWER, "Viewer: reads everything"),
    (UserRole.AGENT, "Agent: own calls only"),
    (UserRole.SUPERVISOR, "Supervisor: everything about calls"),
    (UserRole.ADMIN, "Admin: everything"),
)
_SAID = {
    "role": "The role is changed. They sign in anew.",
    "removed": "They may not sign in any more.",
    "cleared": "The password is gone. Make a link, by which they set another.",
}


@dataclass(frozen=True, kw_only=True)
class UsersPage:
    """All that ``settings/users.html`` may use. ``link``: that signs somebody in, shown this once."""

    users: Sequence[User]
    roles: Sequence[tuple[UserRole, str]]
    own: str
    name: str = ""
    link: str = ""
    said: str = ""
    error: str = ""


async def show(request: web.Request) -> web.Response:
    """``GET``: everybody, and a form for somebody new."""
    return await _page(request, said=_SAID.get(request.query.get("done", ""), ""))


async def add(request: web.Request) -> web.Response:
    """``POST``: the page with a link for the new user, shown this once."""
    form, clock = await form_of(request), request.app[CLOCK]
    try:
        user = User(
            id=clock.new_id("usr"),
            name=checked_name(form.get("name", "")),
            role=_role(form) or UserRole.VIEWER,
            created_at=clock.now(),
            tenant=request[CALLER].tenant,
        )
        await request.app[ACCOUNTS].add_user(user)
    except NameRefused as error:
        return await _page(
            request, name=form.get("name", ""), error=error.message, status=HTTPStatus.UNPROCESSABLE_ENTITY
        )
    await audit(request, "user.added", user.id, after={"name": user.name, "role": user.role})
    return await _with_link(request, user)


def _with_user(
    act: Callable[[web.Request, User], Awaitable[web.Response]], *, oneself: bool = False
) -> Callable[[web.Request], Awaitable[web.Response]]:
    """The handler of an act on a user of the caller's tenant; the page says it when there is none. ``oneself``: it may
    be done to oneself, too."""

    @wraps(act)
    async def handler(request: web.Request) -> web.Response:
        try:
            if not oneself and request.match_info["user"] == request[CALLER].user:
                raise NotFound("Nobody does this to themselves.")  # the page has no such button
            user = await request.app[ACCOUNTS].user(request.match_info["user"], tenant=request[CALLER].tenant)
        except NotFound as error:
            return await _page(request, error=error.message, status=HTTPStatus.NOT_FOUND)
        return await act(request, user)

    return handler


@partial(_with_user, oneself=True)
async def make_link(request: web.Request, user: User) -> web.Response:
    """``POST …/{user}/link``: the page with a link, shown this once."""
    return await _with_link(request, user)


@_with_user
async def change_role(request: web.Request, user: User) -> web.Response:
    """``POST …/{user}/role``: their sessions end. Nobody changes their own, so that there is always an admin."""
    role = _role(await form_of(request))
    if role is not None and role is not user.role:
        ended = await _sessions(request, user)
        await request.app[ACCOUNTS].set_role(user.id, role)
        request.app[STREAM_HUB].close_of(*ended)
        await audit(request, "user.role_changed", user.id, before={"role": user.role}, after={"role": role})
    return go_on(f"{PATH}?done=role")


@_with_user
async def clear_password(request: web.Request, user: User) -> web.Response:
    """``POST …/{user}/clear_password``: for somebody who forgot it. Their sessions end."""
    ended = await _sessions(request, user)
    await request.app[ACCOUNTS].set_password(user.id, None)
    request.app[STREAM_HUB].close_of(*ended)
    await audit(request, "user.password_cleared", user.id)
    return go_on(f"{PATH}?done=cleared")


@_with_user
async def remove(request: web.Request, user: User) -> web.Response:
    """``POST …/{user}/remove``: with every session."""
    ended = await _sessions(request, user)
    await request.app[ACCOUNTS].remove_user(user.id)
    request.app[STREAM_HUB].close_of(*ended)
    await audit(request, "user.removed", user.id, before={"name": user.name, "role": user.role})
    return go_on(f"{PATH}?done=removed")


def _role(form: Form) -> UserRole | None:
    return next((role for role in UserRole if role == form.get("role")), None)


async def _sessions(request: web.Request, user: User) -> list[str]:
    return [one.id for one in await request.app[ACCOUNTS].sessions(user.id, now=request.app[CLOCK].now())]


async def _with_link(request: web.Request, user: User) -> web.Response:
    clock = request.app[CLOCK]
    token = clock.new_token()
    link = LoginLink(user=user, reusable=False, expires_at=clock.now() + LINK_LASTS)
    await request.app[ACCOUNTS].add_link(link, token_hash=token_hash(token))
    await audit(request, "link.made", user.id)
    address = request.app[TWILIO_EDGE].url(f"/login?token={token}")
    return await _page(request, link=address, said=f"{user.name} signs in by this link, once, within 15 minutes.")


async def _page(
    request: web.Request,
    *,
    name: str = "",
    link: str = "",
    said: str = "",
    error: str = "",
    status: int = HTTPStatus.OK,
) -> web.Response:
    caller = request[CALLER]
    page = UsersPage(
        users=await request.app[ACCOUNTS].users(tenant=caller.tenant),
        roles=ROLES,
        own=caller.user or "",
        name=name,
        link=link,
        said=said,
        error=error,
    )
    return respond_settings(request, "settings/users.html", page, status=status)
