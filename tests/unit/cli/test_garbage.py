"""Full collections of the garbage collector: when, seen by what Python itself tells of them."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from sidecar.cli.garbage import AFTER_STREAMS, AT_LATEST_S, LOOK_EVERY_S, THRESHOLDS, rare_collections

pytestmark = pytest.mark.virtual_time


class Line:
    """How many streams there are, and were."""

    live = 0
    ended = 0


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def full_collections() -> Iterator[list[str]]:
    """One item for each that begins."""
    seen: list[str] = []

    def note(phase: str, told: dict[str, Any]) -> None:
        if phase == "start" and told["generation"] == 2:
            seen.append(phase)

    gc.callbacks.append(note)
    yield seen
    gc.callbacks.remove(note)


@pytest.fixture(autouse=True)
async def serving(line: Line, full_collections: list[str]) -> AsyncIterator[None]:
    async with rare_collections(live=lambda: line.live, ended=lambda: line.ended):
        full_collections.clear()
        yield


async def looks(count: int = 1) -> None:
    await asyncio.sleep(LOOK_EVERY_S * count + 1)


async def test_what_was_there_at_the_start_is_not_looked_at_again() -> None:
    assert gc.get_freeze_count() > 10_000
    assert gc.get_threshold() == THRESHOLDS


async def test_what_a_call_left_is_cleared_up_when_nobody_is_on_a_line(line: Line, full_collections: list[str]) -> None:
    line.live, line.ended = 1, 3
    await looks(3)
    assert full_collections == []
    line.live, line.ended = 0, 4
    await looks()
    assert len(full_collections) == 1
    await looks(3)
    assert len(full_collections) == 1, "nothing has ended since"


async def test_amid_calls_it_waits_for_many_streams_to_end(line: Line, full_collections: list[str]) -> None:
    line.live, line.ended = 400, AFTER_STREAMS - 1
    await looks()
    assert full_collections == []
    line.ended += 1
    await looks()
    assert len(full_collections) == 1


async def test_it_does_not_wait_for_ever(line: Line, full_collections: list[str]) -> None:
    line.live = 400
    await asyncio.sleep(2 * (AT_LATEST_S + LOOK_EVERY_S))
    assert len(full_collections) == 2
