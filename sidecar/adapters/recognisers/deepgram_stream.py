"""One participant's audio to Deepgram and the results back, from the first sound to the last word.

Audio waits in one queue until the connection takes it. Knows one connection, opened once; never opens a second.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import structlog

from sidecar.adapters.recognisers.deepgram_connection import Connection
from sidecar.adapters.recognisers.deepgram_results import Assembler
from sidecar.domain.errors import RecogniserUnavailable
from sidecar.ports.recogniser import PartialResult, Result
from sidecar.speech.g711 import BYTES_PER_MS
from sidecar.speech.sound import is_sound
from sidecar.wire.deepgram_listen import Piece, UtteranceEnd

log = structlog.get_logger()

Connect = Callable[[], AbstractAsyncContextManager[Connection]]

# Deepgram wants frames of 20 to 250 ms; what comes in these sizes goes straight through.
PIECE_BYTES = 250 * BYTES_PER_MS
# Sent along from before the first sound, for words begin softly.
BEFORE_BYTES = 500 * BYTES_PER_MS
ONSET_MS = 200  # speech may have begun so long before it was loud enough to be noticed
# Audio that waits for the connection. Beyond this nothing is taken; a connection that takes nothing is given up long
# before that at the speed of speech.
MAX_WAITING_BYTES = 10_000 * BYTES_PER_MS
# Results that nobody takes: beyond this the reader is gone for good, and the stream says so in ``send``.
MAX_WAITING_RESULTS = 4_000


@dataclass(frozen=True)
class Limits:
    """How long what may take. Seconds."""

    handshake_s: float = 5.0
    send_s: float = 3.0  # one frame blocked this long: the peer takes nothing any more
    answer_s: float = 8.0  # nothing at all was told although there was a sound
    finish_s: float = 5.0  # from CloseStream to the end
    # Deepgram closes after 10 s without a frame: https://developers.deepgram.com/docs/audio-keep-alive
    keep_alive_s: float = 4.0
    stopped_s: float = 1.0  # no audio in the middle of an utterance: its end is asked for, as no pause will be heard
    finalize_every_s: float = 4.0
    watch_s: float = 0.5
    rest_s: float = 30.0  # after a refusal that no second try mends


class DeepgramStream:
    """One participant's session. All of it runs on one event loop."""

    def __init__(self, connect: Connect, tasks: asyncio.TaskGroup, limits: Limits) -> None:
        """``connect``: gives a connection while it is wanted. ``tasks``: where the stream's own work lives."""
        self._connect = connect
        self._tasks = tasks
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._heard_bytes = 0
        self._sounds: deque[tuple[int, int]] = deque()  # stretches of sound (ms) whose words are not frozen yet
        self._waiting: deque[bytes] = deque()  # before there is a connection to be: the last half second
        self._waiting_bytes = 0
        self._idle: asyncio.Future[None] | None = None  # the sender, while nothing waits: lighter than an event
        self._running: asyncio.Task[None] | None = None
        self._base_ms = 0  # where the connection's first byte lies
        self._assembler = Assembler(0)
        self._results: deque[Result] = deque()
        self._news = asyncio.Event()
        self._finished = self._ended = self._closed = False
        self._failure: RecogniserUnavailable | None = None
        # Moments of the loop's clock, for the watch.
        self._sent_at = 0.0
        self._sending_since: float | None = None
        self._unanswered_since: float | None = None  # a sound was handed over and nothing was told since
        self._finishing_since: float | None = None
        self._finalized_at = self._kept_alive_at = 0.0

    @property
    def noticed_ms(self) -> int:
        """Audio up to here holds no speech that is not in ``results``."""
        heard_ms = self._heard_bytes // BYTES_PER_MS
        if self._ended:
            return heard_ms
        frozen_ms = self._assembler.frozen_ms
        while self._sounds and self._sounds[0][1] <= frozen_ms:
            self._sounds.popleft()
        sound_ms = self._sounds[0][0] if self._sounds else heard_ms
        return min(heard_ms, max(frozen_ms, sound_ms - ONSET_MS, 0))

    def send(self, audio: bytes) -> None:
        """More mu-law audio; ignored when the stream is finished, closed or broken (``results`` says so).

        Raises RecogniserUnavailable when too much waits for the connection, or nobody takes results.
        """
        if not audio or self._closed or self._finished or self._failure:
            return
        if self._waiting_bytes > MAX_WAITING_BYTES:
            raise _silent("Deepgram takes no audio.", "deepgram_stalled")
        if len(self._results) >= MAX_WAITING_RESULTS:
            raise RecogniserUnavailable("Nobody takes the results of this stream.", next_step="Close it.")
        if len(audio) <= PIECE_BYTES:
            self._hear(audio)
        else:
            for at in range(0, len(audio), PIECE_BYTES):
                self._hear(audio[at : at + PIECE_BYTES])

    async def finish(self) -> None:
        """No more audio: speech in progress becomes a final, and ``results`` ends behind the last one."""
        self._finished = True
        if self._running is None:
            self._ended = True
        self._send_on()
        self._news.set()

    async def results(self) -> AsyncIterator[Result]:
        """Results as they become known. Raises RecogniserUnavailable behind the last one if the stream broke."""
        while not self._closed:
            while self._results:
                yield self._results.popleft()
            if self._failure is not None:
                raise self._failure.again()
            if self._ended:
                return
            self._news.clear()
            await self._news.wait()

    async def close(self) -> None:
        """Let go at once; the connection is left in the background."""
        self._closed = True
        self._results.clear()
        self._forget_audio()
        if self._running is not None:
            self._running.cancel()
        self._news.set()

    def _hear(self, piece: bytes) -> None:
        start_ms = self._heard_bytes // BYTES_PER_MS
        self._heard_bytes += len(piece)
        self._waiting.append(piece)
        self._waiting_bytes += len(piece)
        if is_sound(piece):
            self._note_sound(start_ms, self._heard_bytes // BYTES_PER_MS)
        if self._running is not None:
            self._send_on()
        elif self._sounds:
            self._base_ms = (self._heard_bytes - self._waiting_bytes) // BYTES_PER_MS
            self._assembler = Assembler(self._base_ms)
            self._running = self._tasks.create_task(self._run(), name="deepgram-stream")
        else:
            while self._waiting_bytes - len(self._waiting[0]) >= BEFORE_BYTES:
                self._waiting_bytes -= len(self._waiting.popleft())

    def _note_sound(self, start_ms: int, end_ms: int) -> None:
        if self._sounds and self._sounds[-1][1] >= start_ms:
            self._sounds[-1] = self._sounds[-1][0], end_ms
        else:
            self._sounds.append((start_ms, end_ms))
        if self._unanswered_since is None:
            self._unanswered_since = self._loop.time()

    async def _run(self) -> None:
        """From the handshake to the last result. Failures end here, in ``results``."""
        try:
            async with self._connect() as connection:
                try:
                    await self._converse(connection)
                except* RecogniserUnavailable as broken:
                    connection.abort()
                    raise broken.exceptions[0] from None
        except RecogniserUnavailable as error:
            self._fail(error)

    async def _converse(self, connection: Connection) -> None:
        self._sent_at = self._unanswered_since = self._loop.time()
        async with asyncio.TaskGroup() as tasks:
            helpers = [
                tasks.create_task(self._send_all(connection), name="deepgram-sender"),
                tasks.create_task(self._watch(connection), name="deepgram-watch"),
            ]
            await self._read(connection)
            for helper in helpers:
                helper.cancel()

    async def _send_all(self, connection: Connection) -> None:
        """The queue, piece by piece; after ``finish`` the end of the stream."""
        while True:
            while self._waiting:
                piece = self._waiting.popleft()
                self._sent_at = self._sending_since = self._loop.time()
                await connection.send_audio(piece)
                self._sending_since = None
                self._waiting_bytes -= len(piece)
            if self._finished:
                self._finishing_since = self._loop.time()
                await connection.close_stream()
                return
            self._idle = self._loop.create_future()
            await self._idle

    def _send_on(self) -> None:
        if self._idle is not None and not self._idle.done():
            self._idle.set_result(None)

    async def _read(self, connection: Connection) -> None:
        async for message in connection.messages(self._base_ms):
            self._unanswered_since = None
            match message:
                case Piece():
                    self._put(self._assembler.piece(message))
                case UtteranceEnd():
                    self._put(self._assembler.utterance_end(message))
                case None:
                    pass
        if self._finishing_since is None:
            raise RecogniserUnavailable(
                "Deepgram closed a stream without being asked.",
                code="deepgram_closed",
                next_step="A new stream is opened.",
            )
        self._put(self._assembler.finish())
        self._ended = True
        self._news.set()

    async def _watch(self, connection: Connection) -> None:
        """Looks at all that may take too long; one timer per stream instead of one per wait."""
        limits = self._limits
        while True:
            await asyncio.sleep(limits.watch_s)
            now = self._loop.time()
            if _longer(self._sending_since, now, limits.send_s):
                raise _silent(f"Deepgram took no audio for {limits.send_s:g} s.", "deepgram_stalled")
            if _longer(self._finishing_since, now, limits.finish_s):
                raise _silent(f"Deepgram did not finish within {limits.finish_s:g} s.", "deepgram_silent")
            if _longer(self._unanswered_since, now, limits.answer_s):
                raise _silent(f"Deepgram told nothing for {limits.answer_s:g} s of sound.", "deepgram_silent")
            if self._finishing_since is None and self._sending_since is None:
                await self._keep_going(connection, now)

    async def _keep_going(self, connection: Connection, now: float) -> None:
        """KeepAlive while no audio comes, and Finalize for an utterance that no pause will end."""
        limits = self._limits
        stopped = self._assembler.speaking and now - self._sent_at >= limits.stopped_s
        quiet = now - max(self._sent_at, self._kept_alive_at) >= limits.keep_alive_s
        ending = (stopped or self._assembler.overdue) and now - self._finalized_at >= limits.finalize_every_s
        if not quiet and not ending:
            return
        try:
            async with asyncio.timeout(limits.send_s):
                if quiet:
                    self._kept_alive_at = now
                    await connection.keep_alive()
                if ending:
                    if stopped and self._finalized_at > self._sent_at:
                        # Asked for before and not answered, which may be: what is frozen is all that there will be.
                        self._put(self._assembler.utterance_end(UtteranceEnd(last_word_end_ms=None)))
                    self._finalized_at = now
                    await connection.finalize()
        except TimeoutError:
            raise _silent(f"Deepgram took nothing for {limits.send_s:g} s.", "deepgram_stalled") from None

    def _fail(self, error: RecogniserUnavailable) -> None:
        """The stream broke: what is frozen is told, then the failure."""
        log.warning("deepgram_stream_failed", code=error.code, problem=error.message)
        self._put(self._assembler.give_up())
        self._failure = error
        self._forget_audio()
        self._news.set()

    def _put(self, results: list[Result]) -> None:
        for result in results:
            last = self._results[-1] if self._results else None
            newer = isinstance(result, PartialResult) and isinstance(last, PartialResult)
            if newer and last is not None and last.segment == result.segment:
                self._results.pop()  # nobody has taken the older text yet
            self._results.append(result)
        if results:
            self._news.set()

    def _forget_audio(self) -> None:
        self._waiting.clear()
        self._waiting_bytes = 0


def _longer(since: float | None, now: float, limit_s: float) -> bool:
    return since is not None and now - since > limit_s


def _silent(message: str, code: str) -> RecogniserUnavailable:
    return RecogniserUnavailable(message, code=code, next_step="A new stream is opened.")
