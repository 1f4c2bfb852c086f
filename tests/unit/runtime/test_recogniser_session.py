"""Results of engines become utterances; what one did not tell the next one hears again; the rest is a gap."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TypeVar

import pytest

from sidecar.adapters.sql import Database
from sidecar.adapters.sql.directory import SqlDirectory
from sidecar.adapters.sql.event_log import SqlEventLog
from sidecar.domain.errors import RecogniserUnavailable
from sidecar.domain.events import Event, EventData, ForkHealth, TranscriptGap, UtteranceFinal, UtterancePartial
from sidecar.domain.spans import Hearing
from sidecar.domain.stream_clock import StreamClock
from sidecar.ports.recogniser import FinalResult, PartialResult, Recogniser, SpeechStarted, Traits, Unrecognised
from sidecar.runtime.engine_choice import PROBE_EVERY_S, EngineChoice
from sidecar.runtime.event_bus import GATHER_S, EventBus, Subscription, conference_topic
from sidecar.runtime.event_writer import EventWriter
from sidecar.runtime.recogniser_lane import PIECE_MS
from sidecar.runtime.recogniser_session import FINISH_TIMEOUT_S, RecogniserSession
from sidecar.runtime.recorder import Recorder
from tests.emulated_deepgram.ears import numbered_speech, places
from tests.facts import open_call
from tests.fakes import FakeClock, Script, ScriptedRecogniser
from tests.numbered_recogniser import NumberedRecogniser
from tests.virtual_time import timeless
from tests.waiting import eventually

pytestmark = pytest.mark.virtual_time

# On the conference clock.
STREAM_BEGAN_MS = 10_000

SECOND = bytes(8_000)
HELLO: Script = [
    (300, SpeechStarted(segment=0, start_ms=200)),
    (800, PartialResult(segment=0, start_ms=200, end_ms=700, text="hel")),
    (1_500, FinalResult(segment=0, start_ms=200, end_ms=1_000, text="hello")),
]


class Rig:
    """A session on a real store and bus, with what it told."""

    def __init__(
        self,
        session: RecogniserSession,
        timeline: StreamClock,
        log: SqlEventLog,
        directory: SqlDirectory,
        conference: str,
    ) -> None:
        self.session = session
        self.timeline = timeline
        self._log = log
        self._directory = directory
        self._conference = conference
        self.told: list[Event] = []

    async def hear(self, seconds: float) -> None:
        """Steady audio in pieces of 100 ms."""
        await self.listen_to(SECOND[:800] * round(seconds * 10))

    async def listen_to(self, audio: bytes) -> None:
        """Audio in pieces of 100 ms, as fast as it was said."""
        for at in range(0, len(audio), 800):
            piece = audio[at : at + 800]
            self.timeline.place(0, self.timeline.audio_ms, len(piece))
            self.session.send(piece)
            await asyncio.sleep(0.1)

    async def stored(self) -> list[Event]:
        """What is in the log."""
        return await self._log.read(self._conference)

    async def covered_ms(self) -> int:
        """Up to where the store says that all is told: from there on a service that was killed declares a gap."""
        [fork] = await self._directory.forks(self._conference)
        return fork.covered_ms


Running = Callable[..., contextlib.AbstractAsyncContextManager[Rig]]


@pytest.fixture
def rig(database: Database) -> Running:
    """A context manager that runs a session with the given recogniser, and ends it in order."""

    @contextlib.asynccontextmanager
    async def running(
        recogniser: Recogniser,
        fallback: Recogniser | None = None,
        *,
        base_ms: int = STREAM_BEGAN_MS,
        hearing: Hearing | None = None,
        now: Callable[[], float] | None = None,
    ) -> AsyncIterator[Rig]:
        log, bus, clock = timeless(SqlEventLog(database)), EventBus(), FakeClock()
        directory = timeless(SqlDirectory(database))
        bound = await open_call(directory)
        writer = EventWriter(log, bus, clock)
        recorder = Recorder(bound.conference, writer=writer, bus=bus, clock=clock)
        timeline = StreamClock(base_ms)
        session = RecogniserSession(
            engines=EngineChoice(recogniser, fallback, now=now),
            fork=bound.fork,
            timeline=timeline,
            recorder=recorder,
            hearing=hearing or Hearing(),
        )
        rig = Rig(session, timeline, log, directory, bound.conference.id)
        with bus.subscribe([conference_topic(bound.conference.id)]) as listener:
            async with asyncio.TaskGroup() as tasks:
                storing = tasks.create_task(writer.run())
                listening = tasks.create_task(listen(listener, rig.told))
                reading = tasks.create_task(session.run())
                yield rig
                await session.finish()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(FINISH_TIMEOUT_S):
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


async def test_when_an_engine_hangs_up_the_next_session_hears_what_was_half_said(rig: Running) -> None:
    """The utterance keeps its id, no audio is missing, and there is no gap."""
    later: Script = [(1_000, FinalResult(segment=0, start_ms=210, end_ms=900, text="hello again"))]
    engine = ScriptedRecogniser(HELLO, later, fail_at_ms=1_000)
    async with rig(engine) as session:
        await session.listen_to(SECOND * 3)
    stored = await session.stored()
    [utterance] = facts(stored, UtteranceFinal)
    assert (utterance.text, utterance.start_ms) == ("hello again", 10_210)
    assert {partial.id for partial in facts(session.told, UtterancePartial)} == {utterance.id}
    assert not facts(stored, TranscriptGap)
    assert len(engine.streams[1].audio) == 24_000


async def test_an_engine_that_cannot_be_opened_is_tried_again_and_hears_all(rig: Running) -> None:
    """Two refusals cost nothing but time."""
    engine = ScriptedRecogniser([(500, FinalResult(segment=0, start_ms=0, end_ms=400, text="here"))], refuse=2)
    async with rig(engine) as session:
        await session.hear(1)
        await eventually(lambda: bool(engine.streams))
    stored = await session.stored()
    assert [one.start_ms for one in facts(stored, UtteranceFinal)] == [10_000]
    assert not facts(stored, TranscriptGap)


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
        await session.hear(1.4)
        assert session.session.covered_ms() == 10_200
        await session.hear(2)
        assert session.session.covered_ms() >= 12_000


async def test_what_nobody_could_hear_in_half_a_minute_is_a_gap_with_the_engine_s_reason(rig: Running) -> None:
    """No session was free: that is something else than a failure. The rest is heard when one is."""
    engine = ScriptedRecogniser(refuse=100, gap_reason="recogniser_overloaded")
    async with rig(engine) as session:
        await session.hear(40)
        engine.refuse = 0
        await eventually(lambda: bool(engine.streams))
    gaps = facts(await session.stored(), TranscriptGap)
    assert (gaps[0].from_ms, gaps[-1].to_ms) == (10_000, 20_000)
    assert {gap.reason for gap in gaps} == {"recogniser_overloaded"}
    assert len(engine.streams[0].audio) == 30 * 8_000


async def test_the_fallback_hears_what_the_engine_did_not_and_hands_back_in_a_pause(rig: Running) -> None:
    """Refused for good: at once to the fallback; probed while somebody speaks; back, and no word is lost."""
    time = [0.0]
    engine, fallback = NumberedRecogniser("first"), NumberedRecogniser("second", traits=Traits())
    engine.away = RecogniserUnavailable("No key.", code="no_key", permanent=True)
    async with rig(engine, fallback, now=lambda: time[0]) as session:
        await session.listen_to(numbered_speech(0, 16))
        engine.away = None
        time[0] += PROBE_EVERY_S
        await session.listen_to(numbered_speech(16, 24))
        session.session._avoided.clear()  # a minute later
        await session.listen_to(numbered_speech(40, 24))
    stored = await session.stored()
    finals = facts(stored, UtteranceFinal)
    assert words_of(finals) == list(range(64))
    assert [one.engine for one in finals] == sorted((one.engine for one in finals), reverse=True)
    assert {one.engine for one in finals} == {"first", "second"}
    assert not facts(stored, TranscriptGap)
    assert "second" in [health.engine for health in facts(session.told, ForkHealth) if health.fallback]


async def test_more_than_a_moment_is_for_a_gap_lane_and_live_text_goes_on(rig: Running) -> None:
    """Told late, with true times; every word once."""
    engine = NumberedRecogniser()
    engine.refusals = [RecogniserUnavailable("Busy.") for _ in range(3)]
    async with rig(engine) as session:
        await session.listen_to(numbered_speech(0, 24))
        await session.listen_to(numbered_speech(24, 40))
    finals = facts(await session.stored(), UtteranceFinal)
    assert words_of(finals) == list(range(64))
    late = [one for one in finals if one.late]
    assert late
    assert min(one.start_ms for one in late) < 12_000
    assert not all(one.late for one in finals)  # live text went on beside it


async def test_what_the_store_has_as_covered_was_told_though_another_lane_is_ahead(rig: Running) -> None:
    """Killed at any of these moments, nothing is lost without a gap."""
    engine = NumberedRecogniser()
    engine.refusals = [RecogniserUnavailable("Busy.") for _ in range(3)]
    ahead = False
    async with rig(engine) as session:
        for spoken in range(24, 72, 2):
            await session.listen_to(numbered_speech(0, 24) if spoken == 24 else numbered_speech(spoken - 2, 2))
            covered_ms = await session.covered_ms() - STREAM_BEGAN_MS
            told = words_of(facts(await session.stored(), UtteranceFinal))
            due = [int(word.text[1:]) for word in places(0, spoken) if word.end_ms <= covered_ms]
            assert set(due) <= set(told), f"covered up to {covered_ms} ms"
            ahead = ahead or told != list(range(len(told)))
    assert ahead


async def test_an_engine_that_tells_nothing_of_eight_seconds_of_speech_is_left(rig: Running) -> None:
    """It took everything and said nothing; what it heard is heard again."""
    engine, fallback = NumberedRecogniser("first"), NumberedRecogniser("second", traits=Traits())
    engine.opens_deaf = True
    async with rig(engine, fallback) as session:
        await session.listen_to(numbered_speech(0, 40))
    assert words_of(facts(await session.stored(), UtteranceFinal)) == list(range(40))
    assert 8_000 <= engine.streams[0].heard_ms < 12_000


async def test_an_engine_that_takes_no_audio_is_left_and_what_it_was_to_hear_is_heard_again(rig: Running) -> None:
    """Its connection is open, and nothing goes through. Old audio goes on in pieces, so that nobody is held up."""
    engine, fallback = NumberedRecogniser("first"), NumberedRecogniser("second", traits=Traits())
    engine.opens_stuck = True
    async with rig(engine, fallback) as session:
        await session.listen_to(numbered_speech(0, 24))
    stored = await session.stored()
    assert words_of(facts(stored, UtteranceFinal)) == list(range(24))
    assert {one.engine for one in facts(stored, UtteranceFinal)} == {"second"}
    assert not facts(stored, TranscriptGap)
    assert fallback.streams[0].longest_ms == PIECE_MS


async def test_a_silent_line_is_no_reason_to_leave_an_engine(rig: Running) -> None:
    """Muted, held or simply quiet."""
    engine = NumberedRecogniser()
    engine.opens_deaf = True
    async with rig(engine) as session:
        await session.listen_to(b"\xff" * (8_000 * 20))
    assert len(engine.streams) == 1
    assert not await session.stored()


async def test_a_session_is_replaced_in_a_pause_before_the_vendor_ends_it(rig: Running) -> None:
    """The next one is there before the old one goes; nothing is told twice."""
    traits = Traits(replay_speed=1.2, word_times=True, rotate_after_s=5)
    engine = NumberedRecogniser(traits=traits)
    async with rig(engine) as session:
        await session.listen_to(numbered_speech(0, 40))
    finals = facts(await session.stored(), UtteranceFinal)
    assert words_of(finals) == list(range(40))
    assert len(engine.streams) >= 3
    assert len({one.session for one in finals}) >= 3
    assert not any(one.late for one in finals)


@pytest.mark.parametrize("seed", range(3))
async def test_however_often_an_engine_drops_every_word_is_told_once(rig: Running, seed: int) -> None:
    """Each session breaks in one of its first sentences; word times are off by 150 ms, and so is the wording."""
    chance = random.Random(seed)
    engine = NumberedRecogniser(seed=seed, breaks=lambda: chance.randint(6, 24))
    async with rig(engine) as session:
        await session.listen_to(numbered_speech(0, 240))
        engine._breaks = lambda: None
    stored = await session.stored()
    assert words_of(facts(stored, UtteranceFinal)) == list(range(240))
    assert not facts(stored, TranscriptGap)
    assert len(engine.streams) > 20


@pytest.mark.parametrize("seed", range(2))
async def test_an_engine_that_hardly_ends_a_sentence_loses_no_word_without_a_gap(rig: Running, seed: int) -> None:
    """It falls further behind with each session, until the oldest audio is gone."""
    chance = random.Random(seed)
    engine = NumberedRecogniser(seed=seed, breaks=lambda: chance.randint(1, 9))
    async with rig(engine) as session:
        await session.listen_to(numbered_speech(0, 160))
    stored = await session.stored()
    said, gaps = words_of(facts(stored, UtteranceFinal)), facts(stored, TranscriptGap)
    lost = [place for place in places(0, 160) if int(place.text[1:]) not in said]
    assert lost
    for word in lost:
        start_ms, end_ms = STREAM_BEGAN_MS + word.start_ms, STREAM_BEGAN_MS + word.end_ms
        assert any(gap.from_ms < end_ms and start_ms < gap.to_ms for gap in gaps), word


def words_of(finals: Sequence[UtteranceFinal]) -> list[int]:
    """The numbers that were understood, in order of speech."""
    text = " ".join(one.text for one in sorted(finals, key=lambda one: one.start_ms))
    return [int(number) for number in re.findall(r"\d+", text)]
