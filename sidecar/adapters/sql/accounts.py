"""Users, links, sessions and keys on SQL. Who may come in is decided in the statements: many may ask at once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, Table, and_, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.adapters.sql.engine import Database, serialise
from sidecar.adapters.sql.rows import AnyRow
from sidecar.adapters.sql.tables_access import api_keys, login_links, panel_tokens, sessions, users
from sidecar.domain.access.callers import (
    SESSION_IDLE,
    ApiKey,
    LoginLink,
    NameRefused,
    PanelToken,
    Scope,
    Session,
    User,
    UserRole,
    check_link,
)
from sidecar.domain.errors import NotFound, StoreUnavailable

AnySelect = Select[*tuple[Any, ...]]

# When something was last used is known to this, so that most requests only read.
USE_NOTED_EACH = timedelta(minutes=1)
# How long it is remembered why a link does not work any more.
OLD_LINKS_KEPT = timedelta(days=1)

_USER = (
    users.c.id.label("of_id"),
    users.c.name.label("of_name"),
    users.c.role.label("of_role"),
    users.c.created_at.label("of_created_at"),
    users.c.tenant.label("of_tenant"),
    users.c.password_hash.label("of_password_hash"),
)
_LINK = select(login_links, *_USER).join(users)
_SESSION = select(sessions, *_USER).join(users)


class SqlAccounts:
    """Fulfils ``ports.accounts.Accounts``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_user(self, user: User) -> None:
        """Raises NameRefused when somebody has that name."""
        async with self._database.write() as connection:
            await _claim_name(connection, users, user.name, what="user")
            row = {name: getattr(user, name) for name in ("id", "name", "role", "created_at", "tenant")}
            await connection.execute(users.insert().values(row))

    async def user_named(self, name: str) -> User | None:
        """By exact name."""
        found = await self._rows(select(users).where(users.c.name == name))
        return _user(found[0]) if found else None

    async def user(self, user_id: str, *, tenant: str) -> User:
        """Raises NotFound for an unknown id, and for a user of another tenant."""
        found = await self._rows(select(users).where(users.c.id == user_id, users.c.tenant == tenant))
        if not found:
            raise NotFound(f"There is no user {user_id[:64]}.")
        return _user(found[0])

    async def users(self, *, tenant: str | None = None) -> Sequence[User]:
        """All, or a tenant's, by name."""
        wanted = select(users).order_by(users.c.name)
        return [_user(row) for row in await self._rows(_of_tenant(wanted, users, tenant))]

    async def set_role(self, user_id: str, role: UserRole) -> None:
        """Ends every session of the user."""
        async with self._database.write() as connection:
            await connection.execute(update(users).where(users.c.id == user_id).values(role=role))
            await connection.execute(delete(sessions).where(sessions.c.user_id == user_id))

    async def password_hash(self, name: str) -> str | None:
        """None when nobody has that name, and for somebody without a password."""
        found = await self._rows(select(users.c.password_hash).where(users.c.name == name))
        return found[0].password_hash if found else None

    async def set_password(self, user_id: str, hashed: str | None, *, keep_session: str | None = None) -> None:
        """Ends every session of the user but ``keep_session``, and their links."""
        others = and_(sessions.c.user_id == user_id, sessions.c.id != (keep_session or ""))
        async with self._database.write() as connection:
            await connection.execute(update(users).where(users.c.id == user_id).values(password_hash=hashed))
            await connection.execute(delete(sessions).where(others))
            await connection.execute(delete(login_links).where(login_links.c.user_id == user_id))

    async def renew_hash(self, name: str, *, before: str, after: str) -> None:
        """Unless it has been changed meanwhile."""
        same = and_(users.c.name == name, users.c.password_hash == before)
        async with self._database.write() as connection:
            await connection.execute(update(users).where(same).values(password_hash=after))

    async def remove_user(self, user_id: str) -> None:
        """With every link and session."""
        async with self._database.write() as connection:
            await connection.execute(delete(sessions).where(sessions.c.user_id == user_id))
            await connection.execute(delete(login_links).where(login_links.c.user_id == user_id))
            await connection.execute(delete(users).where(users.c.id == user_id))

    async def add_link(self, link: LoginLink, *, token_hash: str) -> None:
        """Raises NotFound when the user is gone."""
        async with self._database.write() as connection:
            known = await connection.scalar(select(users.c.id).where(users.c.id == link.user.id).with_for_update())
            if known is None:
                raise NotFound(f"There is no user {link.user.id}.")
            row = {"token_hash": token_hash, "user_id": known, "reusable": link.reusable, "expires_at": link.expires_at}
            await connection.execute(login_links.insert().values(row))

    async def link(self, token_hash: str, *, now: datetime) -> LoginLink:
        """Raises LinkRefused."""
        async with self._database.read() as connection:
            return await _open_link(connection, token_hash, now)

    async def sign_in(
        self, *, link_hash: str, session_id: str, session_hash: str, expires_at: datetime, now: datetime
    ) -> Session:
        """One statement uses the link, so that of many callers one gets in. Clears away what is long over."""
        used = update(login_links).where(login_links.c.token_hash == link_hash, login_links.c.expires_at > now)
        used = used.where(or_(login_links.c.reusable, login_links.c.used_at.is_(None)))
        row = {"id": session_id, "token_hash": session_hash, "created_at": now, "last_used_at": now}
        async with self._database.write() as connection:
            taken = await connection.execute(used.values(used_at=now).returning(login_links.c.user_id))
            user_id = taken.scalar_one_or_none()
            if user_id is None:
                await _open_link(connection, link_hash, now)  # says why not
                raise StoreUnavailable("The link changed while it was being used.", next_step="Try it again.")
            await connection.execute(sessions.insert().values(row | {"user_id": user_id, "expires_at": expires_at}))
            await connection.execute(delete(sessions).where(~_not_ended(now)))
            await connection.execute(delete(login_links).where(login_links.c.expires_at < now - OLD_LINKS_KEPT))
            opened = (await connection.execute(_SESSION.where(sessions.c.id == session_id))).one()
        return _session(opened)

    async def open_session(
        self, user_id: str, *, session_id: str, session_hash: str, expires_at: datetime, now: datetime
    ) -> Session:
        """For somebody who has shown their password. NotFound when the user is gone."""
        row = {"id": session_id, "user_id": user_id, "token_hash": session_hash, "expires_at": expires_at}
        async with self._database.write() as connection:
            known = await connection.scalar(select(users.c.id).where(users.c.id == user_id).with_for_update())
            if known is None:
                raise NotFound(f"There is no user {user_id}.")
            await connection.execute(sessions.insert().values(row | {"created_at": now, "last_used_at": now}))
            await connection.execute(delete(sessions).where(~_not_ended(now)))
            return _session((await connection.execute(_SESSION.where(sessions.c.id == session_id))).one())

    async def sessions(self, user_id: str, *, now: datetime) -> Sequence[Session]:
        """Those that have not ended, the one used last first."""
        wanted = _SESSION.where(sessions.c.user_id == user_id, _not_ended(now))
        return [_session(row) for row in await self._rows(wanted.order_by(sessions.c.last_used_at.desc()))]

    async def session(self, token_hash: str, *, now: datetime) -> Session | None:
        """None for an unknown one and for one that has ended."""
        found = await self._rows(_SESSION.where(sessions.c.token_hash == token_hash, _not_ended(now)))
        if not found:
            return None
        await self._note_use(sessions, found[0], now)
        return _session(found[0])

    async def end_session(self, session_id: str) -> None:
        """Its row goes."""
        async with self._database.write() as connection:
            await connection.execute(delete(sessions).where(sessions.c.id == session_id))

    async def add_key(self, key: ApiKey, *, token_hash: str) -> None:
        """Raises NameRefused when a key that is not revoked has that name."""
        async with self._database.write() as connection:
            among = and_(_not_revoked(), api_keys.c.tenant == key.tenant)
            await _claim_name(connection, api_keys, key.name, among, what="key")
            row = msgspec.structs.asdict(key) | {"token_hash": token_hash, "scopes": " ".join(sorted(key.scopes))}
            await connection.execute(api_keys.insert().values(row))

    async def key(self, token_hash: str, *, now: datetime) -> ApiKey | None:
        """None for an unknown one, and for one that is revoked or has expired."""
        found = await self._rows(select(api_keys).where(api_keys.c.token_hash == token_hash, _key_opens(now)))
        if not found:
            return None
        await self._note_use(api_keys, found[0], now)
        return _key(found[0])

    async def keys(self, *, tenant: str | None = None) -> Sequence[ApiKey]:
        """All, or a tenant's, oldest first, revoked ones too."""
        wanted = select(api_keys).order_by(api_keys.c.created_at, api_keys.c.id)
        return [_key(row) for row in await self._rows(_of_tenant(wanted, api_keys, tenant))]

    async def revoke_key(self, name_or_id: str, *, tenant: str, now: datetime) -> ApiKey:
        """Raises NotFound when the tenant has no valid key of that name or id."""
        valid = update(api_keys).where(api_keys.c.tenant == tenant, _not_revoked()).values(revoked_at=now)
        row = None
        async with self._database.write() as connection:
            for column in (api_keys.c.id, api_keys.c.name):
                if row is None:
                    revoked = valid.where(column == name_or_id).returning(*api_keys.c)
                    row = (await connection.execute(revoked)).one_or_none()
        if row is None:
            raise NotFound(f"There is no valid key {name_or_id[:64]}.", next_step="List them: sidecar keys list")
        return _key(row)

    async def add_panel_token(self, token: PanelToken, *, token_hash: str) -> None:
        """Clears away those that have expired."""
        async with self._database.write() as connection:
            await connection.execute(delete(panel_tokens).where(panel_tokens.c.expires_at <= token.created_at))
            await connection.execute(
                panel_tokens.insert().values(msgspec.structs.asdict(token) | {"token_hash": token_hash})
            )

    async def panel_token(self, token_hash: str, *, now: datetime) -> PanelToken | None:
        """None for an unknown one and for one that has expired."""
        valid = select(panel_tokens).where(panel_tokens.c.token_hash == token_hash, panel_tokens.c.expires_at > now)
        found = await self._rows(valid)
        if not found:
            return None
        return PanelToken(**{name: getattr(found[0], name) for name in PanelToken.__struct_fields__})

    async def still_welcome(self, ids: Collection[str], *, now: datetime) -> set[str]:
        """Those that have not ended or been revoked; their use is noted."""
        wanted = sorted(ids)
        if not wanted:
            return set()
        valid = {
            sessions: and_(sessions.c.id.in_(wanted), _not_ended(now)),
            api_keys: and_(api_keys.c.id.in_(wanted), _key_opens(now)),
            panel_tokens: and_(panel_tokens.c.id.in_(wanted), panel_tokens.c.expires_at > now),
        }
        async with self._database.read() as connection:
            rows = [
                row
                for table, those in valid.items()
                for row in await connection.execute(select(table.c.id).where(those))
            ]
        with suppress(StoreUnavailable):
            async with self._database.write() as connection:
                for table, those in valid.items():
                    if table is panel_tokens:
                        continue  # however much it is used, it expires
                    await connection.execute(update(table).where(those).values(last_used_at=now))
        return {row.id for row in rows}

    async def _note_use(self, table: Table, row: AnyRow, now: datetime) -> None:
        if row.last_used_at is not None and now - row.last_used_at < USE_NOTED_EACH:
            return
        # A store that cannot be written just now must not keep people from reading.
        with suppress(StoreUnavailable):
            async with self._database.write() as connection:
                await connection.execute(update(table).where(table.c.id == row.id).values(last_used_at=now))

    async def _rows(self, statement: AnySelect) -> Sequence[AnyRow]:
        async with self._database.read() as connection:
            return (await connection.execute(statement)).all()


def _of_tenant(wanted: AnySelect, table: Table, tenant: str | None) -> AnySelect:
    return wanted if tenant is None else wanted.where(table.c.tenant == tenant)


def _not_ended(now: datetime) -> ColumnElement[bool]:
    return and_(sessions.c.expires_at > now, sessions.c.last_used_at > now - SESSION_IDLE)


def _not_revoked() -> ColumnElement[bool]:
    return api_keys.c.revoked_at.is_(None)


def _key_opens(now: datetime) -> ColumnElement[bool]:
    return and_(_not_revoked(), or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > now))


async def _claim_name(
    connection: AsyncConnection, table: Table, name: str, among: ColumnElement[bool] | None = None, *, what: str
) -> None:
    """Until the end of the transaction nobody else takes this name. Raises NameRefused when somebody has it."""
    await serialise(connection, f"{table.name} {name}")
    holders = select(table.c.id).where(table.c.name == name)
    if await connection.scalar(holders if among is None else holders.where(among)) is not None:
        raise NameRefused(
            f"There is a {what} {name} already.", next_step=f"Choose another name, or: sidecar {what}s list"
        )


async def _open_link(connection: AsyncConnection, token_hash: str, now: datetime) -> LoginLink:
    row = (await connection.execute(_LINK.where(login_links.c.token_hash == token_hash))).one_or_none()
    if row is None:
        return check_link(None, used=False, now=now)
    link = LoginLink(user=_user_of(row), reusable=row.reusable, expires_at=row.expires_at)
    return check_link(link, used=row.used_at is not None, now=now)


def _user(row: AnyRow, prefix: str = "") -> User:
    columns = {name: getattr(row, prefix + name) for name in ("id", "name", "created_at", "tenant")}
    has_password = getattr(row, f"{prefix}password_hash") is not None
    return User(**columns, role=UserRole(getattr(row, f"{prefix}role")), has_password=has_password)


def _user_of(row: AnyRow) -> User:
    """The user who was joined to a link or session."""
    return _user(row, "of_")


def _session(row: AnyRow) -> Session:
    return Session(
        id=row.id,
        user=_user_of(row),
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        expires_at=row.expires_at,
    )


def _key(row: AnyRow) -> ApiKey:
    columns = {name: getattr(row, name) for name in ApiKey.__struct_fields__}
    return ApiKey(**columns | {"scopes": frozenset(Scope(one) for one in row.scopes.split())})
