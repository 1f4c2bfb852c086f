"""Results of an engine become utterances; an engine that fails becomes gaps, and nothing escapes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeVar

import pytest

from sidecar.adapters.sql import Database
from sidecar.adapters.sql.directory import SqlDirectory
from sidecar.adapters.sql.event_log import SqlEventLog
from sidecar.domain.events import Event, EventData, TranscriptGap, UtteranceFinal, UtterancePartial
from sidecar.domain.spans import Hearing
from sidecar.domain.stream_clock import StreamClock
from sidecar.ports.recogniser import FinalResult, PartialResult, SpeechStarted, Unrecognised
from sidecar.runtime.event_bus import GATHER_S, EventBus, Subscription, conference_topic
from sidecar.runtime.event_writer import EventWriter
from sidecar.runtime.recogniser_session import RecogniserSession
from sidecar.runtime.recorder import Recorder
from tests.facts import open_call
from tests.fakes import FakeClock, Script, ScriptedRecogniser

SECOND = bytes(8_000)
HELLO: Script = [
    (300, SpeechStarted(segment=0, start_ms=200)),
    (800, PartialResult(segment=0, start_ms=200, end_ms=700, text="hel")),
    (1_500, FinalResult(segment=0, start_ms=200, end_ms=1_000, text="hello")),
]


class Rig:
    """A session on a real store and bus, with what it told."""

    def __init__(self, session: RecogniserSession, timeline: StreamClock, log: SqlEventLog, conference: str) -> None:
        self.session = session
        self.timeline = timeline
        self._log = log
        self._conference = conference
        self.told: list[Event] = []

    async def hear(self, seconds: float) -> None:
        """Steady audio in pieces of 100 ms."""
        for _ in range(round(seconds * 10)):
            self.timeline.place(0, self.timeline.audio_ms, 800)
            await self.session.send(SECOND[:800])
            await asyncio.sleep(0.005)  # let the bus gather and the listener read

    async def stored(self) -> list[Event]:
        """What is in the log."""
        return await self._log.read(self._conference)


Running = Callable[..., AbstractAsyncContextManager[Rig]]


@pytest.fixture
def rig(database: Database) -> Running:
    """A context manager that runs a session with the given recogniser, and ends it in order."""

    @asynccontextmanager
    async def running(
        recogniser: ScriptedRecogniser, *, base_ms: int = 10_000, hearing: Hearing | None = None
    ) -> AsyncIterator[Rig]:
        log, bus, clock = SqlEventLog(database), EventBus(), FakeClock()
        bound = await open_call(SqlDirectory(database))
        writer = EventWriter(log, bus, clock)
        recorder = Recorder(bound.conference, writer=writer, bus=bus, clock=clock)
        timeline = StreamClock(base_ms)
        session = RecogniserSession(
            recogniser=recogniser, fork=bound.fork, timeline=timeline, recorder=recorder, hearing=hearing or Hearing()
        )
        rig = Rig(session, timeline, log, bound.conference.id)
        with bus.subscribe([conference_topic(bound.conference.id)]) as listener:
            async with asyncio.TaskGroup() as tasks:
                storing = tasks.create_task(writer.run())
                listening = tasks.create_task(listen(listener, rig.told))
                reading = tasks.create_task(session.run())
                yield rig
                await session.finish()
                async with asyncio.timeout(5):
                    await reading
                await session.close()
                assert await writer.flush(5)
                await asyncio.sleep(GATHER_S * 2)  # what was told last is on its way
                storing.cancel()
                listening.cancel()

    return running


async def listen(subscription: Subscription, told: list[Event]) -> None:
    """Keep what the bus tells, for ever."""
    while True:
        told += [item.event for item in await subscription.next_batch()]


Kind = TypeVar("Kind", bound=EventData)


def facts(events: Sequence[Event], kind: type[Kind]) -> list[Kind]:
    """The data of one kind."""
    return [event.data for event in events if isinstance(event.data, kind)]


async def test_results_become_one_utterance_on_the_conference_clock(rig: Running) -> None:
    """Times of the engine count its audio; the transcript counts the conference."""
    async with rig(ScriptedRecogniser(HELLO)) as session:
        await session.hear(2)
    [utterance] = facts(await session.stored(), UtteranceFinal)
    assert (utterance.text, utterance.start_ms, utterance.end_ms) == ("hello", 10_200, 11_000)
    [partial] = facts(session.told, UtterancePartial)
    assert (partial.id, partial.text, partial.end_ms) == (utterance.id, "hel", 10_700)


async def test_what_is_said_last_is_final_after_finish(rig: Running) -> None:
    """Hang-up in the middle of a word loses nothing."""
    async with rig(ScriptedRecogniser(HELLO)) as session:
        await session.hear(0.9)
    assert len(facts(await session.stored(), UtteranceFinal)) == 1


async def test_an_engine_that_hangs_up_leaves_a_gap_and_is_opened_again(rig: Running) -> None:
    """The gap runs from the start of what was half said to the moment when somebody listens again."""
    later: Script = [(1_000, FinalResult(segment=0, start_ms=0, end_ms=900, text="again"))]
    engine = ScriptedRecogniser(HELLO, later, fail_at_ms=1_000)
    async with rig(engine) as session:
        await session.hear(3)
    stored = await session.stored()
    [gap] = facts(stored, TranscriptGap)
    assert (gap.from_ms, gap.reason) == (10_200, "recogniser_failed")
    assert 11_000 <= gap.to_ms <= 11_100
    [again] = facts(stored, UtteranceFinal)
    assert again.start_ms == gap.to_ms
    assert facts(session.told, UtterancePartial)[-1].text == ""


async def test_an_engine_that_cannot_be_opened_is_tried_again_while_audio_flows(rig: Running) -> None:
    """Two refusals cost ten seconds, and they are declared."""
    engine = ScriptedRecogniser([(500, FinalResult(segment=0, start_ms=0, end_ms=400, text="here"))], refuse=2)
    async with rig(engine) as session:
        await session.hear(12)
    stored = await session.stored()
    [gap] = facts(stored, TranscriptGap)
    assert (gap.from_ms, gap.to_ms) == (10_000, 20_000)
    assert len(facts(stored, UtteranceFinal)) == 1


async def test_an_engine_that_is_away_while_its_participant_is_held_misses_nothing(rig: Running) -> None:
    """Only what was on the call is a gap: held from second 11 on."""
    hearing = Hearing()
    async with rig(ScriptedRecogniser(refuse=100), hearing=hearing) as session:
        await session.hear(1)
        hearing.switch(rests=True, coaching=False, at_ms=11_000)
        await session.hear(4)
    [gap] = facts(await session.stored(), TranscriptGap)
    assert (gap.from_ms, gap.to_ms) == (10_000, 11_000)


async def test_an_engine_that_never_comes_leaves_one_gap_over_everything(rig: Running) -> None:
    """Lost audio is always a visible gap."""
    async with rig(ScriptedRecogniser(refuse=100)) as session:
        await session.hear(7)
    [gap] = facts(await session.stored(), TranscriptGap)
    assert (gap.from_ms, gap.to_ms) == (10_000, 17_000)


async def test_a_segment_that_the_engine_gives_up_is_a_gap_of_its_own(rig: Running) -> None:
    """The reason is the engine's, the line that was shown is cleared."""
    script: Script = [
        (500, PartialResult(segment=0, start_ms=100, end_ms=400, text="lost")),
        (1_000, Unrecognised(segment=0, start_ms=100, end_ms=900, reason="recogniser_overloaded")),
    ]
    async with rig(ScriptedRecogniser(script)) as session:
        await session.hear(2)
    [gap] = facts(await session.stored(), TranscriptGap)
    assert (gap.from_ms, gap.to_ms, gap.reason) == (10_100, 10_900, "recogniser_overloaded")


async def test_covered_time_stops_where_speech_is_still_open(rig: Running) -> None:
    """A crash now must show a gap from there on."""
    async with rig(ScriptedRecogniser(HELLO)) as session:
        await session.hear(0.9)
        assert session.session.covered_ms() == 10_200
        await session.hear(2)
        assert session.session.covered_ms() >= 12_000


async def test_a_session_that_breaks_before_it_said_anything_is_not_opened_again_at_once(rig: Running) -> None:
    """Else an engine that takes connections and drops them would be asked ten times a second."""
    engine = ScriptedRecogniser(fail_at_ms=1_000)
    async with rig(engine) as session:
        await session.hear(7)
    assert len(engine.streams) == 2
    [gap] = facts(await session.stored(), TranscriptGap)
    assert (gap.from_ms, gap.to_ms) == (10_400, 16_000)


async def test_the_engine_says_what_to_call_the_gap(rig: Running) -> None:
    """No session was free: that is something else than a failure."""
    engine = ScriptedRecogniser(refuse=1, gap_reason="recogniser_overloaded")
    async with rig(engine) as session:
        await session.hear(6)
    [gap] = facts(await session.stored(), TranscriptGap)
    assert (gap.from_ms, gap.to_ms, gap.reason) == (10_000, 15_000, "recogniser_overloaded")
