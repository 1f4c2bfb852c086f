"""Conferences go for good: every row that is about them, in every table there is or will be, in small transactions.

Tables say by a column ``conference_id`` that a row belongs to a conference. Other rows are listed here. What stays is
the entry in the audit log that says who deleted it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Delete, Table, delete, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.adapters.sql.engine import Database
from sidecar.adapters.sql.rows import conference_of
from sidecar.adapters.sql.search.index import merge_index
from sidecar.adapters.sql.tables import answers, conferences, dial_outs, metadata
from sidecar.adapters.sql.webhooks.tables import (
    has_response,
    webhook_attempts,
    webhook_deliveries,
    webhook_delivery_events,
)
from sidecar.domain.conference.values import Conference
from sidecar.domain.keeping import check_deletable

# Rows in one transaction: the event log waits some milliseconds for it.
STEP_ROWS = 500


class SqlErasure:
    """Fulfils ``ports.keeping.Erasure``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, conference: Conference, *, now: datetime) -> None:
        """Looks at the row as it is now."""
        this = conferences.c.id == conference.id
        async with self._database.write() as connection:
            row = (await connection.execute(select(conferences).where(this).with_for_update())).one_or_none()
            if row is None:
                return
            check_deletable(conference_of(row), complete=row.completed_at is not None)
            await connection.execute(update(conferences).where(this).values(erasing_at=now))

    async def go_on(self, conference_id: str) -> bool:
        """Children before parents, the conference itself last."""
        async with self._database.write() as connection:
            if await _erase_some(connection, conference_id):
                return True
        return False

    async def begun(self) -> Sequence[str]:
        """Those that a process did not finish, too."""
        wanted = select(conferences.c.id).where(conferences.c.erasing_at.is_not(None))
        async with self._database.read() as connection:
            return [row.id for row in await connection.execute(wanted)]

    async def due(self, tenant: str, *, ended_before: datetime, limit: int) -> Sequence[Conference]:
        """By the time of their end."""
        wanted = select(conferences).where(
            conferences.c.tenant == tenant,
            conferences.c.ended_at < ended_before,
            conferences.c.completed_at.is_not(None),
            conferences.c.erasing_at.is_(None),
        )
        async with self._database.read() as connection:
            rows = await connection.execute(wanted.order_by(conferences.c.ended_at).limit(limit))
        return [conference_of(row) for row in rows]

    async def tenants(self) -> Sequence[str]:
        """Whoever has a row."""
        async with self._database.read() as connection:
            return [row[0] for row in await connection.execute(select(conferences.c.tenant).distinct())]

    async def wipe(self) -> bool:
        """Of the words for searches, too. See ``Database.wipe``."""
        await merge_index(self._database)
        return await self._database.wipe()


async def _erase_some(connection: AsyncConnection, conference_id: str) -> bool:
    # That somebody was called still counts for the caps; whom and where from is forgotten.
    forgotten = update(dial_outs).where(dial_outs.c.conference_id == conference_id)
    await connection.execute(forgotten.values(conference_id=None, label=""))
    # A batch tells of other conferences, too, and stays. What was answered to it may quote this one.
    told = webhook_delivery_events
    quoting = select(told.c.delivery_id).where(told.c.conference_id == conference_id)
    answered = update(webhook_attempts).where(has_response, webhook_attempts.c.delivery_id.in_(quoting))
    await connection.execute(answered.values(response=""))
    for statement in _steps(conference_id):
        if (await connection.execute(statement)).rowcount:
            return True
    return False


def _steps(conference_id: str) -> list[Delete]:
    """In order; each takes some rows, and the next begins when there are none left."""
    mine = select(webhook_deliveries.c.id).where(webhook_deliveries.c.conference_id == conference_id)
    steps = [
        _some(answers, answers.c.body.contains(conference_id, autoescape=True)),
        _some(webhook_attempts, webhook_attempts.c.delivery_id.in_(mine)),
        _some(webhook_delivery_events, webhook_delivery_events.c.delivery_id.in_(mine)),
    ]
    tables = [one for one in reversed(metadata.sorted_tables) if "conference_id" in one.c and one is not dial_outs]
    steps += [_some(table, table.c.conference_id == conference_id) for table in tables]
    return [*steps, _some(conferences, conferences.c.id == conference_id)]


def _some(table: Table, condition: ColumnElement[bool]) -> Delete:
    key = tuple_(*table.primary_key.columns)
    chosen = select(*table.primary_key.columns).where(condition).limit(STEP_ROWS)
    return delete(table).where(key.in_(chosen))
