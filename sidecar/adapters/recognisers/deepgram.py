"""Deepgram behind the Recogniser port: nova-3, live. Who may connect, and when a refusal is believed.

A stream that breaks says so in its results, and the caller opens another: nothing here reconnects by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from sidecar.adapters.deepgram_account import DeepgramAccount
from sidecar.adapters.recognisers.deepgram_connection import Connection, Dialler
from sidecar.adapters.recognisers.deepgram_stream import DeepgramStream, Limits
from sidecar.domain.errors import RecogniserUnavailable
from sidecar.ports.engines import EngineSettings
from sidecar.ports.recogniser import Figure, Traits
from sidecar.speech.g711 import BYTES_PER_MS

# Connections that are being left get this long at the end.
CLOSE_TIMEOUT_S = 2.0


class DeepgramRecogniser:
    """Opens streams. ``max_sessions``: connections at once, 0 for no limit of ours; Deepgram's plans have one."""

    engine = "deepgram"
    # It takes audio at 1.25 times the speed of speech at most, and names no limit to the length of a connection; ours
    # is replaced in a pause, before somebody's proxy or maintenance does it amid a word.
    # https://developers.deepgram.com/docs/recovering-from-connection-errors-and-timeouts-when-live-streaming-audio
    traits = Traits(replay_speed=1.2, word_times=True, rotate_after_s=3_600)

    def __init__(self, dialler: Dialler, tasks: asyncio.TaskGroup, *, max_sessions: int, limits: Limits) -> None:
        self._dialler = dialler
        self._tasks = tasks
        self._max_sessions = max_sessions
        self._limits = limits
        self._refusal: RecogniserUnavailable | None = None
        self._rest_until = 0.0
        self.counts = dialler.counts

    def check(self) -> None:
        """Raises RecogniserUnavailable for a while after a refusal that no second try mends."""
        if self._refusal is not None and asyncio.get_running_loop().time() < self._rest_until:
            raise self._refusal.again()

    def figures(self) -> list[Figure]:
        """Connections and what went over them."""
        counts = self.counts
        return [
            Figure("sessions", "gauge", "Connections to the vendor, and tries to open one.", counts.sessions),
            Figure("sessions_opened", "counter", "Connections that were opened.", counts.opened),
            Figure("sessions_not_opened", "counter", "Connections that the vendor refused or did not answer.",
                   counts.not_opened),
            Figure("sessions_without_place", "counter", "Connections that our own limit forbade.",
                   counts.without_place),
            Figure("audio_sent_seconds", "counter", "Audio that the vendor took.",
                   counts.sent_bytes / BYTES_PER_MS / 1000),
            Figure("messages_unreadable", "counter", "Messages without the fields that they must have.",
                   counts.unreadable),
        ]  # fmt: skip

    async def open(self) -> DeepgramStream:
        """A new stream, at once; it connects at the first sound. Raises RecogniserUnavailable as ``check``."""
        self.check()
        return DeepgramStream(self.connection, self._tasks, self._limits)

    async def close(self) -> None:
        """Leave what is still connected. May be called twice."""
        await self._dialler.close(CLOSE_TIMEOUT_S)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection while it is wanted. Raises RecogniserUnavailable."""
        counts = self.counts
        if self._max_sessions and counts.sessions >= self._max_sessions:
            counts.without_place += 1
            raise RecogniserUnavailable(
                f"All {self._max_sessions} recogniser sessions are in use.",
                code="recogniser_sessions_full",
                next_step="Raise SIDECAR_STT_MAX_SESSIONS if your Deepgram plan has more.",
                gap_reason="recogniser_overloaded",
            )
        counts.sessions += 1
        try:
            connection = await self._dial()
            try:
                yield connection
            finally:
                connection.release()
        finally:
            counts.sessions -= 1

    async def _dial(self) -> Connection:
        try:
            connection = await self._dialler.dial(self._limits.handshake_s)
        except RecogniserUnavailable as error:
            if error.permanent:
                self._refusal = error
                self._rest_until = asyncio.get_running_loop().time() + self._limits.rest_s
            raise
        self._refusal = None
        return connection


@asynccontextmanager
async def deepgram_recogniser(
    account: DeepgramAccount,
    *,
    language: str = "en",
    keyterms: Sequence[str] = (),
    max_sessions: int = 0,
    limits: Limits | None = None,
) -> AsyncIterator[DeepgramRecogniser]:
    """The recogniser, with the group in which its connections and streams live. Connects to nobody yet.

    ``language``: a BCP 47 tag or ``multi``. ``keyterms``: names and words to listen for, 500 tokens in all.
    """
    async with asyncio.TaskGroup() as tasks:
        dialler = Dialler(account, tasks, language=language, keyterms=keyterms)
        recogniser = DeepgramRecogniser(dialler, tasks, max_sessions=max_sessions, limits=limits or Limits())
        try:
            yield recogniser
        finally:
            await recogniser.close()


@asynccontextmanager
async def open_deepgram(settings: EngineSettings) -> AsyncIterator[DeepgramRecogniser]:
    """The factory."""
    async with deepgram_recogniser(
        DeepgramAccount(settings.deepgram_api_key, settings.deepgram_base_url),
        language=settings.language,
        keyterms=settings.keyterms,
        max_sessions=settings.stt_max_sessions,
    ) as recogniser:
        yield recogniser
