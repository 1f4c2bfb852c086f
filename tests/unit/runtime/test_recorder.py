"""Facts are stored first and told afterwards; what a full writer could not take becomes a gap."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from sidecar.adapters.sql import Database
from sidecar.adapters.sql.directory import SqlDirectory
from sidecar.adapters.sql.event_log import SqlEventLog
from sidecar.domain.errors import StoreUnavailable
from sidecar.domain.events import Entry, Event, TranscriptGap, UtteranceFinal, UtterancePartial
from sidecar.runtime import event_writer
from sidecar.runtime.event_bus import EventBus, conference_topic
from sidecar.runtime.event_writer import EventWriter, StoreOverloaded
from sidecar.runtime.recorder import Recorder
from tests.facts import open_call, utterance
from tests.fakes import FakeClock


class StuckLog:
    """The real log, which takes nothing until ``free`` is set."""

    def __init__(self, log: SqlEventLog) -> None:
        self._log = log
        self.free = asyncio.Event()

    async def append(self, batch: Sequence[Entry]) -> list[Event | None]:
        """Refuses while stuck."""
        if not self.free.is_set():
            raise StoreUnavailable("stuck")
        return await self._log.append(batch)

    async def read(self, conference_id: str, *, after: int = 0, limit: int = 1000) -> list[Event]:
        """As the real one."""
        return await self._log.read(conference_id, after=after, limit=limit)

    async def epoch(self) -> str:
        """As the real one."""
        return await self._log.epoch()


async def test_what_did_not_fit_into_memory_is_a_gap_once_the_store_is_back(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three lines are lost while nothing fits; one gap spans them, and later lines are stored."""
    monkeypatch.setattr(event_writer, "WAITING_ENTRIES", 2)
    monkeypatch.setattr(event_writer, "RETRY_MOST_S", 0.05)
    log, bus, clock = StuckLog(SqlEventLog(database)), EventBus(), FakeClock()
    bound = await open_call(SqlDirectory(database))
    writer = EventWriter(log, bus, clock)
    recorder = Recorder(bound.conference, writer=writer, bus=bus, clock=clock)
    async with asyncio.TaskGroup() as tasks:
        storing = tasks.create_task(writer.run())
        for n in range(5):
            recorder.record_soon(utterance(bound, n, text=f"line {n}"))
        assert recorder.tally.facts_lost == 3
        log.free.set()
        assert await writer.flush(5)
        recorder.record_soon(utterance(bound, 7, text="line 7"))
        assert await writer.flush(5)
        storing.cancel()
    stored = [event.data for event in await log.read(bound.conference.id)]
    assert [fact.text for fact in stored if isinstance(fact, UtteranceFinal)] == ["line 0", "line 1", "line 7"]
    [gap] = [fact for fact in stored if isinstance(fact, TranscriptGap)]
    assert (gap.from_ms, gap.to_ms, gap.reason) == (2_000, 4_900, "store_overloaded")


async def test_a_fact_that_somebody_waits_for_says_that_it_was_refused(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is lost in silence."""
    monkeypatch.setattr(event_writer, "WAITING_ENTRIES", 0)
    bus, clock = EventBus(), FakeClock()
    bound = await open_call(SqlDirectory(database))
    writer = EventWriter(SqlEventLog(database), bus, clock)
    recorder = Recorder(bound.conference, writer=writer, bus=bus, clock=clock)
    with pytest.raises(StoreOverloaded):
        await recorder.record(utterance(bound, 1))


async def test_passing_facts_are_told_at_once_and_stored_never(database: Database) -> None:
    """Partials have no seq and no id, and carry the conference they belong to."""
    log, bus, clock = SqlEventLog(database), EventBus(), FakeClock()
    bound = await open_call(SqlDirectory(database))
    recorder = Recorder(bound.conference, writer=EventWriter(log, bus, clock), bus=bus, clock=clock)
    partial = UtterancePartial(id="utt_1", participant="par_1", start_ms=0, end_ms=500, text="he", lag_ms=10)
    with bus.subscribe([conference_topic(bound.conference.id)]) as listener:
        recorder.tell([partial])
        [told] = await listener.next_batch()
    assert (told.event.seq, told.event.id, told.event.data) == (None, "", partial)
    assert await log.read(bound.conference.id) == []
