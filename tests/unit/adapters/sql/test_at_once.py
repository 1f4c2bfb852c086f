"""Whole transactions in SQLite's thread, beside those that are told statement by statement; the same on PostgreSQL."""

from __future__ import annotations

import asyncio
import threading

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.adapters.sql import Database
from sidecar.domain.errors import StoreUnavailable

RAISE = text("UPDATE tally SET n = n + 1")
COUNT = text("SELECT n FROM tally")


@pytest.fixture
async def tally(any_database: Database) -> Database:
    """With a number in it that is 0."""
    async with any_database.write() as connection:
        await connection.execute(text("CREATE TABLE tally (n INTEGER)"))
        await connection.execute(text("INSERT INTO tally VALUES (0)"))
    return any_database


async def raised(connection: AsyncConnection) -> int:
    await connection.execute(RAISE)
    count: int = await connection.scalar(COUNT)
    return count


async def count(database: Database) -> int:
    async with database.read() as connection:
        found: int = await connection.scalar(COUNT)
    return found


async def test_what_it_returns_is_stored(tally: Database) -> None:
    assert await tally.transact(raised) == 1
    assert await count(tally) == 1


async def test_what_fails_halfway_is_not(tally: Database) -> None:
    async def fail(connection: AsyncConnection) -> None:
        await connection.execute(RAISE)
        raise ValueError("halfway")

    with pytest.raises(ValueError, match="halfway"):
        await tally.transact(fail)
    assert await count(tally) == 0
    assert await tally.transact(raised) == 1


async def test_both_kinds_of_writers_take_turns(tally: Database) -> None:
    async def raise_by_statements() -> None:
        async with tally.write() as connection:
            assert await connection.scalar(COUNT) is not None
            await asyncio.sleep(0)
            await connection.execute(RAISE)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(20):
            tasks.create_task(raise_by_statements())
            tasks.create_task(tally.transact(raised))
    assert await count(tally) == 40


async def test_whoever_stops_waiting_holds_nobody_up(tally: Database) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await tally.transact(raised)
    assert await tally.transact(raised) in (1, 2)  # nobody knows whether it got that far


async def test_a_store_in_other_hands_is_away_for_now(database: Database) -> None:
    """SQLite's lock is of the whole file."""
    impatient, work = Database(str(database.url), waits_s=0.05), text("CREATE TABLE work (n INTEGER)")

    async def begin(connection: AsyncConnection) -> None:
        await connection.execute(work)

    async with database.write():
        with pytest.raises(StoreUnavailable):
            await impatient.transact(begin)
    await impatient.transact(begin)
    await impatient.close()


async def test_on_sqlite_the_loop_is_left_alone_and_nothing_else_is_waited_for(database: Database) -> None:
    where: list[str] = []

    async def look(_connection: AsyncConnection) -> None:
        where.append(threading.current_thread().name)

    async def wait(_connection: AsyncConnection) -> None:
        await asyncio.sleep(0)

    await database.transact(look)
    assert where[0].startswith("sqlite")
    with pytest.raises(RuntimeError, match="no statement"):
        await database.transact(wait)
