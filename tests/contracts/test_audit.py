"""The contract of ports.audit, on every fulfilment."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from sidecar.adapters.sql import Database, SqlAuditLog, StoreRefused
from sidecar.domain.audit import AuditEntry
from sidecar.domain.errors import StoreUnavailable
from sidecar.ports.audit import AuditLog
from tests.facts import NOON


@pytest.fixture
def audit(any_database: Database) -> AuditLog:
    return SqlAuditLog(any_database)


def entry(n: int, *, tenant: str = "") -> AuditEntry:
    return AuditEntry(
        id=f"aud_{n:03}", tenant=tenant, at=NOON + timedelta(seconds=n), actor="usr_1", actor_name="Ana", by="session",
        action="key.revoked", target=f"key_{n}", address="192.0.2.7", before={"name": "crm", "n": n}, after=None,
    )  # fmt: skip


async def test_a_tenant_s_entries_are_read_the_newest_first_page_by_page(audit: AuditLog) -> None:
    for n in range(5):
        await audit.add(entry(n))
    await audit.add(entry(7, tenant="acme"))
    first = list(await audit.entries("", limit=3))
    assert first == [entry(4), entry(3), entry(2)]
    assert list(await audit.entries("", before=first[-1].id, limit=3)) == [entry(1), entry(0)]
    assert [one.target for one in await audit.entries("acme", limit=50)] == ["key_7"]


async def test_the_database_itself_refuses_to_change_or_to_delete_an_entry(
    audit: AuditLog, any_database: Database
) -> None:
    await audit.add(entry(1))
    replaced = (
        "INSERT OR REPLACE INTO audit_entries SELECT id, tenant, 'Eve', actor_name, by, action, target, address, at"
    )
    for harm in (
        "UPDATE audit_entries SET actor_name = 'Eve'",
        "DELETE FROM audit_entries WHERE id = 'aud_001'",
        f"{replaced}, before, after FROM audit_entries" if any_database.is_sqlite else "TRUNCATE audit_entries",
    ):
        with pytest.raises((StoreRefused, StoreUnavailable, SQLAlchemyError)):
            async with any_database.write() as connection:
                await connection.execute(text(harm))
        assert list(await audit.entries("", limit=50)) == [entry(1)], harm
