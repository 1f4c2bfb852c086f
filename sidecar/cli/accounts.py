"""The accounts of the settings' database, for the commands that look after them; and what they hand out."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import NamedTuple

from sidecar.adapters.clock import SystemClock
from sidecar.cli.store import open_database
from sidecar.domain.access.callers import EVERYTHING, ApiKey, LoginLink, Scope, User, UserRole, checked_name, token_hash
from sidecar.domain.access.keys import RANDOM_BYTES, key_of, new_key
from sidecar.domain.audit import AuditEntry
from sidecar.ports.accounts import Accounts
from sidecar.ports.audit import AuditLog


class Office(NamedTuple):
    """The accounts, and the audit log in which commands stand too."""

    accounts: Accounts
    audit: AuditLog

    async def note(self, tenant: str, action: str, target: str, **after: str | None) -> None:
        """What a command did. Raises StoreUnavailable."""
        clock = SystemClock()
        await self.audit.add(
            AuditEntry(
                id=clock.new_id("aud"), tenant=tenant, at=clock.now(), actor="cli", actor_name="", by="cli",
                action=action, target=target, address="", after=after or None,
            )
        )  # fmt: skip


@asynccontextmanager
async def open_accounts(url: str, *, may_make: bool = False) -> AsyncIterator[Accounts]:
    """The accounts, in a schema of this version. ``may_make``: a SQLite file that is not there yet is made."""
    async with open_office(url, may_make=may_make) as office:
        yield office.accounts


@asynccontextmanager
async def open_office(url: str, *, may_make: bool = False) -> AsyncIterator[Office]:
    """The same with the audit log."""
    from sidecar.adapters.sql import SqlAccounts, SqlAuditLog, migrate

    async with open_database(url, may_make=may_make) as database:
        await migrate(url)
        yield Office(SqlAccounts(database), SqlAuditLog(database))


async def add_user(accounts: Accounts, name: str, role: UserRole, tenant: str = "") -> User:
    """A new user. Raises NameRefused."""
    clock = SystemClock()
    user = User(id=clock.new_id("usr"), name=checked_name(name), role=role, created_at=clock.now(), tenant=tenant)
    await accounts.add_user(user)
    return user


async def add_link(accounts: Accounts, user: User, token: str, *, lasts: timedelta, reusable: bool = False) -> datetime:
    """A way to sign in with this token; the moment of its end."""
    expires_at = SystemClock().now() + lasts
    await accounts.add_link(
        LoginLink(user=user, reusable=reusable, expires_at=expires_at), token_hash=token_hash(token)
    )
    return expires_at


async def add_key(
    accounts: Accounts,
    name: str,
    *,
    scopes: Collection[Scope] = EVERYTHING,
    tenant: str = "",
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """A new API key, and the only sight of it. Raises NameRefused, ScopeRefused."""
    clock, secret = SystemClock(), key_of(secrets.token_bytes(RANDOM_BYTES))
    key = new_key(
        clock.new_id("key"), name, secret, scopes=scopes, tenant=tenant, now=clock.now(), expires_at=expires_at
    )
    await accounts.add_key(key, token_hash=token_hash(secret))
    return key, secret
