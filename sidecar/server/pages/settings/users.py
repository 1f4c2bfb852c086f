"""``/settings/users``: who may sign in to the caller's tenant, and as what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web

from sidecar.domain.access import LINK_LASTS, LoginLink, NameRefused, User, UserRole, checked_name, token_hash
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


async def make_link(request: web.Request) -> web.Response:
    """``POST …/{user}/link``: the page with a link, shown this once."""
    try:
        user = await _user(request)
    except NotFound as error:
        return await _missing(request, error)
    return await _with_link(request, user)


async def change_role(request: web.Request) -> web.Response:
    """``POST …/{user}/role``: their sessions end. Nobody changes their own, so that there is always an admin."""
    role = _role(await form_of(request))
    try:
        user = await _another_user(request)
    except NotFound as error:
        return await _missing(request, error)
    if role is not None and role is not user.role:
        ended = await _sessions(request, user)
        await request.app[ACCOUNTS].set_role(user.id, role)
        request.app[STREAM_HUB].close_of(*ended)
        await audit(request, "user.role_changed", user.id, before={"role": user.role}, after={"role": role})
    return go_on(f"{PATH}?done=role")


async def clear_password(request: web.Request) -> web.Response:
    """``POST …/{user}/clear_password``: for somebody who forgot it. Their sessions end."""
    try:
        user = await _another_user(request)
    except NotFound as error:
        return await _missing(request, error)
    ended = await _sessions(request, user)
    await request.app[ACCOUNTS].set_password(user.id, None)
    request.app[STREAM_HUB].close_of(*ended)
    await audit(request, "user.password_cleared", user.id)
    return go_on(f"{PATH}?done=cleared")


async def remove(request: web.Request) -> web.Response:
    """``POST …/{user}/remove``: with every session."""
    try:
        user = await _another_user(request)
    except NotFound as error:
        return await _missing(request, error)
    ended = await _sessions(request, user)
    await request.app[ACCOUNTS].remove_user(user.id)
    request.app[STREAM_HUB].close_of(*ended)
    await audit(request, "user.removed", user.id, before={"name": user.name, "role": user.role})
    return go_on(f"{PATH}?done=removed")


def _role(form: Form) -> UserRole | None:
    return next((role for role in UserRole if role == form.get("role")), None)


async def _user(request: web.Request) -> User:
    return await request.app[ACCOUNTS].user(request.match_info["user"], tenant=request[CALLER].tenant)


async def _another_user(request: web.Request) -> User:
    """Raises NotFound for oneself too: the page has no such button."""
    if request.match_info["user"] == request[CALLER].user:
        raise NotFound("Nobody does this to themselves.")
    return await _user(request)


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


async def _missing(request: web.Request, error: NotFound) -> web.Response:
    return await _page(request, error=error.message, status=HTTPStatus.NOT_FOUND)


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
