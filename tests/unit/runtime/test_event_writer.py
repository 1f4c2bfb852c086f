"""The writer: store first, then tell; a stuck store costs nothing but time until memory is full."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from sidecar.domain.errors import NotFound, StoreUnavailable
from sidecar.domain.events import ConferenceEnded, Coverage, Draft, Entry, Event, Ping
from sidecar.runtime import event_writer
from sidecar.runtime.event_bus import EventBus, Subscription, conference_topic
from sidecar.runtime.event_writer import EventWriter, StoreOverloaded
from tests.facts import NOON
from tests.fakes import FakeClock

_UNKNOWN = "cnf_nobody"


class FakeLog:
    """In memory; can be down, can be held in the middle of a batch, refuses one conference for good."""

    def __init__(self) -> None:
        self.down = False
        self.open = asyncio.Event()
        self.open.set()
        self.batches: list[list[Entry]] = []
        self.stored: list[Event] = []
        self.attempts = 0

    async def append(self, batch: Sequence[Entry]) -> list[Event | None]:
        self.attempts += 1
        await self.open.wait()
        if self.down:
            raise StoreUnavailable("The disk is full.")
        for entry in batch:
            if isinstance(entry, Draft) and entry.conference == _UNKNOWN:
                raise NotFound(f"There is no conference {_UNKNOWN}.")
        self.batches.append(list(batch))
        return [self._store(entry) if isinstance(entry, Draft) else None for entry in batch]

    async def read(self, conference_id: str, *, after: int = 0, limit: int = 1000) -> list[Event]:
        return [e for e in self.stored if e.conference == conference_id and (e.seq or 0) > after][:limit]

    async def epoch(self) -> str:
        return "one"

    def _store(self, draft: Draft) -> Event:
        seq = 1 + sum(event.conference == draft.conference for event in self.stored)
        event = Event(
            id=draft.id,
            type=draft.data.type,
            seq=seq,
            timestamp=draft.timestamp,
            conference=draft.conference,
            conference_sid=None,
            tenant="default",
            data=draft.data,
        )
        self.stored.append(event)
        return event


def fact(id_: str, conference: str = "cnf_1") -> Draft:
    return Draft(id=id_, conference=conference, timestamp=NOON, data=ConferenceEnded(reason="done", at_ms=1))


class Room:
    """A running writer with everything around it."""

    def __init__(self) -> None:
        self.log, self.bus = FakeLog(), EventBus()
        self.writer = EventWriter(self.log, self.bus, FakeClock())
        self.page = self.bus.subscribe([conference_topic("cnf_1")])

    async def told(self) -> list[Event]:
        async with asyncio.timeout(5):
            return [told.event for told in await self.page.next_batch()]

    async def pinged(self, unsaved: int) -> None:
        """Returns when the page hears of that many unsaved events."""
        while True:
            for event in await self.told():
                if isinstance(event.data, Ping) and event.data.unsaved == unsaved:
                    return


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_writer, "RETRY_FIRST_S", 0.002)
    monkeypatch.setattr(event_writer, "RETRY_MOST_S", 0.01)


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    room = Room()
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        running = group.create_task(room.writer.run(), name="event-writer")
        yield room
        running.cancel()


async def test_what_is_submitted_together_in_time_is_one_batch_and_is_told_after_it_is_stored(room: Room) -> None:
    room.log.open.clear()
    async with asyncio.TaskGroup() as group:
        answers = [group.create_task(room.writer.submit([fact(f"e{n}")]), name=f"caller {n}") for n in range(3)]
        while not room.log.attempts:
            await asyncio.sleep(0)
        assert room.bus.published == 0
        room.log.open.set()
    stored = [event for answer in answers for event in answer.result()]
    assert stored == room.log.stored
    assert await room.told() == room.log.stored
    assert len(room.log.batches) == 1
    assert (room.writer.stored, room.writer.waiting, room.writer.batches) == (3, 0, 1)


@pytest.mark.virtual_time
async def test_coverage_alone_is_gathered_for_longer_and_goes_along_with_facts(room: Room) -> None:
    """Nobody waits for it, and a transaction for each would cost more than the media."""
    for covered_ms in (1, 2, 3):
        room.writer.submit_nowait([Coverage(fork="frk", covered_ms=covered_ms)])
        await asyncio.sleep(event_writer.COVERAGE_GATHER_S / 4)
    assert room.log.batches == []
    await asyncio.sleep(event_writer.COVERAGE_GATHER_S)
    assert [len(batch) for batch in room.log.batches] == [3]
    room.writer.submit_nowait([Coverage(fork="frk", covered_ms=4)])
    await room.writer.submit([fact("e1")])
    assert [len(batch) for batch in room.log.batches] == [3, 2]


async def test_an_answer_has_one_item_per_entry(room: Room) -> None:
    answer = await room.writer.submit([Coverage(fork="frk", covered_ms=5), fact("e1"), fact("e2")])
    assert [event and event.seq for event in answer] == [None, 1, 2]
    assert await room.writer.submit([]) == []


async def test_a_bigger_heap_goes_in_batches_in_order(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_writer, "BATCH_ENTRIES", 4)
    for number in range(10):
        room.writer.submit_nowait([fact(f"e{number}")])
    await room.writer.submit([fact(f"big{number}") for number in range(6)])  # never torn apart
    assert [len(batch) for batch in room.log.batches] == [4, 4, 2, 6]
    assert [event.id for event in room.log.stored][:10] == [f"e{number}" for number in range(10)]


async def test_one_refused_submission_does_not_spoil_the_others_of_its_batch(room: Room) -> None:
    async def refused() -> str:
        try:
            await room.writer.submit([fact("bad", _UNKNOWN), fact("with it")])
        except NotFound as error:
            return error.code
        return "stored"

    async with asyncio.TaskGroup() as group:
        before = group.create_task(room.writer.submit([fact("e1")]), name="before")
        bad = group.create_task(refused(), name="bad")
        after = group.create_task(room.writer.submit([fact("e2")]), name="after")
        room.writer.submit_nowait([fact("bad too", _UNKNOWN)])
    assert bad.result() == "not_found"
    assert [event and event.seq for event in [*before.result(), *after.result()]] == [1, 2]
    assert [event.id for event in await room.told()] == ["e1", "e2"]
    assert (room.writer.refused, room.writer.waiting) == (3, 0)


async def test_a_store_that_is_down_delays_and_the_pages_are_told_how_much_waits(room: Room) -> None:
    room.log.down = True
    async with asyncio.TaskGroup() as group:
        answer = group.create_task(room.writer.submit([fact("e1"), fact("e2")]), name="caller")
        await room.pinged(2)
        assert room.writer.stuck
        room.writer.submit_nowait([fact("e3")])
        await room.pinged(3)
        assert room.writer.unsaved("cnf_1") == 3
        assert room.writer.unsaved("cnf_2") == 0
        assert not answer.done()
        room.log.down = False
    assert [event and event.id for event in answer.result()] == ["e1", "e2"]
    await room.pinged(0)
    assert not room.writer.stuck
    await room.writer.flush(5)
    assert [event.id for event in room.log.stored] == ["e1", "e2", "e3"]
    assert room.writer.failures > 1


async def test_a_store_that_does_not_answer_is_shown_before_it_fails(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_writer, "STUCK_AFTER_S", 0.02)
    room.log.open.clear()
    room.writer.submit_nowait([fact("e1")])
    await room.pinged(1)
    assert room.log.stored == []
    room.log.open.set()
    await room.pinged(0)


async def test_a_full_memory_drops_coverage_first_and_then_refuses_the_newest(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_writer, "WAITING_ENTRIES", 5)
    room.log.down = True
    covered = Coverage(fork="frk", covered_ms=5)
    async with asyncio.TaskGroup() as group:
        mixed = group.create_task(room.writer.submit([covered, fact("e1"), covered]), name="caller")
        room.writer.submit_nowait([covered])
        await asyncio.sleep(0)
        room.writer.submit_nowait([fact(f"e{number}") for number in range(2, 6)])
        assert (room.writer.coverage_dropped, room.writer.waiting) == (3, 5)
        with pytest.raises(StoreOverloaded):
            room.writer.submit_nowait([fact("e6")])
        with pytest.raises(StoreOverloaded):
            await room.writer.submit([fact("e7")])
        room.writer.submit_nowait([covered])  # dropped in silence
        assert room.writer.overloaded == 2
        room.log.down = False
    assert [event and event.id for event in mixed.result()] == [None, "e1", None]
    assert await room.writer.flush(5)
    assert [event.id for event in room.log.stored] == [f"e{number}" for number in range(1, 6)]
    (told,) = await room.writer.submit([fact("e8")])
    assert told is not None
    assert told.seq == 6


async def test_a_caller_that_is_cancelled_does_not_take_its_facts_with_it(room: Room) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await room.writer.submit([fact("e1")])
    assert await room.writer.flush(5)
    assert [event.id for event in room.log.stored] == ["e1"]


async def test_flush_gives_up_at_its_deadline(room: Room) -> None:
    assert await room.writer.flush(0.01)
    room.log.down = True
    room.writer.submit_nowait([fact("e1")])
    assert not await room.writer.flush(0.05)
    assert room.writer.waiting == 1


async def test_a_subscriber_hears_nothing_of_what_was_not_stored(room: Room) -> None:
    other: Subscription = room.bus.subscribe([conference_topic(_UNKNOWN)])
    with pytest.raises(NotFound):
        await room.writer.submit([fact("bad", _UNKNOWN)])
    await room.writer.submit([fact("e1")])
    assert [event.id for event in await room.told()] == ["e1"]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await other.next_batch()
