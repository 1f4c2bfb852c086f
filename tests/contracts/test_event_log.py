"""The contract of ports.event_log, on every fulfilment."""

from __future__ import annotations

import asyncio
import signal
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import select

from sidecar.adapters.sql import Database, SqlDirectory, SqlEventLog
from sidecar.adapters.sql.tables import utterances
from sidecar.domain.conference.values import ConferenceState, ForkState, ParticipantState, Role
from sidecar.domain.errors import NotFound, StoreUnavailable
from sidecar.domain.events import (
    ConferenceEnded,
    ConferenceStarted,
    Coverage,
    Entry,
    Event,
    ForkInterrupted,
    ForkResumed,
    ForkStarted,
    ForkStopped,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantUpdated,
    TranscriptCompleted,
    TranscriptGap,
    TranscriptPaused,
    TranscriptResumed,
    Word,
)
from sidecar.ports.directory import BoundFork, Directory
from sidecar.ports.event_log import EventLog
from tests.facts import NOON, draft, open_call, said, utterance


@pytest.fixture
def event_log(any_database: Database) -> EventLog:
    return SqlEventLog(any_database)


@pytest.fixture
def directory(any_database: Database) -> Directory:
    return SqlDirectory(any_database)


@pytest.fixture
async def bound(directory: Directory) -> BoundFork:
    return await open_call(directory)


async def fork_of(directory: Directory, bound: BoundFork) -> tuple[ForkState, str | None, int]:
    (fork,) = [fork for fork in await directory.forks(bound.conference.id) if fork.id == bound.fork.id]
    return fork.state, fork.stream_sid, fork.covered_ms


def seqs(events: list[Event]) -> list[int | None]:
    return [event.seq for event in events]


async def test_events_are_numbered_from_one_and_read_back_as_they_were_told(
    event_log: EventLog, bound: BoundFork
) -> None:
    home = bound.conference.id
    words = [Word("hello", 1, 5, 0.9), Word("wörld \U0001f600", 5, 9)]
    spoken = utterance(bound, 0, text='hello "wörld"\n\U0001f600')
    batch: list[Entry] = [
        draft(home, ConferenceStarted(room="support", conference_sid="CF1")),
        draft(home, type(spoken)(**{f: getattr(spoken, f) for f in spoken.__struct_fields__} | {"words": words})),
    ]
    told = await event_log.append(batch)
    assert [event and (event.seq, event.type, event.tenant) for event in told] == [
        (1, "conference.started", ""),
        (2, "utterance.final", ""),
    ]
    assert await event_log.read(home) == told


async def test_read_gives_what_comes_after_a_seq_and_no_more_than_the_limit(
    event_log: EventLog, bound: BoundFork
) -> None:
    await event_log.append([said(bound, index) for index in range(10)])
    assert seqs(await event_log.read(bound.conference.id, after=3, limit=4)) == [4, 5, 6, 7]
    assert await event_log.read(bound.conference.id, after=10) == []
    assert await event_log.read("cnf_nobody") == []


async def test_an_empty_batch_stores_nothing(event_log: EventLog) -> None:
    assert await event_log.append([]) == []


async def test_many_concurrent_appenders_leave_no_hole_in_any_conference(
    event_log: EventLog, directory: Directory
) -> None:
    calls = [await open_call(directory, f"CA{room}", room=f"room {room}") for room in range(3)]

    async def appender(number: int) -> None:
        for step in range(6):
            # Each batch touches all conferences, in an order of its own.
            turn = calls[number % 3 :] + calls[: number % 3]
            batch: list[Entry] = [said(call, step, session=f"ses_{number}") for call in turn]
            batch.append(Coverage(fork=calls[(number + 1) % 3].fork.id, covered_ms=step))
            await event_log.append(batch)

    async with asyncio.TaskGroup() as group:
        for number in range(8):
            group.create_task(appender(number), name=f"appender {number}")
    for call in calls:
        assert seqs(await event_log.read(call.conference.id)) == list(range(1, 8 * 6 + 1))


async def test_a_result_handed_in_twice_is_stored_once_and_spends_no_seq(
    event_log: EventLog, bound: BoundFork, any_database: Database
) -> None:
    first, again, inside = said(bound, 0), said(bound, 0), said(bound, 0)
    assert [event and event.id for event in await event_log.append([first, inside])] == [first.id, None]
    assert await event_log.append([again]) == [None]
    (next_one,) = await event_log.append([said(bound, 1)])
    assert next_one is not None
    assert next_one.seq == 2
    async with any_database.read() as connection:
        rows = (await connection.execute(select(utterances.c.result_index, utterances.c.seq))).all()
    assert sorted(tuple(row) for row in rows) == [(0, 1), (1, 2)]


async def test_two_appenders_of_the_same_result_store_it_once(event_log: EventLog, bound: BoundFork) -> None:
    told: list[Event | None] = []

    async def appender() -> None:
        told.extend(await event_log.append([said(bound, 0)]))

    async with asyncio.TaskGroup() as group:
        for number in range(6):
            group.create_task(appender(), name=f"appender {number}")
    assert sorted(event.seq or 0 for event in told if event) == [1]
    assert seqs(await event_log.read(bound.conference.id)) == [1]


async def test_a_batch_tried_again_gives_the_same_events_and_stores_nothing_new(
    event_log: EventLog, bound: BoundFork
) -> None:
    batch: list[Entry] = [said(bound, 0), draft(bound.conference.id, ConferenceEnded(reason="done", at_ms=5))]
    told = await event_log.append(batch)
    assert await event_log.append(batch) == told
    assert await event_log.read(bound.conference.id) == told


async def test_a_batch_with_an_unknown_conference_or_fork_is_not_stored_at_all(
    event_log: EventLog, directory: Directory, bound: BoundFork
) -> None:
    with pytest.raises(NotFound, match="cnf_nobody"):
        await event_log.append([said(bound, 0), draft("cnf_nobody", ConferenceEnded(reason="?", at_ms=1))])
    with pytest.raises(NotFound, match="frk_nobody"):
        await event_log.append([said(bound, 1), Coverage(fork="frk_nobody", covered_ms=1)])
    assert await event_log.read(bound.conference.id) == []
    assert await fork_of(directory, bound) == (ForkState.PENDING, None, 0)
    (told,) = await event_log.append([said(bound, 0)])
    assert told is not None
    assert told.seq == 1


async def test_conference_states_follow_their_events_and_never_leave_ended(
    event_log: EventLog, directory: Directory, bound: BoundFork
) -> None:
    home = bound.conference.id
    await event_log.append([draft(home, ConferenceStarted(room="support", conference_sid="CF9"))])
    conference = await directory.conference("CF9")
    assert conference is not None
    assert (conference.id, conference.state, conference.seq) == (home, ConferenceState.LIVE, 1)

    over = NOON + timedelta(minutes=5)
    await event_log.append([draft(home, ConferenceEnded(reason="last participant left", at_ms=300_000), at=over)])
    await event_log.append(
        [
            draft(home, ConferenceStarted(room="support", conference_sid="CF9")),
            draft(home, ConferenceEnded(reason="again", at_ms=400_000), at=over + timedelta(minutes=1)),
        ]
    )
    conference = await directory.conference(home)
    assert conference is not None
    assert (conference.state, conference.ended_at, conference.seq) == (ConferenceState.ENDED, over, 4)


async def test_a_completed_conference_is_no_longer_unfinished(
    event_log: EventLog, directory: Directory, bound: BoundFork
) -> None:
    other = await open_call(directory, "CA2", room="sales")
    home = bound.conference.id
    await event_log.append([draft(home, ConferenceEnded(reason="done", at_ms=5))])
    assert {found.id for found in await directory.unfinished()} == {home, other.conference.id}
    manifest = TranscriptCompleted(utterances=0, gaps=0, gap_ms=0, last_seq=1, sha256="", revision=1)
    await event_log.append([draft(home, manifest)])
    assert [found.id for found in await directory.unfinished()] == [other.conference.id]


async def test_participants_follow_their_events(event_log: EventLog, directory: Directory, bound: BoundFork) -> None:
    home, mine = bound.conference.id, bound.participant.id

    def joined(participant: str, call: str, label: str) -> ParticipantJoined:
        return ParticipantJoined(
            participant=participant, call_sid=call, label=label, name="Bo", role=Role.CUSTOMER, at_ms=10
        )

    updated = ParticipantUpdated(participant="par_x", label="caller", name="Cy", role=Role.SUPERVISOR)
    await event_log.append(
        [
            draft(home, joined("par_x", "CAx", "caller")),  # one who never asked us for TwiML
            draft(home, joined(mine, "CA1", "agent")),
            draft(home, replace(updated, hold=True, provider_seq=4)),
            draft(home, replace(updated, muted=True, coaching=True)),  # not by a callback: the number stays
            draft(home, ParticipantLeft(participant=mine, reason="hang-up", at_ms=20, provider_seq=5)),
        ]
    )
    first, second = await directory.participants(home)
    assert (first.id, first.name, first.role, first.state) == (mine, "Bo", Role.CUSTOMER, ParticipantState.LEFT)
    assert (second.id, second.call_sid, second.name) == ("par_x", "CAx", "Cy")
    assert (second.role, second.state) == (Role.SUPERVISOR, ParticipantState.JOINED)
    assert (second.muted, second.hold, second.coaching, second.provider_seq) == (True, False, True, 4)
    assert (first.muted, first.provider_seq) == (False, 5)


async def test_forks_follow_their_events_and_coverage_never_falls(
    event_log: EventLog, directory: Directory, bound: BoundFork
) -> None:
    home, fork, who = bound.conference.id, bound.fork.id, bound.participant.id
    steps: list[tuple[Entry, tuple[ForkState, str | None, int]]] = [
        (
            draft(home, ForkStarted(fork=fork, participant=who, stream_sid="MZ1", at_ms=400)),
            (ForkState.LIVE, "MZ1", 400),
        ),
        (said(bound, 1), (ForkState.LIVE, "MZ1", 400)),  # what was said before it may still be heard again
        (Coverage(fork=fork, covered_ms=2500), (ForkState.LIVE, "MZ1", 2500)),
        (Coverage(fork=fork, covered_ms=100), (ForkState.LIVE, "MZ1", 2500)),
        (
            draft(home, ForkInterrupted(fork=fork, participant=who, reason="lost", at_ms=3000)),
            (ForkState.INTERRUPTED, "MZ1", 2500),
        ),
        (
            draft(home, ForkResumed(fork=fork, participant=who, stream_sid="MZ2", epoch=2, at_ms=4000)),
            (ForkState.LIVE, "MZ2", 2500),
        ),
        (
            draft(home, TranscriptGap(participant=who, fork=fork, from_ms=2500, to_ms=4000, reason="stream_lost")),
            (ForkState.LIVE, "MZ2", 4000),
        ),
        (
            draft(home, ForkStopped(fork=fork, participant=who, reason="hang-up", at_ms=5000)),
            (ForkState.STOPPED, "MZ2", 4000),
        ),
        (
            draft(home, ForkInterrupted(fork=fork, participant=who, reason="late news", at_ms=5001)),
            (ForkState.STOPPED, "MZ2", 4000),
        ),
    ]
    for entry, expected in steps:
        await event_log.append([entry])
        assert await fork_of(directory, bound) == expected


async def test_text_that_a_database_may_not_like_is_stored(event_log: EventLog, bound: BoundFork) -> None:
    odd = "nul \0 quote ' brace } percent % \u2028 \U0001f600"
    (told,) = await event_log.append([said(bound, 0, text=odd)])
    assert await event_log.read(bound.conference.id) == [told]


async def test_the_epoch_stays_while_the_database_lives(store_url: str) -> None:
    words = set()
    for _ in range(2):
        database = Database(store_url)
        words.add(await SqlEventLog(database).epoch())
        await database.close()
    assert len(words) == 1
    assert words.pop()


async def test_a_store_that_another_process_has_locked_is_unavailable_and_recovers(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sidecar.adapters.sql.engine.SQLITE_BUSY_TIMEOUT_S", 0.02)
    bound = await open_call(SqlDirectory(database))
    url = database.url.render_as_string(hide_password=False)
    other_process, impatient = Database(url), Database(url)
    event_log = SqlEventLog(impatient)
    entry = said(bound, 0)
    async with other_process.write():
        with pytest.raises(StoreUnavailable, match="busy"):
            await event_log.append([entry])
    (told,) = await event_log.append([entry])
    assert told is not None
    assert told.seq == 1
    await other_process.close()
    await impatient.close()


@pytest.mark.parametrize("round_", range(3))
async def test_kill_9_loses_nothing_that_was_acknowledged(round_: int, database: Database) -> None:
    """SQLite: a process that appends in a loop is killed; what it reported as stored is there, without holes."""
    bound = await open_call(SqlDirectory(database))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("append_for_ever.py")),
        str(database.url.render_as_string(hide_password=False)),
        bound.conference.id,
        bound.fork.id,
        bound.participant.id,
        "ses_1",
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        env={"PYTHONPATH": "."},
    )
    assert process.stdout is not None
    lines = [await process.stdout.readline() for _ in range(100 + 70 * round_)]
    process.send_signal(signal.SIGKILL)
    acknowledged = (b"".join(lines) + await process.stdout.read()).decode().split()
    assert await process.wait() == -signal.SIGKILL

    events = await SqlEventLog(database).read(bound.conference.id, limit=100_000)
    assert seqs(events) == list(range(1, len(events) + 1))
    assert len(events) % 3 == 0  # batches of three: whole or not at all
    assert [event.id for event in events][: len(acknowledged)] == acknowledged
    assert len(acknowledged) >= 100


async def test_a_pause_is_in_the_conference_s_row_until_it_is_over(event_log: EventLog, directory: Directory) -> None:
    bound = await open_call(directory)
    home = bound.conference.id

    async def row() -> tuple[int | None, int | None]:
        conference = await directory.conference(home)
        assert conference is not None
        return conference.paused_ms, conference.resumed_ms

    assert await row() == (None, None)
    await event_log.append([draft(home, TranscriptPaused(by="Ana", reason="card", at_ms=4_000))])
    assert await row() == (4_000, None)
    await event_log.append([draft(home, TranscriptResumed(by="Ana", at_ms=9_300))])
    assert await row() == (4_000, 9_300)
    await event_log.append([draft(home, TranscriptPaused(by="Tom", at_ms=12_000))])
    assert await row() == (12_000, None)
