"""Ways past the door for tests: a key, a session, and, where a test builds a part of the app only, no door at all."""

from __future__ import annotations

from datetime import timedelta

from aiohttp import web
from aiohttp.typedefs import Handler

from sidecar.adapters.clock import SystemClock
from sidecar.adapters.sql import Database, SqlAuditLog
from sidecar.domain.access.callers import (
    EVERYTHING,
    SESSION_LONGEST,
    ApiKey,
    Caller,
    LoginLink,
    Scope,
    User,
    UserRole,
    token_hash,
)
from sidecar.ports.accounts import Accounts
from sidecar.ports.clock import Clock
from sidecar.server.app_keys import AUDIT, CLOCK
from sidecar.server.auth.caller import CALLER
from sidecar.server.auth.middleware import find_conference
from sidecar.server.auth.rules import rule_of
from sidecar.server.limits import LIMITS, Limits
from sidecar.server.strangers import STRANGERS, Strangers

KEY = "sck_of_the_tests"
BEARER = {"Authorization": f"Bearer {KEY}"}


async def add_key(
    accounts: Accounts,
    *,
    secret: str = KEY,
    name: str = "tests",
    clock: Clock | None = None,
    scopes: frozenset[Scope] = EVERYTHING,
    tenant: str = "",
) -> None:
    """A key for programs; it may do everything unless told otherwise."""
    clock = clock or SystemClock()
    key = ApiKey(id=clock.new_id("key"), name=name, created_at=clock.now(), scopes=scopes, tenant=tenant)
    await accounts.add_key(key, token_hash=token_hash(secret))


async def add_user(
    accounts: Accounts,
    name: str = "Ana",
    *,
    clock: Clock | None = None,
    role: UserRole = UserRole.SUPERVISOR,
    tenant: str = "",
) -> User:
    """Somebody who may sign in."""
    clock = clock or SystemClock()
    user = User(id=clock.new_id("usr"), name=name, role=role, created_at=clock.now(), tenant=tenant)
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


def open_house(app: web.Application, database: Database) -> None:
    """What ``no_door`` needs, in a test that builds a part of the app."""
    app[LIMITS], app[STRANGERS], app[AUDIT] = Limits(per_minute=0), Strangers(sockets_most=1), SqlAuditLog(database)
    app[CLOCK] = SystemClock()  # unless the test brings its own


@web.middleware
async def no_door(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Everybody is the same session, of somebody who may do everything."""
    request[CALLER] = Caller(
        id="uss_tests", name="Ana", by="session", tenant="", scopes=EVERYTHING, role=UserRole.ADMIN, user="usr_tests"
    )
    resource = request.match_info.route.resource
    rule = rule_of(request.method, "" if resource is None else resource.canonical)
    if rule is not None:
        await find_conference(request, rule)
    return await handler(request)
