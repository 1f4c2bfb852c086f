"""The local engine's stream: what its reader gets, with a model whose every call the test decides."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from sidecar.adapters.recognisers import local, local_pool
from sidecar.adapters.recognisers.local import LocalRecogniser, start_local_recogniser
from sidecar.domain.errors import RecogniserUnavailable
from sidecar.ports.recogniser import FinalResult, PartialResult, Result, SpeechStarted, Unrecognised
from sidecar.speech.g711 import BYTES_PER_MS
from sidecar.speech.segmenter import AFTER_MS
from tests.voice_sounds import silence, vowel

WAIT_S = 10.0  # far more than anything here takes
WARM_UP_MS = 500


class Model:
    """Says how much audio it got. ``go_on`` holds it up, ``says`` changes what it says, calls are written down."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.go_on.set()
        self.says: Callable[[int], str] = lambda ms: f"{ms} ms"
        self.calls: list[int] = []

    def text_of(self, audio: bytes) -> str:
        ms = len(audio) // BYTES_PER_MS
        if ms == WARM_UP_MS:
            return ""
        self.calls.append(ms)
        assert self.go_on.wait(WAIT_S)
        return self.says(ms)

    def close(self) -> None:
        """Nothing to free."""


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
async def recogniser(model: Model) -> AsyncIterator[LocalRecogniser]:
    recogniser = start_local_recogniser(workers=1, load=lambda: model)
    yield recogniser
    model.go_on.set()
    await recogniser.close()


async def heard(stream: local.LocalStream) -> list[Result]:
    """All results until they end."""
    async with asyncio.timeout(WAIT_S):
        return [result async for result in stream.results()]


async def say(stream: local.LocalStream, audio: bytes) -> None:
    """Send frame by frame, and let the worker keep up: as on the telephone, only faster."""
    for at in range(0, len(audio), 160):
        stream.send(audio[at : at + 160])
        async with asyncio.timeout(WAIT_S):
            while stream._pool._finals or stream._pool._partials or stream._pool.counts.running:
                await asyncio.sleep(0.001)
        await asyncio.sleep(0)


async def call(recogniser: LocalRecogniser, audio: bytes) -> list[Result]:
    """What a reader gets that listens while ``audio`` is said."""
    stream = await recogniser.open()
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(heard(stream), name="reader")
        await say(stream, audio)
        await stream.finish()
    await stream.close()
    return reading.result()


def finals(results: Sequence[Result]) -> list[FinalResult | Unrecognised]:
    return [result for result in results if isinstance(result, FinalResult | Unrecognised)]


def partials(results: Sequence[Result]) -> list[PartialResult]:
    return [result for result in results if isinstance(result, PartialResult)]


async def test_speech_is_announced_shown_and_finished(recogniser: LocalRecogniser) -> None:
    """A start, partials that grow, one final; times count the audio since the first byte."""
    results = await call(recogniser, silence(1000) + vowel(2000) + silence(2000))
    assert isinstance(results[0], SpeechStarted)
    assert results[0].start_ms == pytest.approx(1000, abs=60)
    assert isinstance(results[-1], FinalResult)
    assert results[-1].start_ms == results[0].start_ms
    assert results[-1].end_ms == pytest.approx(3000, abs=150)
    assert len(finals(results)) == 1
    shown = partials(results)
    assert 4 <= len(shown) <= 6
    assert [partial.end_ms for partial in shown] == sorted(partial.end_ms for partial in shown)
    assert {partial.segment for partial in shown} == {0}


async def test_the_final_needs_no_call_after_the_pause_s_partial(recogniser: LocalRecogniser, model: Model) -> None:
    """What was recognised 0.4 s after the last word is the final, so that it is there when the pause is long enough."""
    results = await call(recogniser, silence(1000) + vowel(2000) + silence(2000))
    whole_ms = results[-1].end_ms - results[-1].start_ms if isinstance(results[-1], FinalResult) else 0
    assert len([ms for ms in model.calls if ms >= whole_ms + AFTER_MS]) == 1
    assert isinstance(results[-1], FinalResult)
    assert results[-1].text == f"{model.calls[-1]} ms" == partials(results)[-1].text


async def test_nobody_speaks_nothing_is_told(recogniser: LocalRecogniser, model: Model) -> None:
    """Silence costs no call and gives no result."""
    stream = await recogniser.open()
    stream.send(silence(30_000))
    await stream.finish()
    assert await heard(stream) == []
    assert model.calls == []
    await stream.close()


async def test_finish_in_the_middle_of_a_word_finishes_it(recogniser: LocalRecogniser) -> None:
    """Hang-up does not lose what was being said."""
    stream = await recogniser.open()
    stream.send(silence(500) + vowel(1000))
    await stream.finish()
    results = await heard(stream)
    assert isinstance(results[0], SpeechStarted)
    assert isinstance(results[-1], FinalResult)
    assert results[-1].text
    await stream.close()


async def test_finals_come_in_order_of_speech(model: Model) -> None:
    """A short segment that is recognised before a long one in front of it waits for it."""
    first_call = threading.Lock()

    class Slow(Model):
        def text_of(self, audio: bytes) -> str:
            ms = len(audio) // BYTES_PER_MS
            if ms > 5000 and first_call.acquire(blocking=False):
                assert short_is_done.wait(WAIT_S)
            elif WARM_UP_MS != ms < 3000:
                short_is_done.set()
            return super().text_of(audio)

    short_is_done = threading.Event()
    recogniser = start_local_recogniser(workers=2, load=Slow)
    stream = await recogniser.open()
    stream.send(vowel(6000) + silence(1500) + vowel(1000) + silence(1500))
    await stream.finish()
    results = finals(await heard(stream))
    assert [final.segment for final in results] == [0, 1]
    assert all(isinstance(final, FinalResult) for final in results)
    await stream.close()
    await recogniser.close()


async def test_a_model_that_breaks_costs_one_segment_and_says_so(recogniser: LocalRecogniser, model: Model) -> None:
    """The segment is unrecognised with its reason; the next one has its text."""

    def broken(_ms: int) -> str:
        raise ValueError("tensor of the wrong shape")

    stream = await recogniser.open()
    model.says = broken
    await say(stream, vowel(1500) + silence(1500))
    model.says = lambda _ms: "fine"
    await say(stream, vowel(1500) + silence(1500))
    await stream.finish()
    first, second = finals(await heard(stream))
    assert isinstance(first, Unrecognised)
    assert first.reason == "recogniser_failed"
    assert isinstance(second, FinalResult)
    assert second.text == "fine"
    await stream.close()


async def test_overload_is_told_not_hidden(
    recogniser: LocalRecogniser, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Segments beyond the bound are unrecognised, with their times and the reason, in their place."""
    monkeypatch.setattr(local_pool, "MAX_WAITING_MS", 3_000)
    model.go_on.clear()
    stream = await recogniser.open()
    stream.send((vowel(1500) + silence(1500)) * 5)
    model.go_on.set()
    await stream.finish()
    results = await heard(stream)
    told = finals(results)
    assert [final.segment for final in told] == [0, 1, 2, 3, 4]
    reasons = [final.reason for final in told if isinstance(final, Unrecognised)]
    assert reasons
    assert set(reasons) == {"recogniser_overloaded"}
    assert recogniser.counts.finals_refused == len(reasons)
    assert len([result for result in results if isinstance(result, SpeechStarted)]) == 5
    await stream.close()


async def test_while_the_model_is_behind_partials_are_dropped_and_finals_are_not(
    recogniser: LocalRecogniser, model: Model
) -> None:
    """Nothing is shown, but everything is told, and the drops are counted."""
    model.go_on.clear()
    stream = await recogniser.open()
    stream.send((vowel(3000) + silence(1500)) * 3)
    model.go_on.set()
    await stream.finish()
    told = finals(await heard(stream))
    assert [type(final) for final in told] == [FinalResult] * 3
    assert recogniser.counts.partials_dropped > 5
    await stream.close()


async def test_partials_of_long_speech_stay_short_to_recognise(recogniser: LocalRecogniser, model: Model) -> None:
    """Behind a short pause the older text stays, and only what came after it is recognised again."""
    audio = (vowel(4000) + silence(300)) * 3
    results = await call(recogniser, audio)
    longest_partial = max(ms for ms in model.calls if ms < len(audio) // BYTES_PER_MS - 500)
    assert longest_partial < 6_000
    last = partials(results)[-1].text.split(" ms")
    assert len(last) >= 3  # the texts of several pieces, joined
    assert isinstance(results[-1], FinalResult)
    assert results[-1].text == f"{model.calls[-1]} ms"


async def test_a_partial_is_told_only_when_its_text_is_new(recogniser: LocalRecogniser, model: Model) -> None:
    """The same words again are no news; words that turn out to be noise are cleared by an empty text."""
    model.says = lambda ms: "well" if ms < 2_500 else ""
    results = await call(recogniser, vowel(4000) + silence(1500))
    assert [partial.text for partial in partials(results)] == ["well", ""]
    assert isinstance(results[-1], FinalResult)
    assert results[-1].text == ""


async def test_waiting_partials_of_a_segment_are_merged(recogniser: LocalRecogniser) -> None:
    """A reader that was away gets the newest partial, not all of them."""
    stream = await recogniser.open()
    await say(stream, vowel(3000))
    await stream.finish()
    started, newest, final = await heard(stream)
    assert isinstance(started, SpeechStarted)
    assert isinstance(newest, PartialResult)
    assert newest.end_ms > 2_300
    assert isinstance(final, FinalResult)
    await stream.close()


async def test_close_drops_what_was_not_read(recogniser: LocalRecogniser, model: Model) -> None:
    """The reader's iteration ends at once; closing, sending and finishing afterwards do no harm."""
    model.go_on.clear()
    stream = await recogniser.open()
    stream.send(vowel(2000) + silence(2000))
    await stream.close()
    assert await heard(stream) == []
    await stream.close()
    stream.send(vowel(2000))
    await stream.finish()
    model.go_on.set()
    assert await heard(stream) == []


async def test_a_reader_that_waits_is_woken_by_close(recogniser: LocalRecogniser) -> None:
    """Nobody waits for ever on a stream that is gone."""
    stream = await recogniser.open()
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(heard(stream), name="reader")
        await asyncio.sleep(0)
        await stream.close()
    assert reading.result() == []


async def test_results_that_nobody_takes_end_in_an_error(
    recogniser: LocalRecogniser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream without a reader says so instead of filling memory."""
    monkeypatch.setattr(local, "MAX_WAITING_RESULTS", 3)
    stream = await recogniser.open()
    stream.send((vowel(1000) + silence(1500)) * 3)
    with pytest.raises(RecogniserUnavailable, match="Nobody takes"):
        stream.send(silence(20))
    await stream.close()


async def test_a_closed_recogniser_opens_nothing(recogniser: LocalRecogniser) -> None:
    """Opening after the end is refused; closing twice is fine."""
    await recogniser.close()
    await recogniser.close()
    with pytest.raises(RecogniserUnavailable, match="closed"):
        await recogniser.open()


async def test_streams_left_open_are_told_that_the_engine_is_gone(recogniser: LocalRecogniser, model: Model) -> None:
    """A segment that waits when the engine closes is unrecognised, so the promise of one result per start holds."""
    model.go_on.clear()
    stream = await recogniser.open()
    stream.send((vowel(2000) + silence(2000)) * 2)
    await stream.finish()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(recogniser.close(), name="close")
        reading = tasks.create_task(heard(stream), name="reader")
        await asyncio.sleep(0.05)
        model.go_on.set()
    assert len(finals(reading.result())) == 2
    assert any(isinstance(result, Unrecognised) for result in reading.result())
    await stream.close()


async def test_the_service_need_not_wait_for_the_model() -> None:
    """Streams open and take audio while the model is loading; what was said meanwhile gets its text."""
    loaded = threading.Event()

    def load() -> Model:
        assert loaded.wait(WAIT_S)
        return Model()

    recogniser = start_local_recogniser(workers=1, load=load)
    stream = await recogniser.open()
    stream.send(vowel(2000) + silence(2000))
    await stream.finish()
    loaded.set()
    assert [type(final) for final in finals(await heard(stream))] == [FinalResult]
    await stream.close()
    await recogniser.close()


def test_another_language_is_refused_at_the_start() -> None:
    """The service says it in one line before any call comes."""
    with pytest.raises(RecogniserUnavailable, match="English only"):
        start_local_recogniser(language="de")


def test_a_loop_that_is_gone_does_not_harm_the_workers() -> None:
    """A result for a stream whose loop is closed is dropped; the worker goes on with other streams."""
    model = Model()
    recogniser = start_local_recogniser(workers=1, load=lambda: model)

    async def leave_behind() -> None:
        stream = await recogniser.open()
        model.go_on.clear()
        stream.send(vowel(2000) + silence(2000))

    async def use() -> list[Result]:
        stream = await recogniser.open()
        stream.send(vowel(2000) + silence(2000))
        await stream.finish()
        results = await heard(stream)
        await recogniser.close()
        return results

    asyncio.run(leave_behind())
    model.go_on.set()
    assert [type(final) for final in finals(asyncio.run(use()))] == [FinalResult]


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        (("In short,", ", the period"), "In short, the period"),
        (("", ". Yes."), "Yes."),
        (("One", "", "two"), "One two"),
        (("Wait", "..."), "Wait"),
    ],
)
def test_the_pieces_of_a_partial_read_as_one_line(pieces: tuple[str, ...], text: str) -> None:
    """A comma that ends one piece and begins the next is one comma."""
    assert local._joined(*pieces) == text
