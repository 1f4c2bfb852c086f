"""The audit log on SQL. Triggers in the database refuse to change or delete an entry, whoever asks."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import select

from sidecar.adapters.sql.engine import Database
from sidecar.adapters.sql.rows import AnyRow
from sidecar.adapters.sql.tables_access import audit_entries
from sidecar.domain.audit import AuditEntry, Details


class SqlAuditLog:
    """Fulfils ``ports.audit.AuditLog``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, entry: AuditEntry) -> None:
        """One short transaction."""
        row = msgspec.structs.asdict(entry) | {"before": _text(entry.before), "after": _text(entry.after)}
        async with self._database.write() as connection:
            await connection.execute(audit_entries.insert().values(row))

    async def entries(self, tenant: str, *, before: str | None = None, limit: int) -> Sequence[AuditEntry]:
        """By id, which sorts by time."""
        wanted = select(audit_entries).where(audit_entries.c.tenant == tenant)
        if before is not None:
            wanted = wanted.where(audit_entries.c.id < before)
        async with self._database.read() as connection:
            rows = (await connection.execute(wanted.order_by(audit_entries.c.id.desc()).limit(limit))).all()
        return [_entry(row) for row in rows]


def _text(details: Details | None) -> str | None:
    return None if details is None else msgspec.json.encode(details).decode()


def _entry(row: AnyRow) -> AuditEntry:
    columns = {name: getattr(row, name) for name in AuditEntry.__struct_fields__}
    for name in ("before", "after"):
        columns[name] = None if columns[name] is None else msgspec.json.decode(columns[name])
    return AuditEntry(**columns)
