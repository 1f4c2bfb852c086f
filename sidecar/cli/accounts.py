"""The accounts of the settings' database, for the commands that look after them; and what they hand out."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from sidecar.adapters.clock import SystemClock
from sidecar.domain.access import KEY_PREFIX, ApiKey, LoginLink, User, UserRole, checked_name, token_hash
from sidecar.domain.errors import NotFound
from sidecar.ports.accounts import Accounts

KEY_BYTES = 20


@asynccontextmanager
async def open_accounts(url: str, *, may_make: bool = False) -> AsyncIterator[Accounts]:
    """The accounts, in a schema of this version. ``may_make``: a SQLite file that is not there yet is made."""
    from sidecar.adapters.sql import Database, SqlAccounts, migrate
    from sidecar.adapters.sql.engine import sqlite_file

    database = Database(url)
    try:
        file = sqlite_file(database.url)
        if file is not None and not may_make and not file.is_file():
            raise NotFound(
                f"There is no database {file}.",
                next_step="Go to the folder where the service runs, or set SIDECAR_DATABASE_URL.",
            )
        await migrate(url)
        yield SqlAccounts(database)
    finally:
        await database.close()


async def add_user(accounts: Accounts, name: str, role: UserRole) -> User:
    """A new user. Raises NameRefused."""
    clock = SystemClock()
    user = User(id=clock.new_id("usr"), name=checked_name(name), role=role, created_at=clock.now())
    await accounts.add_user(user)
    return user


async def add_link(accounts: Accounts, user: User, token: str, *, lasts: timedelta, reusable: bool = False) -> datetime:
    """A way to sign in with this token; the moment of its end."""
    expires_at = SystemClock().now() + lasts
    await accounts.add_link(
        LoginLink(user=user, reusable=reusable, expires_at=expires_at), token_hash=token_hash(token)
    )
    return expires_at


async def add_key(accounts: Accounts, name: str) -> str:
    """A new API key: the only time that it is seen. Raises NameRefused."""
    clock, secret = SystemClock(), KEY_PREFIX + secrets.token_hex(KEY_BYTES)
    key = ApiKey(id=clock.new_id("key"), name=checked_name(name), created_at=clock.now())
    await accounts.add_key(key, token_hash=token_hash(secret))
    return secret
