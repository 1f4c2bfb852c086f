"""The wallboard's state: seeded from the log, kept by the bus, told in few frames, bounded."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from sidecar.adapters.sql import Database, SqlDirectory, SqlEventLog
from sidecar.domain.conference.values import Conference, Role
from sidecar.domain.errors import StoreUnavailable
from sidecar.domain.events import (
    ConferenceEnded,
    ConferenceStarted,
    Event,
    EventData,
    ForkStarted,
    ParticipantJoined,
    ParticipantUpdated,
    Ping,
    TranscriptCompleted,
)
from sidecar.domain.wallboard import WallboardRow
from sidecar.ports.directory import BoundFork
from sidecar.runtime import wallboard
from sidecar.runtime.event_bus import QUEUE_EVENTS, EventBus
from sidecar.runtime.wallboard import LINGER, WallboardReader, WallboardState
from tests.facts import NOON, draft, fork_request, open_call, said, utterance
from tests.fakes import FakeClock

PATIENCE_S = 10.0
STARTED = ConferenceStarted(room="support", conference_sid=None)
ENDED = ConferenceEnded(reason="over", at_ms=9000)


class FlakyDirectory(SqlDirectory):
    """The real directory, which a test can make unreadable."""

    broken = False

    async def unfinished(self) -> list[Conference]:
        if self.broken:
            raise StoreUnavailable("The disk is away.")
        return await super().unfinished()


@dataclass
class Room:
    """A board on the real store and bus."""

    board: WallboardState
    directory: FlakyDirectory
    log: SqlEventLog
    bus: EventBus
    clock: FakeClock
    tasks: asyncio.TaskGroup

    def start(self, board: WallboardState | None = None) -> None:
        self.tasks.create_task((board or self.board).run(), name="wallboard")

    def another(self) -> WallboardState:
        return WallboardState(directory=self.directory, event_log=self.log, bus=self.bus, clock=self.clock)

    async def tell(self, call: BoundFork, *facts: EventData) -> None:
        """Store and publish, as the writer does."""
        for event in await self.log.append([draft(call.conference.id, fact, at=self.clock.now()) for fact in facts]):
            assert event is not None
            self.bus.publish(event)

    async def shown(self, check: Callable[[list[WallboardRow]], bool]) -> list[WallboardRow]:
        """The rows as soon as they are as wanted."""
        async with asyncio.timeout(PATIENCE_S):
            while not (self.board.ready and check(self.board.rows(""))):
                await asyncio.sleep(0.005)
        return self.board.rows("")


@pytest.fixture
async def room(database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Room]:
    monkeypatch.setattr(wallboard, "FRAME_EACH_S", 0.02)
    monkeypatch.setattr(wallboard, "STORE_RETRY_S", 0.01)
    directory, log, bus, clock = FlakyDirectory(database), SqlEventLog(database), EventBus(), FakeClock(NOON)
    board = WallboardState(directory=directory, event_log=log, bus=bus, clock=clock)
    before = asyncio.all_tasks()
    async with asyncio.TaskGroup() as tasks:
        yield Room(board, directory, log, bus, clock, tasks)
        for task in asyncio.all_tasks() - before:
            if task.get_name() == "wallboard":
                task.cancel()


def frame(board: WallboardState, version: int | None) -> dict[str, Any]:
    change = board.since(version, "")
    assert change is not None
    told: dict[str, Any] = json.loads(change.data)
    return told


async def test_a_started_service_shows_what_goes_on_and_what_ended_just_now(room: Room) -> None:
    old, just, live = [await open_call(room.directory, f"CA{name}", room=name) for name in ("old", "just", "live")]
    await room.tell(old, STARTED, ENDED)
    room.clock.pass_ms(LINGER.total_seconds() * 1000 - 5000)
    await room.tell(just, STARTED, ENDED)
    await room.log.append([draft(live.conference.id, STARTED), said(live, 0, text="before the restart")])
    room.clock.pass_ms(6000)
    room.start()
    rows = await room.shown(lambda rows: len(rows) == 2)
    assert {(row.room, row.state.value) for row in rows} == {("just", "ended"), ("live", "live")}
    assert [row.last.text for row in rows if row.last] == ["before the restart"]


async def test_a_board_that_listened_and_one_that_replayed_show_the_same(room: Room) -> None:
    room.start()
    await room.shown(lambda rows: rows == [])
    call = await open_call(room.directory)
    await room.tell(call, STARTED)
    await room.tell(call, said(call, 0).data, said(call, 1, text="and so on").data)
    rows = await room.shown(lambda rows: bool(rows and rows[0].last and rows[0].last.text == "and so on"))
    replayed = room.another()
    room.start(replayed)
    async with asyncio.timeout(PATIENCE_S):
        while not replayed.ready:
            await asyncio.sleep(0.005)
    assert replayed.rows("") == rows


async def test_a_new_conference_brings_its_people_from_the_directory(room: Room) -> None:
    room.start()
    await room.shown(lambda rows: rows == [])
    call = await open_call(room.directory)
    await room.tell(call, ForkStarted(fork=call.fork.id, participant=call.participant.id, stream_sid="MZ", at_ms=5))
    rows = await room.shown(lambda rows: len(rows) == 1)
    assert [(p.name, p.fork) for p in rows[0].people] == [("Ana", "started")]
    other = await open_call(room.directory, "CA2")
    await room.tell(other, ForkStarted(fork=other.fork.id, participant=other.participant.id, stream_sid="MZ", at_ms=5))
    assert len((await room.shown(lambda rows: len(rows[0].people) == 2))[0].people) == 2


async def test_an_ended_row_lingers_and_leaves_without_any_event(room: Room) -> None:
    room.start()
    call = await open_call(room.directory)
    await room.tell(call, STARTED, ENDED)
    rows = await room.shown(lambda rows: len(rows) == 1 and rows[0].state == "ended")
    assert room.board.since(None, "") is not None
    room.clock.pass_ms(LINGER.total_seconds() * 1000 - 1)
    await room.tell(await open_call(room.directory, "CA2", room="other"), STARTED)
    assert len(await room.shown(lambda rows: len(rows) == 2)) == 2
    before = room.board.since(None, "")
    assert before is not None
    room.clock.pass_ms(2)  # the wait of 1 ms that the board began is over by now
    await room.shown(lambda rows: len(rows) == 1 and room.board.since(before.version, "") is not None)
    assert frame(room.board, before.version)["removed"] == [rows[0].id]
    # What still comes of it does not bring it back.
    manifest = TranscriptCompleted(utterances=0, gaps=0, gap_ms=0, last_seq=2, sha256="", revision=1)
    await room.tell(call, manifest)
    await room.tell(await open_call(room.directory, "CA3", room="third"), STARTED)
    assert rows[0].id not in [row.id for row in await room.shown(lambda rows: len(rows) == 2)]


async def test_readers_get_what_changed_since_their_version_and_share_the_bytes(room: Room) -> None:
    assert room.board.since(None, "") is None  # not ready yet
    room.start()
    one, two = [await open_call(room.directory, f"CA{n}", room=f"room {n}") for n in range(2)]
    await room.tell(one, STARTED)
    await room.tell(two, STARTED)
    await room.shown(lambda rows: [row.state.value for row in rows] == ["live", "live"])
    first = room.board.since(None, "")
    assert first is not None
    told = json.loads(first.data)
    assert (told["snapshot"], told["removed"], len(told["rows"])) == (True, [], 2)
    assert room.board.since(first.version, "") is None
    await room.tell(two, said(two, 0, text="new").data)
    await room.shown(lambda rows: any(row.last for row in rows))
    change, same = room.board.since(first.version, ""), room.board.since(first.version, "")
    assert change is same
    told = frame(room.board, first.version)
    assert not told["snapshot"]
    assert [(row["id"], row["last"]["text"]) for row in told["rows"]] == [(two.conference.id, "new")]


async def test_a_reader_that_is_too_far_behind_gets_a_snapshot(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wallboard, "REMOVALS_KEPT", 0)
    room.start()
    call = await open_call(room.directory)
    await room.tell(call, STARTED, ENDED)
    await room.shown(lambda rows: len(rows) == 1)
    before = room.board.since(None, "")
    assert before is not None
    room.clock.pass_ms(LINGER.total_seconds() * 1000 + 1)
    await room.tell(await open_call(room.directory, "CA2", room="other"), STARTED)
    await room.shown(lambda rows: [row.room for row in rows] == ["other"])
    assert frame(room.board, before.version)["snapshot"] is True


async def test_many_events_make_few_frames(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wallboard, "FRAME_EACH_S", 0.5)
    room.start()
    call = await open_call(room.directory)
    await room.tell(call, STARTED)
    await room.shown(lambda rows: len(rows) == 1)
    first = room.board.since(None, "")
    assert first is not None
    for n in range(40):
        await room.tell(call, said(call, n, text=f"line {n}").data)
    await room.shown(lambda rows: bool(rows[0].last and rows[0].last.text == "line 39"))
    last = room.board.since(first.version, "")
    assert last is not None
    assert last.version - first.version <= 20  # of forty events, however slow the machine is


async def test_a_board_that_fell_behind_the_bus_reads_the_log(room: Room) -> None:
    room.start()
    call = await open_call(room.directory)
    await room.tell(call, STARTED)
    await room.shown(lambda rows: len(rows) == 1)
    drafts = [said(call, n, text=f"line {n}") for n in range(QUEUE_EVENTS + 5)]
    for event in await room.log.append(drafts):
        assert event is not None
        room.bus.publish(event)  # without a pause in which the board could read
    rows = await room.shown(lambda rows: bool(rows[0].last and rows[0].last.text == f"line {QUEUE_EVENTS + 4}"))
    assert rows[0].people[0].talk_ms == 900 * (QUEUE_EVENTS + 5)
    assert room.bus.subscribers_too_slow == 1


async def test_events_that_somebody_else_stored_are_read_from_the_log(room: Room) -> None:
    room.start()
    call = await open_call(room.directory)
    await room.tell(call, STARTED)
    await room.shown(lambda rows: len(rows) == 1)
    await room.log.append([said(call, 0), said(call, 1)])
    await room.tell(call, said(call, 2).data)
    rows = await room.shown(lambda rows: bool(rows[0].people[0].talk_ms))
    assert rows[0].people[0].talk_ms == 2700


async def test_a_store_that_is_away_at_the_start_is_asked_again(room: Room) -> None:
    room.directory.broken = True
    call = await open_call(room.directory)
    room.start()
    await asyncio.sleep(0.03)
    assert not room.board.ready
    room.directory.broken = False
    assert [row.id for row in await room.shown(lambda rows: len(rows) == 1)] == [call.conference.id]


async def test_what_waits_for_the_store_shows_in_its_row(room: Room) -> None:
    room.start()
    call = await open_call(room.directory)
    await room.tell(call, STARTED)
    await room.shown(lambda rows: len(rows) == 1)

    def as_wanted(unsaved: int) -> Callable[[list[WallboardRow]], bool]:
        return lambda rows: rows[0].unsaved == unsaved

    for unsaved in (3, 0):
        room.bus.publish(
            Event(
                id="",
                type="ping",
                seq=None,
                timestamp=NOON,
                conference=call.conference.id,
                conference_sid=None,
                tenant="",
                data=Ping(time=NOON, unsaved=unsaved),
            )
        )
        await room.shown(as_wanted(unsaved))


async def test_a_full_board_takes_the_next_call_when_one_leaves(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wallboard, "ROWS_MOST", 2)
    room.start()
    calls = [await open_call(room.directory, f"CA{n}", room=f"room {n}") for n in range(4)]
    for call in calls:
        await room.tell(call, STARTED)
    await room.shown(lambda _rows: room.board.crowded_out == 2)
    await room.tell(calls[2], ENDED)
    await room.shown(lambda _rows: room.board.crowded_out == 1)
    await room.tell(calls[0], ENDED)
    await room.shown(lambda rows: any(row.state == "ended" for row in rows))
    room.clock.pass_ms(timedelta(seconds=31) / timedelta(milliseconds=1))
    await room.tell(calls[1], said(calls[1], 0).data)
    rows = await room.shown(lambda rows: "room 3" in [row.room for row in rows])
    assert sorted(row.room for row in rows) == ["room 1", "room 3"]  # both began in the same moment
    assert room.board.crowded_out == 0


async def of_tenant(room: Room, tenant: str, call_sid: str, name: str = "Ana") -> BoundFork:
    """A call of that tenant, in a room called after it."""
    call = await room.directory.open_fork(fork_request(call_sid, room=call_sid, tenant=tenant, name=name))
    await room.tell(call, STARTED, joined(call, name))
    return call


def joined(call: BoundFork, name: str) -> ParticipantJoined:
    who = call.participant
    return ParticipantJoined(
        participant=who.id, call_sid=who.call_sid, label=who.label, name=name, role=Role.AGENT, at_ms=0
    )


async def until(check: Callable[[], bool]) -> None:
    """Returns as soon as it is so."""
    async with asyncio.timeout(PATIENCE_S):
        while not check():
            await asyncio.sleep(0.005)


def told(reader: WallboardReader) -> tuple[list[str], list[str]]:
    """The rooms of the rows, and what left, as far as they are news to this reader."""
    data = reader.change()
    frame = json.loads(data) if data else {"rows": [], "removed": []}
    return sorted(row["room"] for row in frame["rows"]), frame["removed"]


async def test_nobody_is_told_anything_of_another_tenant_s_board(room: Room) -> None:
    room.start()
    ours = await of_tenant(room, "acme", "CA1")
    theirs = await of_tenant(room, "globex", "CA2")
    acme, globex, plain = (WallboardReader(room.board, tenant) for tenant in ("acme", "globex", ""))
    await until(lambda: len(room.board.rows("acme")) == len(room.board.rows("globex")) == 1)
    assert room.board.rows("") == []
    assert (told(acme), told(globex), told(plain)) == ((["CA1"], []), (["CA2"], []), ([], []))
    await room.tell(theirs, utterance(theirs, 0))
    await until(lambda: told(globex) == (["CA2"], []))
    assert (acme.change(), plain.change()) == (b"", b"")
    await room.tell(ours, ENDED)
    await until(lambda: told(acme) == (["CA1"], []))
    room.clock.pass_ms(LINGER.total_seconds() * 1000 + 1000)
    await room.tell(theirs, utterance(theirs, 1))
    await until(lambda: told(acme) == ([], [ours.conference.id]))
    assert told(globex) == (["CA2"], [])
    assert plain.change() == b""


async def test_an_agent_s_board_has_own_calls_as_long_as_they_are_own(room: Room) -> None:
    room.start()
    first = await of_tenant(room, "acme", "CA1", "Maya")
    await of_tenant(room, "acme", "CA2", "Ben")
    await of_tenant(room, "globex", "CA3", "Maya")
    reader = WallboardReader(room.board, "acme", agent="Maya")
    await until(lambda: len(room.board.rows("acme")) == 2)
    assert [row.room for row in room.board.rows("acme", agent="Maya")] == ["CA1"]
    assert told(reader) == (["CA1"], [])
    await of_tenant(room, "acme", "CA4", "Ben")
    await until(lambda: len(room.board.rows("acme")) == 3)
    assert reader.change() == b""
    who = first.participant
    corrected = ParticipantUpdated(
        participant=who.id, label=who.label, name="Ben", role=Role.AGENT, muted=False, hold=False, coaching=False
    )
    await room.tell(first, corrected)
    await until(lambda: told(reader) == ([], [first.conference.id]))
