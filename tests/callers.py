"""Ways past the door for tests: a key, a session, and, where a test builds a part of the app only, no door at all."""

from __future__ import annotations

from datetime import timedelta

from aiohttp import web
from aiohttp.typedefs import Handler

from sidecar.adapters.clock import SystemClock
from sidecar.domain.access import SESSION_LONGEST, ApiKey, Caller, LoginLink, User, UserRole, token_hash
from sidecar.ports.accounts import Accounts
from sidecar.ports.clock import Clock
from sidecar.server.auth.caller import CALLER

KEY = "sck_of_the_tests"
BEARER = {"Authorization": f"Bearer {KEY}"}


async def add_key(accounts: Accounts, *, secret: str = KEY, name: str = "tests", clock: Clock | None = None) -> None:
    """A key for programs."""
    clock = clock or SystemClock()
    await accounts.add_key(
        ApiKey(id=clock.new_id("key"), name=name, created_at=clock.now()), token_hash=token_hash(secret)
    )


async def add_user(accounts: Accounts, name: str = "Ana", *, clock: Clock | None = None) -> User:
    """Somebody who may sign in."""
    clock = clock or SystemClock()
    user = User(id=clock.new_id("usr"), name=name, role=UserRole.SUPERVISOR, created_at=clock.now())
    await accounts.add_user(user)
    return user


async def add_link(
    accounts: Accounts,
    user: User,
    token: str,
    *,
    reusable: bool = False,
    lasts: float = 60.0,
    clock: Clock | None = None,
) -> None:
    """A link; ``lasts`` in seconds."""
    expires_at = (clock or SystemClock()).now() + timedelta(seconds=lasts)
    await accounts.add_link(
        LoginLink(user=user, reusable=reusable, expires_at=expires_at), token_hash=token_hash(token)
    )


async def add_session(accounts: Accounts, user: User, token: str) -> None:
    """A session as a browser has it whose cookie holds this token."""
    clock, link = SystemClock(), SystemClock().new_token()
    await add_link(accounts, user, link)
    await accounts.sign_in(
        link_hash=token_hash(link), session_id=clock.new_id("uss"), session_hash=token_hash(token),
        expires_at=clock.now() + SESSION_LONGEST, now=clock.now(),
    )  # fmt: skip


@web.middleware
async def no_door(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Everybody is the same session."""
    request[CALLER] = Caller(id="uss_tests", name="Ana", by="session")
    return await handler(request)
