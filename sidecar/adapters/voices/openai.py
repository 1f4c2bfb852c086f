"""OpenAI's voices, or those of a server that speaks the same protocol. 24 kHz PCM, made telephone audio here.

https://platform.openai.com/docs/api-reference/audio/createSpeech. One request for each sentence or few.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import openai

from sidecar.adapters.openai_account import OpenaiAccount, client_of, problem_of
from sidecar.adapters.vendor_problems import unreachable
from sidecar.adapters.voices.remote import Limits, fail, spoken
from sidecar.domain.errors import VoiceFailed
from sidecar.ports.engines import EngineSettings
from sidecar.speech.downsample import Downsampler

MOST_CHARACTERS = 4_096  # the vendor's limit
RATE = 24_000  # of `pcm`: https://platform.openai.com/docs/guides/text-to-speech#supported-output-formats
MODEL = "gpt-4o-mini-tts"
VOICE = "marin"


class OpenaiVoice:
    """Behind the Voice port."""

    engine = "openai"

    def __init__(
        self, account: OpenaiAccount, *, model: str = MODEL, voice: str = VOICE, limits: Limits | None = None
    ) -> None:
        self._client = client_of(account)
        self._vendor = account.vendor
        self._model = model
        self._voice = voice
        self._limits = limits or Limits()

    def speak(self, text: str) -> AsyncGenerator[bytes, None]:
        """Raises VoiceFailed."""
        return spoken(text, self._request, most=MOST_CHARACTERS, vendor=self._vendor, limits=self._limits)

    async def close(self) -> None:
        """Close the connections that are kept."""
        await self._client.close()

    async def _request(self, text: str) -> AsyncGenerator[bytes, None]:
        downsampler = Downsampler(RATE)
        try:
            async with self._client.audio.speech.with_streaming_response.create(
                model=self._model, voice=self._voice, input=text, response_format="pcm"
            ) as response:
                first = True
                async for pcm in response.iter_bytes():
                    if first and pcm.startswith(b"RIFF"):
                        yield pcm  # no samples: told as what it is
                        return
                    first = False
                    yield downsampler.feed(pcm)
        except openai.OpenAIError as error:
            fail(problem_of(error, self._vendor))
        except httpx2.HTTPError as error:  # the SDK lets through what happens behind the headers
            fail(unreachable(self._vendor, type(error).__name__))
        yield downsampler.end()


@asynccontextmanager
async def open_openai(settings: EngineSettings) -> AsyncIterator[OpenaiVoice]:
    """The factory. Raises VoiceFailed for want of a key."""
    if not settings.openai_api_key:
        raise VoiceFailed(
            "OpenAI's voice is not configured.",
            code="voice_not_configured",
            next_step="Set OPENAI_API_KEY.",
            permanent=True,
        )
    voice = OpenaiVoice(
        OpenaiAccount(settings.openai_base_url, settings.openai_api_key),
        model=settings.voice_model or MODEL,
        voice=settings.voice_name or VOICE,
    )
    try:
        yield voice
    finally:
        await voice.close()
