"""Frames of one stream: batched to the recogniser, holes declared, the end told with its reason."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from sidecar.adapters.sql import Database
from sidecar.adapters.sql.directory import SqlDirectory
from sidecar.adapters.sql.event_log import SqlEventLog
from sidecar.domain.conference.facts import EndReason
from sidecar.domain.events import Event, TranscriptGap, UtteranceFinal
from sidecar.domain.spans import Hearing
from sidecar.ports.recogniser import FinalResult, SpeechStarted
from sidecar.runtime.engine_choice import EngineChoice
from sidecar.runtime.event_bus import EventBus
from sidecar.runtime.event_writer import EventWriter
from sidecar.runtime.fork_session import BATCH_BYTES, ForkSession
from sidecar.runtime.recorder import Recorder
from tests.facts import NOON, open_call
from tests.fakes import FakeClock, Script, ScriptedRecogniser, ScriptedStream
from tests.waiting import eventually

FRAME = b"\x10\x90" * 80
HELLO: Script = [
    (300, SpeechStarted(segment=0, start_ms=200)),
    (900, FinalResult(segment=0, start_ms=200, end_ms=800, text="hello")),
]


class Rig:
    """A fork session on a real store."""

    def __init__(
        self, fork: ForkSession, engine: ScriptedRecogniser, log: SqlEventLog, conference: str, clock: FakeClock
    ) -> None:
        self.fork = fork
        self.engine = engine
        self._log = log
        self._conference = conference
        self._clock = clock
        self._passed_ms = 0  # since the stream began

    async def hear(self, n: int, audio: bytes = FRAME) -> None:
        """A frame of 20 ms by its place in the stream, at its time."""
        self._clock.pass_ms(max(0, n * 20 + 20 - self._passed_ms))
        self._passed_ms = max(self._passed_ms, n * 20 + 20)
        self.fork.receive(n + 2, n * 20, audio)

    async def speak(self, first: int, last: int) -> None:
        """Frames by their place in the stream."""
        for n in range(first, last):
            await self.hear(n)

    async def stream(self) -> ScriptedStream:
        """The engine's session, once it is opened."""
        await eventually(lambda: bool(self.engine.streams))
        return self.engine.streams[0]

    async def stored(self) -> list[Event]:
        """What is in the log."""
        return await self._log.read(self._conference)


@asynccontextmanager
async def running(database: Database, script: Script = HELLO, hearing: Hearing | None = None) -> AsyncIterator[Rig]:
    """A session that began; leaving ends it and stores everything."""
    log, bus, clock = SqlEventLog(database), EventBus(), FakeClock(NOON)
    bound = await open_call(SqlDirectory(database))
    clock.pass_ms(5_000)
    writer, engine = EventWriter(log, bus, clock), ScriptedRecogniser(script)
    recorder = Recorder(bound.conference, writer=writer, bus=bus, clock=clock)
    fork = ForkSession(
        bound.fork,
        engines=EngineChoice(engine),
        recorder=recorder,
        hearing=hearing or Hearing(),
        began_ms=recorder.now_ms(),
    )
    async with asyncio.TaskGroup() as tasks:
        storing = tasks.create_task(writer.run())
        run = tasks.create_task(fork.run())
        yield Rig(fork, engine, log, bound.conference.id, clock)
        await fork.end(EndReason.STOPPED)
        await run
        assert await writer.flush(5)
        storing.cancel()


async def test_frames_go_on_in_pieces_of_100_ms_and_nothing_is_left_behind(database: Database) -> None:
    """Whatever does not fill a piece goes with the end."""
    async with running(database) as rig:
        for n in range(12):
            await rig.hear(n)
        stream = await rig.stream()
        await eventually(lambda: len(stream.audio) == 2 * BATCH_BYTES)
    assert bytes(stream.audio) == FRAME * 12
    assert stream.closed


async def test_times_count_from_when_the_stream_began_on_the_conference_clock(database: Database) -> None:
    """The stream began at second 5."""
    async with running(database) as rig:
        for n in range(60):
            await rig.hear(n)
    [said] = [event.data for event in await rig.stored() if isinstance(event.data, UtteranceFinal)]
    assert (said.start_ms, said.end_ms) == (5_200, 5_800)


async def test_a_stream_whose_beginning_was_read_late_began_earlier(database: Database) -> None:
    """The process was busy for 800 ms while 40 frames came: the words lie where they were said, from second 4.2 on."""
    async with running(database) as rig:
        for n in range(40):
            rig.fork.receive(n + 2, n * 20, FRAME)
            assert rig.fork.timeline.now_ms == 5_000
        await rig.speak(40, 60)
    [said] = [event.data for event in await rig.stored() if isinstance(event.data, UtteranceFinal)]
    assert (said.start_ms, said.end_ms) == (4_400, 5_000)


async def test_a_hole_is_filled_with_silence_and_declared(database: Database) -> None:
    """Half a second is missing in the middle."""
    async with running(database, ()) as rig:
        await rig.speak(0, 6)
        await rig.speak(31, 32)
    assert bytes(rig.engine.streams[0].audio) == FRAME * 6 + b"\xff" * 4_000 + FRAME
    [gap] = [event.data for event in await rig.stored() if isinstance(event.data, TranscriptGap)]
    assert (gap.from_ms, gap.to_ms, gap.reason) == (5_120, 5_620, "media_missing")


async def test_a_short_hole_in_silence_is_filled_without_a_word(database: Database) -> None:
    """100 ms hide no word where nobody speaks."""
    async with running(database, ()) as rig:
        await rig.speak(0, 6)
        await rig.speak(11, 12)
    assert len(rig.engine.streams[0].audio) == 7 * 160 + 800
    assert not [event for event in await rig.stored() if event.type == "transcript.gap"]


async def test_a_duplicate_frame_is_heard_once(database: Database) -> None:
    """The network may repeat itself."""
    async with running(database, ()) as rig:
        for _ in range(3):
            await rig.speak(0, 6)
    assert bytes(rig.engine.streams[0].audio) == FRAME * 6


async def test_a_line_without_any_sound_costs_no_session(database: Database) -> None:
    """It hangs up before an engine was there: there is nothing to wait for."""
    async with running(database, ()) as rig:
        for n in range(20):
            await rig.hear(n, b"\xff" * 160)
    assert rig.engine.streams == []
    assert await rig.stored() == []


async def test_what_is_said_muted_or_held_never_reaches_the_recogniser_and_the_clock_goes_on(
    database: Database,
) -> None:
    """What was said before is finalised, and what is said afterwards lies where it was said."""
    script: Script = [
        (100, SpeechStarted(segment=0, start_ms=20)),
        (400, FinalResult(segment=0, start_ms=20, end_ms=200, text="before")),
        (900, SpeechStarted(segment=1, start_ms=800)),
        (1_000, FinalResult(segment=1, start_ms=800, end_ms=980, text="after")),
    ]
    async with running(database, script) as rig:
        for n in range(50):
            if n in (10, 40):
                rig.fork.heed(rests=n == 10, coaching=False)
            await rig.hear(n)
        stream = await rig.stream()
    assert bytes(stream.audio) == FRAME * 10 + b"\xff" * (160 * 30) + FRAME * 10
    said = [event.data for event in await rig.stored() if isinstance(event.data, UtteranceFinal)]
    assert [(one.start_ms, one.text) for one in said] == [(5_020, "before"), (5_800, "after")]
    assert not [event for event in await rig.stored() if event.type == "transcript.gap"]


async def test_of_a_hole_only_what_was_on_the_call_is_a_gap(database: Database) -> None:
    """The stream begins while its participant is held."""
    async with running(database, (), Hearing(rests=True)) as rig:
        await rig.speak(0, 1)
        await rig.speak(26, 27)
        rig.fork.heed(rests=False, coaching=False)
        await rig.speak(52, 60)
    assert set(rig.engine.streams[0].audio[: -8 * len(FRAME)]) == {0xFF}
    gaps = [event.data for event in await rig.stored() if isinstance(event.data, TranscriptGap)]
    assert [(gap.from_ms, gap.to_ms) for gap in gaps] == [(5_540, 6_040)]


@pytest.mark.parametrize(("from_frame", "to_frame", "marked"), [(0, 99, True), (20, 99, True), (0, 5, False)])
async def test_a_coach_s_whisper_is_marked(database: Database, from_frame: int, to_frame: int, marked: bool) -> None:
    """As soon as a moment of it is one: said from 200 to 800 ms."""
    async with running(database) as rig:
        for n in range(60):
            rig.fork.heed(rests=False, coaching=from_frame <= n < to_frame)
            await rig.hear(n)
    [said] = [event.data for event in await rig.stored() if isinstance(event.data, UtteranceFinal)]
    assert said.coaching is marked


async def test_covered_time_reaches_the_rows(database: Database) -> None:
    """So that a crash shows a gap from there, and not from the beginning."""
    async with running(database) as rig:
        for n in range(500):
            await rig.hear(n)
            if n % 10 == 0:
                await asyncio.sleep(0)
    [fork] = await SqlDirectory(database).forks((await rig.stored())[0].conference)
    assert fork.covered_ms == 15_000
