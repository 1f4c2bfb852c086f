"""Deepgram's Aura: mu-law 8 kHz as the telephone wants it, over HTTP, one request for each sentence or few.

https://developers.deepgram.com/docs/text-to-speech. Not its WebSocket: that one allows 20 sentences a minute, and gives
nothing earlier that a kept connection does not give.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx
from deepgram.core.api_error import ApiError

from sidecar.adapters.deepgram_account import DeepgramAccount, client_of
from sidecar.adapters.vendor_problems import Vendor, header, refused, unreachable
from sidecar.adapters.voices.remote import Limits, fail, spoken
from sidecar.domain.errors import VoiceFailed
from sidecar.ports.engines import EngineSettings

MOST_CHARACTERS = 2_000  # https://developers.deepgram.com/docs/text-to-speech#limits
MODEL = "aura-2-thalia-en"
CONNECT_TIMEOUT_S = 3.0
VENDOR = Vendor("Deepgram", key="DEEPGRAM_API_KEY", address="DEEPGRAM_BASE_URL", model="SIDECAR_VOICE_NAME")


class AuraVoice:
    """Behind the Voice port. ``model``: with Deepgram, the model is the voice and its language."""

    engine = "aura"

    def __init__(self, account: DeepgramAccount, *, model: str = MODEL, limits: Limits | None = None) -> None:
        self._http = httpx.AsyncClient(timeout=httpx.Timeout(None, connect=CONNECT_TIMEOUT_S))
        self._speech = client_of(account, self._http).speak.v1.audio
        self._model = model
        self._limits = limits or Limits()

    def speak(self, text: str) -> AsyncGenerator[bytes, None]:
        """Raises VoiceFailed."""
        return spoken(text, self._request, most=MOST_CHARACTERS, vendor=VENDOR, limits=self._limits)

    async def close(self) -> None:
        """Close the connections that are kept."""
        await self._http.aclose()

    async def _request(self, text: str) -> AsyncGenerator[bytes, None]:
        try:
            async with self._speech.with_raw_response.generate(
                text=text,
                model=self._model,  # any string is sent; the SDK lists those of its day
                encoding="mulaw",
                sample_rate=8_000,
                container="none",  # the default is a WAV file, whose header is a click in the call
                request_options={"max_retries": 0},
            ) as response:
                async for chunk in response.data:
                    yield chunk
        except ApiError as error:
            headers = error.headers or {}
            body = error.body if isinstance(error.body, Mapping) else {}
            fail(
                refused(
                    VENDOR,
                    error.status_code or 0,
                    vendor_code=body.get("err_code"),
                    request_id=header(headers, "dg-request-id"),
                    retry_after=header(headers, "retry-after"),
                )
            )
        except httpx.HTTPError as error:
            fail(unreachable(VENDOR, type(error).__name__))


@asynccontextmanager
async def open_aura(settings: EngineSettings) -> AsyncIterator[AuraVoice]:
    """The factory. Raises VoiceFailed for want of a setting."""
    if not settings.deepgram_api_key or not (settings.voice_name or settings.english):
        missing = "SIDECAR_VOICE_NAME to a voice of the language" if settings.deepgram_api_key else "DEEPGRAM_API_KEY"
        raise VoiceFailed(
            "Deepgram's voice is not configured.",
            code="voice_not_configured",
            next_step=f"Set {missing}.",
            permanent=True,
        )
    voice = AuraVoice(
        DeepgramAccount(settings.deepgram_api_key, settings.deepgram_base_url), model=settings.voice_name or MODEL
    )
    try:
        yield voice
    finally:
        await voice.close()
