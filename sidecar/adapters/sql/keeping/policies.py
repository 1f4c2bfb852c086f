"""What tenants have decided about keeping, on SQL."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from sidecar.adapters.sql.engine import Database
from sidecar.adapters.sql.keeping.tables import keepings
from sidecar.domain.keeping import Keeping
from sidecar.domain.redaction.rules import Policy


class SqlKeepings:
    """Fulfils ``ports.keeping.Keepings``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> Mapping[str, Keeping]:
        """Every row."""
        async with self._database.read() as connection:
            rows = (await connection.execute(select(keepings))).all()
        return {
            row.tenant: Keeping(policy=msgspec.json.decode(row.policy, type=Policy), retention_days=row.retention_days)
            for row in rows
        }

    async def decide(self, tenant: str, keeping: Keeping) -> None:
        """Over what was decided before."""
        insert = (sqlite if self._database.is_sqlite else postgresql).insert(keepings)
        decided = {"policy": msgspec.json.encode(keeping.policy).decode(), "retention_days": keeping.retention_days}
        async with self._database.write() as connection:
            await connection.execute(
                insert.values(tenant=tenant, **decided).on_conflict_do_update(index_elements=["tenant"], set_=decided)
            )
