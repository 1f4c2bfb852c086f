"""The contract of ports.dial_outs, on every fulfilment."""

from __future__ import annotations

import asyncio
import itertools
from datetime import timedelta

import pytest

from sidecar.adapters.sql import Database, SqlDialOuts, SqlDirectory
from sidecar.domain.dial_out import DialOutRefused
from sidecar.ports.dial_outs import DialOut, DialOuts
from tests.facts import NOON, open_call

_ids = itertools.count(1)


@pytest.fixture
def dial_outs(any_database: Database) -> DialOuts:
    return SqlDialOuts(any_database)


@pytest.fixture
async def conference(any_database: Database) -> str:
    return (await open_call(SqlDirectory(any_database))).conference.id


def one(conference: str, *, minutes: float = 0, tenant: str = "") -> DialOut:
    return DialOut(
        id=f"dlo_{next(_ids)}", tenant=tenant, conference_id=conference, caller="key_1", country="DE",
        label="expert", at=NOON + timedelta(minutes=minutes),
    )  # fmt: skip


async def refused_for_s(dial_outs: DialOuts, dial_out: DialOut, *, per_hour: int = 2, per_day: int = 100) -> int | None:
    with pytest.raises(DialOutRefused) as refused:
        await dial_outs.reserve(dial_out, taken=(), per_hour=per_hour, per_day=per_day)
    assert refused.value.code == "dial_out_cap"
    return refused.value.retry_after_s


async def test_of_many_at_once_no_more_are_placed_than_allowed(dial_outs: DialOuts, conference: str) -> None:
    async def try_it() -> bool:
        try:
            await dial_outs.reserve(one(conference), taken=(), per_hour=10, per_day=100)
        except DialOutRefused:
            return False
        return True

    async with asyncio.TaskGroup() as tasks:
        tries = [tasks.create_task(try_it()) for _ in range(14)]
    assert sum(each.result() for each in tries) == 10


async def test_there_is_room_again_an_hour_after_the_oldest(dial_outs: DialOuts, conference: str) -> None:
    for minutes in (0, 30):
        await dial_outs.reserve(one(conference, minutes=minutes), taken=(), per_hour=2, per_day=100)
    assert await refused_for_s(dial_outs, one(conference, minutes=40)) == 20 * 60
    await dial_outs.reserve(one(conference, minutes=61), taken=(), per_hour=2, per_day=100)


async def test_a_tenant_has_its_own_hour_and_all_share_a_day(dial_outs: DialOuts, conference: str) -> None:
    for tenant in ("a", "b"):
        for _ in range(2):
            await dial_outs.reserve(one(conference, tenant=tenant), taken=(), per_hour=2, per_day=4)
    assert await refused_for_s(dial_outs, one(conference, tenant="a", minutes=10), per_day=100) == 50 * 60
    assert await refused_for_s(dial_outs, one(conference, tenant="c", minutes=60), per_day=4) == 23 * 3600
    await dial_outs.reserve(one(conference, tenant="c", minutes=25 * 60), taken=(), per_hour=2, per_day=4)


async def test_a_label_is_nobody_else_s_in_its_conference(dial_outs: DialOuts, conference: str) -> None:
    """Neither of those who are there, nor of those whose telephones still ring."""
    labels = [
        (await dial_outs.reserve(one(conference), taken={"expert"}, per_hour=9, per_day=9)).label for _ in range(2)
    ]
    assert labels == ["expert-2", "expert-3"]
