"""Placed calls on SQL. Counting and noting are one transaction, so that many at once do not exceed a cap."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import ColumnElement, delete, func, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.adapters.sql.engine import Database, serialise
from sidecar.adapters.sql.tables import dial_outs
from sidecar.domain.conference.values import unique_label
from sidecar.domain.dial_out import DialOutRefused
from sidecar.ports.dial_outs import DialOut

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# Rows are kept beyond what the caps need, for whoever wants to know who placed calls.
KEPT = timedelta(days=90)


class SqlDialOuts:
    """Fulfils ``ports.dial_outs.DialOuts``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def reserve(self, dial_out: DialOut, *, taken: Collection[str], per_hour: int, per_day: int) -> DialOut:
        """Everybody who wants to call passes here one by one."""
        async with self._database.write() as connection:
            await serialise(connection, "dial_outs")
            await _check(connection, dial_out.at, HOUR, per_hour, dial_outs.c.tenant == dial_out.tenant)
            await _check(connection, dial_out.at, DAY, per_day, true())
            await connection.execute(delete(dial_outs).where(dial_outs.c.at < dial_out.at - KEPT))
            earlier = select(dial_outs.c.label).where(dial_outs.c.conference_id == dial_out.conference_id)
            used = {row.label for row in await connection.execute(earlier)}
            noted = msgspec.structs.replace(dial_out, label=unique_label(dial_out.label, used.union(taken)))
            await connection.execute(dial_outs.insert().values(msgspec.structs.asdict(noted)))
        return noted


async def _check(
    connection: AsyncConnection, now: datetime, time: timedelta, most: int, counted: ColumnElement[bool]
) -> None:
    within = select(func.count(), func.min(dial_outs.c.at)).where(dial_outs.c.at > now - time, counted)
    made, oldest = (await connection.execute(within)).one()
    if made < most:
        return
    free_at = (oldest or now) + time
    raise DialOutRefused(
        f"{most} calls were placed within {'an hour' if time == HOUR else 'a day'}, and that is the limit.",
        code="dial_out_cap",
        next_step="SIDECAR_DIAL_OUT_PER_HOUR and SIDECAR_DIAL_OUT_PER_DAY set it.",
        retry_after_s=max(1, round((free_at - now).total_seconds())),
    )
