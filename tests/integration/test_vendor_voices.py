"""The vendors' voices through their real SDKs and sockets: what they ask for, what is heard, all that goes wrong."""

from __future__ import annotations

import asyncio
import logging

import numpy as np
import pytest

from sidecar.adapters.deepgram_account import DeepgramAccount
from sidecar.adapters.openai_account import OpenaiAccount
from sidecar.adapters.voices import aura, openai
from sidecar.adapters.voices.remote import Limits
from sidecar.cli.children import free_ports
from sidecar.domain.errors import VoiceFailed
from sidecar.ports.voice import Voice
from sidecar.speech import g711
from tests.emulated_speech import MS_PER_CHARACTER, TONE_HZ, Speech
from tests.vendor_voices import VENDORS, Vendor, speaking

FAST = Limits(first_s=0.4, stall_s=0.4)
PATIENT = 30.0
SENTENCE = "Your order is on its way."
LENGTH = len(SENTENCE) * MS_PER_CHARACTER * g711.BYTES_PER_MS

pytestmark = [
    pytest.mark.parametrize("name", VENDORS),
    pytest.mark.traced(False),  # its parts are shown one by one elsewhere
]


async def outcome(voice: Voice, text: str = SENTENCE) -> tuple[bytes, VoiceFailed | None]:
    """All audio, and how it ended."""
    audio = b""
    try:
        async with asyncio.timeout(PATIENT):
            async for part in voice.speak(text):
                assert part
                audio += part
    except VoiceFailed as error:
        return audio, error
    return audio, None


async def test_a_sentence_is_telephone_audio_of_the_right_length_and_pitch(name: str) -> None:
    """Torn samples are put together, nothing is folded, no header clicks."""
    async with speaking(name) as vendor:
        audio, error = await outcome(vendor.voice)
        await vendor.until(lambda: vendor.asked() == [(SENTENCE, "answered")])
    assert error is None
    assert len(audio) == pytest.approx(LENGTH, abs=80)
    spectrum = np.abs(np.fft.rfft(g711.decode(audio).astype(float)))
    loudest = np.fft.rfftfreq(len(audio), 1 / g711.SAMPLE_RATE)[spectrum.argmax()]
    assert loudest == pytest.approx(TONE_HZ, abs=3)
    assert np.abs(g711.decode(audio)[:40]).max() < 17_000


async def test_the_first_audio_is_here_while_the_vendor_still_speaks(name: str) -> None:
    async with speaking(name, Speech(burst=2_401, stall_at=7_203)) as vendor, asyncio.timeout(PATIENT):
        turn = vendor.voice.speak(SENTENCE)
        assert await anext(turn)
        assert vendor.asked() == [(SENTENCE, "")]
        await turn.aclose()
        await vendor.until(lambda: vendor.asked() == [(SENTENCE, "left")])


async def test_whoever_is_cancelled_closes_the_connection(name: str) -> None:
    """Before the first byte, which comes slowly, and in the middle."""
    async with speaking(name, Speech(first_byte_s=PATIENT), Speech(stall_at=1)) as vendor:
        for number in (1, 2):
            async with asyncio.timeout(PATIENT), asyncio.TaskGroup() as tasks:
                waiting = tasks.create_task(outcome(vendor.voice), name="turn")
                await vendor.until(lambda number=number: len(vendor.asked()) == number)  # type: ignore[misc]
                await asyncio.sleep(0.05)
                waiting.cancel()
                await vendor.until(lambda number=number: vendor.asked()[number - 1][1] == "left")  # type: ignore[misc]


async def test_long_text_goes_in_pieces_that_the_vendor_takes_and_nothing_is_left_out(name: str) -> None:
    """Sentence ends are kept together as long as the limit allows; text without a word is not sent at all."""
    most = aura.MOST_CHARACTERS if name == "aura" else openai.MOST_CHARACTERS
    text = "This is one sentence. " * (most // 10)
    async with speaking(name) as vendor:
        _, error = await outcome(vendor.voice, text)
        assert error is None
        asked = [piece for piece, _ in vendor.asked()]
        assert len(asked) == 3
        assert max(map(len, asked)) <= most
        assert " ".join(asked) == text.strip()
        assert await outcome(vendor.voice, " … - ! ") == (b"", None)
        assert len(vendor.asked()) == 3


@pytest.mark.parametrize(
    ("status", "their_code", "code", "permanent"),
    [
        (401, "INVALID_AUTH", "voice_unauthorized", True),
        (403, "FORBIDDEN", "voice_unauthorized", True),
        (402, "ASYNC_CREDIT", "voice_out_of_credit", True),
        (404, "model_not_found", "voice_unknown_model", True),
        (413, "PAYLOAD_TOO_LARGE", "voice_too_long", False),
        (429, "TOO_MANY_REQUESTS", "voice_too_many_requests", False),
        (500, "server_error", "voice_vendor_failed", False),
        (503, "a sentence with secret words", "voice_vendor_failed", False),
    ],
)
async def test_a_refusal_says_why_and_is_not_tried_again(
    name: str, status: int, their_code: str, code: str, permanent: bool
) -> None:
    async with speaking(name, Speech(status=status, code=their_code)) as vendor:
        audio, error = await outcome(vendor.voice)
        assert error is not None
        assert (audio, error.code, error.permanent) == (b"", code, permanent)
        assert f"HTTP {status}" in str(error)
        assert "secret" not in str(error)
        assert len(vendor.asked()) == 1


@pytest.mark.parametrize(
    ("fault", "code", "heard"),
    [
        pytest.param(Speech(burst=2_401, drop_at=4_802), "voice_unreachable", True, id="dropped in mid-sentence"),
        pytest.param(Speech(burst=2_401, stall_at=4_802), "voice_timeout", True, id="stalled in mid-sentence"),
        pytest.param(Speech(first_byte_s=PATIENT), "voice_timeout", False, id="never begins"),
        pytest.param(Speech(silent=True), "voice_unreadable", False, id="no audio"),
        pytest.param(Speech(wav=True), "voice_unreadable", False, id="a WAV file"),
    ],
)
async def test_a_sentence_that_breaks_off_fails_behind_its_audio(
    name: str, fault: Speech, code: str, heard: bool
) -> None:
    async with speaking(name, fault, limits=FAST) as vendor:
        audio, error = await outcome(vendor.voice)
        assert error is not None
        assert (bool(audio), error.code, error.permanent) == (heard, code, False)
        await vendor.until(lambda: vendor.asked()[0][1] != "")
        assert len((await outcome(vendor.voice))[0]) == pytest.approx(LENGTH, abs=80)


async def test_slow_bursts_are_waited_for(name: str) -> None:
    fault = Speech(burst=3_001, first_byte_s=0.2, burst_every_s=0.1)
    async with speaking(name, fault, limits=FAST) as vendor:
        audio, error = await outcome(vendor.voice)
        assert error is None
        assert len(audio) == pytest.approx(LENGTH, abs=80)


async def test_a_vendor_that_is_not_there_is_told_with_the_variable_that_names_it(name: str) -> None:
    url = f"http://127.0.0.1:{free_ports(1)}"
    voice: Voice = (
        aura.AuraVoice(DeepgramAccount("key", url))
        if name == "aura"
        else openai.OpenaiVoice(OpenaiAccount(f"{url}/v1", "key"))
    )
    _, error = await outcome(voice)
    await voice.close()
    assert error is not None
    assert error.code == "voice_unreachable"
    assert ("DEEPGRAM_BASE_URL" if name == "aura" else "OPENAI_BASE_URL") in str(error)


async def test_nothing_of_texts_and_keys_is_logged(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Not even at the level debug, with every library's logger open."""
    caplog.set_level(logging.DEBUG)

    async def all_told(vendor: Vendor) -> list[str]:
        return [str((await outcome(vendor.voice))[1]) for _ in range(3)]

    faults = (Speech(), Speech(status=500, code="x"), Speech(burst=2_401, drop_at=4_802))
    async with speaking(name, *faults) as vendor:
        errors = await all_told(vendor)
    async with speaking(name, key="wrong-key-7f") as vendor:
        errors += await all_told(vendor)
    records = [record.getMessage() for record in caplog.records if not record.name.startswith("asyncio")]
    assert len(records) > 10
    for secret in ("order", "wrong-key-7f", "-test-key"):
        assert secret not in "\n".join([*records, *errors])
