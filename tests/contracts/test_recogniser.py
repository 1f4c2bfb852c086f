"""The port's promises, kept by the local engine with its real model, by Deepgram's (the real SDK against an emulator
over a socket), and by the scripted one of the unit tests.
"""

from __future__ import annotations

import asyncio
import importlib
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import TypeVar

import pytest

from sidecar.adapters.deepgram_account import DeepgramAccount
from sidecar.adapters.recognisers.deepgram import deepgram_recogniser
from sidecar.adapters.recognisers.local import start_local_recogniser
from sidecar.ports.recogniser import (
    FinalResult,
    PartialResult,
    Recogniser,
    RecogniserStream,
    Result,
    SpeechStarted,
    Unrecognised,
)
from sidecar.speech.wav import read_telephone_audio
from tests.emulated_deepgram.server import KEY, running
from tests.fakes import ScriptedRecogniser
from tests.voice_sounds import silence, two_cities, vowel

WAIT_S = 30.0  # far more than any of it takes, models on a busy machine included
FRAME_BYTES = 160
Kind = TypeVar("Kind", SpeechStarted, PartialResult, FinalResult)
SPOKEN_MS = 20_000


@dataclass
class Engine:
    """A recogniser, and audio of SPOKEN_MS in which somebody says more than one segment that holds these words."""

    recogniser: Recogniser
    audio: bytes
    words: set[str]


def local() -> Iterator[Engine]:
    """Moonshine, on the opening of A Tale of Two Cities."""
    # Imported in this thread: it sets warning filters on import, and so does pytest between tests.
    importlib.import_module("moonshine_voice")
    recogniser = start_local_recogniser(workers=2)
    audio = read_telephone_audio(two_cities())[: SPOKEN_MS * 8]
    yield Engine(recogniser, audio, {"best", "worst", "wisdom", "foolishness", "hope"})
    asyncio.run(recogniser.close())


def scripted() -> Iterator[Engine]:
    """tests.fakes.ScriptedRecogniser, told what to say; enough scripts for every stream of a test."""
    script: list[tuple[int, Result]] = [
        (1_100, SpeechStarted(segment=0, start_ms=1_000)),
        (2_000, PartialResult(segment=0, start_ms=1_000, end_ms=1_900, text="hello")),
        (4_800, FinalResult(segment=0, start_ms=1_000, end_ms=4_000, text="Hello there.")),
        (6_100, SpeechStarted(segment=1, start_ms=6_000)),
        (9_000, FinalResult(segment=1, start_ms=6_000, end_ms=8_000, text="Goodbye.")),
    ]
    yield Engine(ScriptedRecogniser(*[script] * 3), silence(SPOKEN_MS), {"hello", "goodbye"})


@pytest.fixture
async def deepgram_engine() -> AsyncIterator[Engine]:
    """The emulator counts aloud as long as there is a sound."""
    audio = (vowel(2_500) + silence(1_500)) * 5
    async with running() as (_, url), deepgram_recogniser(DeepgramAccount(KEY, url)) as recogniser:
        yield Engine(recogniser, audio, {"one", "two", "nine"})


# Loading a model takes a second: the local engine serves all its tests, the scripted one is new for each.
@pytest.fixture(scope="module")
def local_engine() -> Iterator[Engine]:
    yield from local()


@pytest.fixture(params=["local", "deepgram", "scripted"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    if request.param == "scripted":
        yield from scripted()
    else:
        yield request.getfixturevalue(f"{request.param}_engine")


async def heard(stream: RecogniserStream) -> list[Result]:
    async with asyncio.timeout(WAIT_S):
        return [result async for result in stream.results()]


async def speak(stream: RecogniserStream, audio: bytes) -> None:
    for at in range(0, len(audio), FRAME_BYTES):
        stream.send(audio[at : at + FRAME_BYTES])
        if at % (FRAME_BYTES * 25) == 0:
            await asyncio.sleep(0)
    await stream.finish()


async def transcribed(recogniser: Recogniser, audio: bytes) -> list[Result]:
    """Everything that a session gives for this audio, read while it is sent."""
    stream = await recogniser.open()
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(heard(stream), name="reader")
        await speak(stream, audio)
    await stream.close()
    return reading.result()


def of(results: list[Result], kind: type[Kind]) -> list[Kind]:
    return [result for result in results if isinstance(result, kind)]


def words(results: list[Result]) -> set[str]:
    return {word for final in of(results, FinalResult) for word in re.findall(r"[a-z]+", final.text.lower())}


async def test_what_is_said_becomes_text(engine: Engine) -> None:
    """The finals hold the words of the audio."""
    assert engine.words <= words(await transcribed(engine.recogniser, engine.audio))


async def test_each_start_is_followed_by_exactly_one_end(engine: Engine) -> None:
    """For every SpeechStarted there is one FinalResult or Unrecognised of that segment, behind it; and no other."""
    results = await transcribed(engine.recogniser, engine.audio)
    started = [result.segment for result in of(results, SpeechStarted)]
    ended = [result.segment for result in results if isinstance(result, FinalResult | Unrecognised)]
    assert len(started) > 1
    assert started == ended == list(range(len(started)))
    for segment in started:
        kinds = [type(result) for result in results if result.segment == segment]
        assert kinds[0] is SpeechStarted
        assert kinds[-1] in (FinalResult, Unrecognised)
        assert set(kinds[1:-1]) <= {PartialResult}


async def test_times_count_the_audio_since_the_first_byte(engine: Engine) -> None:
    """Segments lie inside the audio, in order, without overlap; partials inside their segment's time."""
    results = await transcribed(engine.recogniser, engine.audio)
    end_ms = 0
    for final in of(results, FinalResult):
        assert end_ms <= final.start_ms < final.end_ms <= SPOKEN_MS
        end_ms = final.end_ms
    starts = {result.segment: result.start_ms for result in of(results, SpeechStarted)}
    for result in results:
        assert result.start_ms == starts[result.segment]
    for partial in of(results, PartialResult):
        assert partial.start_ms < partial.end_ms <= SPOKEN_MS


async def test_silence_gives_nothing_and_results_end(engine: Engine) -> None:
    """A session on a quiet line ends after ``finish`` without a result."""
    if engine.recogniser.engine == "scripted":
        engine.recogniser = ScriptedRecogniser()
    assert await transcribed(engine.recogniser, silence(5_000)) == []


async def test_results_may_be_read_after_the_fact(engine: Engine) -> None:
    """A reader that comes only after ``finish`` misses no final."""
    stream = await engine.recogniser.open()
    await speak(stream, engine.audio)
    assert engine.words <= words(await heard(stream))
    await stream.close()


async def test_sessions_do_not_hear_each_other(engine: Engine) -> None:
    """Two at once give what one gives alone: same segments, same times, same text."""
    alone = of(await transcribed(engine.recogniser, engine.audio), FinalResult)
    async with asyncio.TaskGroup() as tasks:
        both = [
            tasks.create_task(transcribed(engine.recogniser, engine.audio), name=f"session-{number}")
            for number in range(2)
        ]
    for one in both:
        assert of(one.result(), FinalResult) == alone


async def test_what_is_noticed_never_runs_ahead_of_the_speech(engine: Engine) -> None:
    """Never more than the audio sent; before a segment begins, no audio of it counts as noticed."""
    stream = await engine.recogniser.open()
    sent_ms, noticed = 0, [stream.noticed_ms]
    started: dict[int, int] = {}  # start of the speech: what was noticed before it was told

    async def read() -> None:
        async for result in stream.results():
            if isinstance(result, SpeechStarted):
                started[result.start_ms] = noticed[-1]

    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(read(), name="reader")
        for at in range(0, len(engine.audio), 800):
            stream.send(engine.audio[at : at + 800])
            await asyncio.sleep(0.001)
            sent_ms += 100
            noticed.append(stream.noticed_ms)
            assert noticed[-1] <= sent_ms
        await stream.finish()
        await asyncio.wait([reading], timeout=WAIT_S)
    await stream.close()
    assert noticed == sorted(noticed)
    assert started
    assert all(noticed_ms <= start_ms for start_ms, noticed_ms in started.items())


async def test_close_ends_results_at_once(engine: Engine) -> None:
    """A waiting reader is let go, nothing more comes, and closing again does no harm."""
    stream = await engine.recogniser.open()
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(heard(stream), name="reader")
        stream.send(silence(100))
        await stream.close()
    assert reading.result() == []
    await stream.close()


async def test_the_engine_has_a_short_stable_name(engine: Engine) -> None:
    """It is stored with each utterance."""
    assert re.fullmatch(r"[a-z][a-z0-9-]{1,30}", engine.recogniser.engine)
