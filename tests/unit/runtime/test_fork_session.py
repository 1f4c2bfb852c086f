"""Frames of one stream: batched to the recogniser, holes declared, the end told with its reason."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from sidecar.adapters.sql import Database
from sidecar.adapters.sql.directory import SqlDirectory
from sidecar.adapters.sql.event_log import SqlEventLog
from sidecar.domain.events import Event, TranscriptGap, UtteranceFinal
from sidecar.ports.recogniser import FinalResult, SpeechStarted
from sidecar.runtime.event_bus import EventBus
from sidecar.runtime.event_writer import EventWriter
from sidecar.runtime.fork_session import BATCH_BYTES, EndReason, ForkSession, LostStream
from sidecar.runtime.recorder import Recorder
from tests.facts import NOON, open_call
from tests.fakes import FakeClock, Script, ScriptedRecogniser

FRAME = b"\x7f" * 160
HELLO: Script = [
    (300, SpeechStarted(segment=0, start_ms=200)),
    (900, FinalResult(segment=0, start_ms=200, end_ms=800, text="hello")),
]


class Rig:
    """A fork session on a real store."""

    def __init__(self, fork: ForkSession, engine: ScriptedRecogniser, log: SqlEventLog, conference: str) -> None:
        self.fork = fork
        self.engine = engine
        self._log = log
        self._conference = conference

    async def stored(self) -> list[Event]:
        """What is in the log."""
        return await self._log.read(self._conference)


@asynccontextmanager
async def running(database: Database, script: Script = HELLO, lost: LostStream | None = None) -> AsyncIterator[Rig]:
    """A session that began; leaving ends it and stores everything."""
    log, bus, clock = SqlEventLog(database), EventBus(), FakeClock(NOON)
    bound = await open_call(SqlDirectory(database))
    clock.pass_ms(5_000)
    writer, engine = EventWriter(log, bus, clock), ScriptedRecogniser(script)
    recorder = Recorder(bound.conference, writer=writer, bus=bus, clock=clock)
    fork = ForkSession(bound.fork, recogniser=engine, recorder=recorder, lost=lost)
    async with asyncio.TaskGroup() as tasks:
        storing = tasks.create_task(writer.run())
        fork.begin()
        run = tasks.create_task(fork.run())
        yield Rig(fork, engine, log, bound.conference.id)
        await fork.end(EndReason.STOPPED)
        await run
        assert await writer.flush(5)
        storing.cancel()


async def test_frames_go_on_in_pieces_of_100_ms_and_nothing_is_left_behind(database: Database) -> None:
    """Whatever does not fill a piece goes with the end."""
    async with running(database) as rig:
        for n in range(12):
            await rig.fork.receive(n + 2, n * 20, FRAME)
        [stream] = rig.engine.streams
        assert len(stream.audio) == 2 * BATCH_BYTES
    assert bytes(stream.audio) == FRAME * 12
    assert stream.closed


async def test_times_count_from_when_the_stream_began_on_the_conference_clock(database: Database) -> None:
    """The stream began at second 5."""
    async with running(database) as rig:
        for n in range(60):
            await rig.fork.receive(n + 2, n * 20, FRAME)
    [said] = [event.data for event in await rig.stored() if isinstance(event.data, UtteranceFinal)]
    assert (said.start_ms, said.end_ms) == (5_200, 5_800)


async def test_a_hole_is_filled_with_silence_and_declared(database: Database) -> None:
    """Half a second is missing in the middle."""
    async with running(database, ()) as rig:
        await rig.fork.receive(2, 0, FRAME)
        await rig.fork.receive(3, 520, FRAME)
    assert bytes(rig.engine.streams[0].audio) == FRAME + b"\xff" * 4_000 + FRAME
    [gap] = [event.data for event in await rig.stored() if isinstance(event.data, TranscriptGap)]
    assert (gap.from_ms, gap.to_ms, gap.reason) == (5_020, 5_520, "media_missing")


async def test_a_short_hole_in_silence_is_filled_without_a_word(database: Database) -> None:
    """100 ms hide no word where nobody speaks."""
    async with running(database, ()) as rig:
        await rig.fork.receive(2, 0, FRAME)
        await rig.fork.receive(3, 120, FRAME)
    assert len(rig.engine.streams[0].audio) == 1_120
    assert not [event for event in await rig.stored() if event.type == "transcript.gap"]


async def test_a_duplicate_frame_is_heard_once(database: Database) -> None:
    """The network may repeat itself."""
    async with running(database, ()) as rig:
        for _ in range(3):
            await rig.fork.receive(2, 0, FRAME)
    assert bytes(rig.engine.streams[0].audio) == FRAME


@pytest.mark.parametrize(("from_ms", "gaps"), [(2_000, [(2_000, 5_000)]), (5_000, [])])
async def test_a_resumed_fork_declares_what_was_missed(
    database: Database, from_ms: int, gaps: list[tuple[int, int]]
) -> None:
    """From where nobody listened to the new stream's beginning; nothing where nothing was missed."""
    async with running(database, lost=LostStream(from_ms, "service_restarted")) as rig:
        await asyncio.sleep(0)
    stored = await rig.stored()
    assert [(e.data.from_ms, e.data.to_ms) for e in stored if isinstance(e.data, TranscriptGap)] == gaps
    assert stored[-1].type == "fork.resumed"


async def test_covered_time_reaches_the_rows(database: Database) -> None:
    """So that a crash shows a gap from there, and not from the beginning."""
    async with running(database) as rig:
        for n in range(500):
            await rig.fork.receive(n + 2, n * 20, FRAME)
            if n % 10 == 0:
                await asyncio.sleep(0)
    [fork] = await SqlDirectory(database).forks((await rig.stored())[0].conference)
    assert fork.covered_ms == 15_000
