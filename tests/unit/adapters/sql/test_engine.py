"""Connections: what SQLite is told, which URLs are understood, how writers wait for each other."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from sidecar.adapters.sql import Database, StoreUnusable
from sidecar.adapters.sql.engine import parse_url


@pytest.mark.parametrize(
    ("url", "understood"),
    [
        ("sqlite:///a.db", "sqlite+aiosqlite:///a.db"),
        ("sqlite+pysqlite:////var/a.db", "sqlite+aiosqlite:////var/a.db"),
        ("postgres://u@h/d", "postgresql+asyncpg://u@h/d"),
        ("postgresql+psycopg://u:p@h:5/d?sslmode=require", "postgresql+asyncpg://u:p@h:5/d?ssl=require"),
    ],
)
def test_usual_urls_get_our_drivers(url: str, understood: str) -> None:
    assert parse_url(url).render_as_string(hide_password=False) == understood


@pytest.mark.parametrize("url", ["", "transcripts.db", "mysql://u@h/d", "sqlite://", "sqlite:///:memory:", "://"])
def test_other_urls_are_a_clear_error(url: str) -> None:
    with pytest.raises(StoreUnusable) as unusable:
        parse_url(url)
    assert "SIDECAR_DATABASE_URL" in unusable.value.next_step


def test_the_password_is_not_shown() -> None:
    assert "geheim" not in str(Database("postgresql://u:geheim@h/d"))


async def test_sqlite_writes_ahead_and_waits_for_the_disk(database: Database) -> None:
    for transaction in (database.read, database.write):
        async with transaction() as connection:
            found = [
                (await connection.execute(text(f"PRAGMA {name}"))).scalar_one()
                for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
            ]
        assert found == ["wal", 2, 5000, 1]


async def test_a_count_that_many_writers_raise_loses_nothing(any_database: Database) -> None:
    """Read, then write, in each transaction: the order that fails with a deferred BEGIN."""
    async with any_database.write() as connection:
        await connection.execute(text("CREATE TABLE tally (n INTEGER)"))
        await connection.execute(text("INSERT INTO tally VALUES (0)"))

    async def raise_it() -> None:
        for _ in range(5):
            async with any_database.write() as connection:
                await connection.execute(text("SELECT count(*) FROM events"))
                await connection.execute(text("UPDATE tally SET n = n + 1"))

    async with asyncio.TaskGroup() as group:
        for number in range(8):
            group.create_task(raise_it(), name=f"writer {number}")
    async with any_database.read() as connection:
        assert (await connection.execute(text("SELECT n FROM tally"))).scalar_one() == 40


async def test_a_transaction_that_fails_or_is_cancelled_leaves_nothing_and_blocks_nobody(
    any_database: Database,
) -> None:
    async with any_database.write() as connection:
        await connection.execute(text("CREATE TABLE tally (n INTEGER)"))

    async def insert_and_wait() -> None:
        async with any_database.write() as connection:
            await connection.execute(text("INSERT INTO tally VALUES (1)"))
            await asyncio.sleep(60)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await insert_and_wait()
    async with any_database.write() as connection:
        await connection.execute(text("INSERT INTO tally VALUES (2)"))
    async with any_database.read() as connection:
        assert (await connection.execute(text("SELECT n FROM tally"))).scalars().all() == [2]
