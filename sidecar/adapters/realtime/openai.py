"""OpenAI's realtime model behind the RealtimeModel port: gpt-realtime over a WebSocket, mu-law straight through.

https://platform.openai.com/docs/guides/realtime.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from sidecar.adapters.openai_account import OpenaiAccount
from sidecar.adapters.realtime.openai_connection import Dialler
from sidecar.adapters.realtime.openai_session import Limits, OpenaiRealtimeSession
from sidecar.adapters.vendor_problems import Vendor
from sidecar.domain.errors import RealtimeFailed
from sidecar.ports.engines import EngineSettings
from sidecar.ports.realtime import Brief
from sidecar.ports.recogniser import Figure
from sidecar.speech.g711 import BYTES_PER_MS

MODEL = "gpt-realtime-2.1"
VOICE = "marin"
VENDOR = Vendor("OpenAI", key="OPENAI_API_KEY", address="OPENAI_BASE_URL", model="SIDECAR_REALTIME_MODEL")


class OpenaiRealtimeModel:
    """Opens sessions."""

    engine = "openai-realtime"

    def __init__(
        self, account: OpenaiAccount, *, model: str = MODEL, voice: str = VOICE, limits: Limits | None = None
    ) -> None:
        self._dialler = Dialler(account, model)
        self._voice = voice
        self._limits = limits or Limits()
        self._turns = itertools.count(1)

    def figures(self) -> list[Figure]:
        """Connections, and what went wrong on them."""
        counts = self._dialler.counts
        return [
            Figure("connections_opened", "counter", "Connections to the vendor.", counts.opened),
            Figure("connections_lost", "counter", "Connections that broke, and tries that failed.", counts.lost),
            Figure("connections_rotated", "counter", "Connections replaced before their hour.", counts.rotated),
            Figure("audio_dropped_seconds", "counter", "Audio that the model did not hear.",
                   counts.dropped_audio_bytes / BYTES_PER_MS / 1000),
            Figure("events_unreadable", "counter", "Events without what they must have.", counts.unreadable),
            Figure("problems", "counter", "What the vendor objected to.", counts.problems),
        ]  # fmt: skip

    @asynccontextmanager
    async def open(self, brief: Callable[[int], Brief]) -> AsyncIterator[OpenaiRealtimeSession]:
        """A session while it is entered. Entering raises RealtimeFailed."""
        session = OpenaiRealtimeSession(self._dialler, brief, voice=self._voice, limits=self._limits, turns=self._turns)
        try:
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(session.run(), name="realtime-session")
                try:
                    await session.opened()
                    yield session
                finally:
                    running.cancel()
        except BaseExceptionGroup as group:
            if len(group.exceptions) == 1:  # what our caller raised is his, as it was
                raise group.exceptions[0] from None
            raise

    async def close(self) -> None:
        """Free what the client keeps."""
        await self._dialler.close()


@asynccontextmanager
async def open_openai_realtime(settings: EngineSettings) -> AsyncIterator[OpenaiRealtimeModel]:
    """The factory. Raises RealtimeFailed for want of a key."""
    if not settings.openai_api_key:
        raise RealtimeFailed(
            "OpenAI's realtime model is not configured.",
            code="realtime_not_configured",
            next_step="Set OPENAI_API_KEY.",
            permanent=True,
        )
    model = OpenaiRealtimeModel(
        OpenaiAccount(settings.openai_base_url, settings.openai_api_key, VENDOR),
        model=settings.realtime_model or MODEL,
        voice=settings.voice_name or VOICE,
    )
    try:
        yield model
    finally:
        await model.close()
