"""The clock of 20 ms; it is about real time, so these tests take some."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from sidecar.emulator.sound import ticker as ticker_module
from sidecar.emulator.sound.ticker import TICK_S, Ticker


@asynccontextmanager
async def ticking() -> AsyncIterator[Ticker]:
    ticker = Ticker()
    async with asyncio.TaskGroup() as tasks:
        run = tasks.create_task(ticker.run(), name="ticker")
        yield ticker
        run.cancel()


async def test_ticks_keep_real_time_through_a_hiccup() -> None:
    """Half a second of standstill is made up for: every tick comes, once and in order."""
    heard: list[int] = []
    async with ticking() as ticker:
        ticker.add(heard.append)
        begin = asyncio.get_running_loop().time()
        await ticker.next()
        time.sleep(0.5)  # noqa: ASYNC251 - the hiccup itself
        await ticker.reach(40)
        took = asyncio.get_running_loop().time() - begin
    assert heard == list(range(1, len(heard) + 1))
    assert 40 * TICK_S <= took < 40 * TICK_S + 2


async def test_a_long_standstill_is_skipped_not_replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody wants minutes of audio at once: the ticks in between are lost, and counted."""
    heard: list[int] = []
    monkeypatch.setattr(ticker_module, "MAX_CATCH_UP_TICKS", 5)
    with capture_logs() as lines:
        async with ticking() as ticker:
            ticker.add(heard.append)
            await ticker.next()
            time.sleep(0.3)  # noqa: ASYNC251 - the standstill itself
            await ticker.next()
    assert ticker.skipped >= 10
    assert heard[-1] >= ticker.skipped
    assert [line["event"] for line in lines] == ["emulator_clock_stood_still"]


async def test_a_removed_listener_is_not_called() -> None:
    """Removing twice is no error."""
    heard: list[int] = []
    async with ticking() as ticker:
        ticker.add(heard.append)
        await ticker.next()
        ticker.remove(heard.append)
        ticker.remove(heard.append)
        count = len(heard)
        await ticker.next()
    assert len(heard) == count
