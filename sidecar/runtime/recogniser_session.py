"""One fork's talk with a recogniser: audio goes in, utterances and partials come out, failures become gaps.

If the engine fails, audio is dropped until it can be opened again, and what was missed is a gap, unless it was muted or
held. Nobody on the call notices.
"""

from __future__ import annotations

import asyncio

import structlog

from sidecar.domain.conference import Fork
from sidecar.domain.errors import SidecarError
from sidecar.domain.events import TranscriptGap, UtteranceFinal
from sidecar.domain.spans import Hearing
from sidecar.domain.stream_clock import StreamClock
from sidecar.domain.transcript import UtteranceDesk
from sidecar.ports.recogniser import (
    FinalResult,
    PartialResult,
    Recogniser,
    RecogniserStream,
    Result,
    SpeechStarted,
    Unrecognised,
)
from sidecar.runtime.recorder import Recorder

log = structlog.get_logger()

OPEN_TIMEOUT_S = 5.0
SEND_TIMEOUT_S = 3.0
# After hang-up the engine may still have this long for what was said last.
FINISH_TIMEOUT_S = 20.0
# While the engine is down, one try to open it per this much audio. Down is also an engine whose session broke before
# it said anything; one that had worked is opened again at once.
REOPEN_AFTER_MS = 5_000


class RecogniserSession:
    """The caller runs ``run`` as a task, hands audio to ``send`` and ends with ``finish``."""

    def __init__(
        self, *, recogniser: Recogniser, fork: Fork, timeline: StreamClock, recorder: Recorder, hearing: Hearing
    ) -> None:
        self._recogniser = recogniser
        self._fork = fork
        self._timeline = timeline
        self._recorder = recorder
        self._hearing = hearing
        self._stream: RecogniserStream | None = None
        self._stream_base_ms = 0  # audio handed on before this engine session began
        self._sent_ms = 0
        self._opened = asyncio.Event()
        self._finished = False
        self._closed = False
        self._ended_well = False  # the last word of the last session is out
        self._worked = False  # this engine session gave a result
        self._deaf_since_ms: int | None = None  # conference time from which audio met no engine
        self._deaf_reason = "recogniser_failed"
        self._next_try_ms = 0
        self._desk = self._new_desk()

    @property
    def speaking(self) -> bool:
        """Whether the engine is in the middle of an utterance."""
        return self._desk.speaking

    def covered_ms(self) -> int:
        """Conference time up to which all speech is stored or known to be absent."""
        if self._deaf_since_ms is not None:
            return self._deaf_since_ms
        noticed_ms = self._conference_ms(self._stream.noticed_ms if self._stream else 0)
        open_ms = self._desk.earliest_open_ms()
        return noticed_ms if open_ms is None else min(open_ms, noticed_ms)

    async def send(self, audio: bytes) -> None:
        """Audio in the order of the timeline. Never raises for a failing engine; ignored after ``close``."""
        if self._closed:
            return
        start_ms = self._sent_ms
        self._sent_ms += len(audio) // 8
        if self._stream is None and not await self._open(start_ms):
            return
        assert self._stream is not None  # noqa: S101 - for the type checker
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await self._stream.send(audio)
        except (SidecarError, OSError, TimeoutError) as error:
            await self._fail(error)

    async def run(self) -> None:
        """Turn results into events until ``finish`` has brought the last one. Engine failures do not escape."""
        while True:
            await self._opened.wait()
            self._opened.clear()
            stream = self._stream
            if stream is not None:
                failure = await self._listen(stream)
                self._ended_well = self._finished and failure is None
                if self._stream is stream and not self._ended_well:
                    await self._fail(failure)
            if self._finished and self._stream in (stream, None):
                return

    async def _listen(self, stream: RecogniserStream) -> Exception | None:
        try:
            async for result in stream.results():
                self._worked = True
                self._take(result)
        except (SidecarError, OSError) as error:
            return error
        return None

    async def finish(self) -> None:
        """No more audio will come. ``run`` ends after the last result; call this once."""
        self._finished = True
        self._opened.set()
        if self._stream is not None:
            try:
                async with asyncio.timeout(SEND_TIMEOUT_S):
                    await self._stream.finish()
            except (SidecarError, OSError, TimeoutError) as error:
                await self._fail(error)

    async def close(self) -> None:
        """Let go of the engine. What is still open, or was never heard by an engine, becomes a gap."""
        self._closed = True
        if self._deaf_since_ms is not None or not self._ended_well:
            self._gap(self.covered_ms(), self._timeline.now_ms, self._deaf_reason)
        self._recorder.tell(self._desk.abandon_all(self._timeline.now_ms))
        if self._stream is not None:
            stream, self._stream = self._stream, None
            await stream.close()

    def _new_desk(self) -> UtteranceDesk:
        return UtteranceDesk(
            participant=self._fork.participant_id,
            fork=self._fork.id,
            session=self._recorder.new_id("ses"),
            engine=self._recogniser.engine,
            new_id=lambda: self._recorder.new_id("utt"),
        )

    async def _open(self, start_ms: int) -> bool:
        if start_ms < self._next_try_ms:
            return False
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                self._stream = await self._recogniser.open()
        except (SidecarError, OSError, TimeoutError) as error:
            self._next_try_ms = start_ms + REOPEN_AFTER_MS
            await self._fail(error)
            return False
        self._stream_base_ms, self._worked = start_ms, False
        self._desk = self._new_desk()
        if self._deaf_since_ms is not None:
            self._gap(self._deaf_since_ms, self._timeline.conference_ms(start_ms), self._deaf_reason)
            self._deaf_since_ms = None
        self._opened.set()
        return True

    async def _fail(self, error: Exception | None) -> None:
        """The engine is gone: clear what was half said and remember from where on nobody listened."""
        code = _code_of(error)
        self._recorder.tally.recogniser_errors[self._recogniser.engine, code] += 1
        log.warning("recogniser_failed", fork=self._fork.id, engine=self._recogniser.engine, code=code)
        if self._deaf_since_ms is None:
            self._deaf_since_ms = self.covered_ms()
            self._deaf_reason = getattr(error, "gap_reason", "recogniser_failed")
        self._recorder.tell(self._desk.abandon_all(self._timeline.now_ms))
        if self._stream is not None:
            if not self._worked:
                self._next_try_ms = self._sent_ms + REOPEN_AFTER_MS
            stream, self._stream = self._stream, None
            await stream.close()

    def _take(self, result: Result) -> None:
        start = self._conference_ms(result.start_ms)
        if isinstance(result, SpeechStarted):
            self._desk.begin(result.segment, start)
            return
        end = self._conference_ms(result.end_ms)
        lag = max(0, self._recorder.now_ms() - end)
        coaching = self._hearing.coaching.touch(start, max(end, start + 1))
        match result:
            case PartialResult():
                partial = self._desk.partial(result.segment, start, end, result.text, lag, coaching=coaching)
                self._recorder.tell([partial] if partial else [])
            case FinalResult():
                words = [
                    type(word)(
                        word.text, self._conference_ms(word.start_ms), self._conference_ms(word.end_ms), word.confidence
                    )
                    for word in result.words
                ]
                fact = self._desk.final(
                    result.segment,
                    start,
                    end,
                    result.text,
                    lag_ms=lag,
                    words=words,
                    confidence=result.confidence,
                    coaching=coaching,
                )
                if isinstance(fact, UtteranceFinal):
                    self._recorder.record_soon(fact)
                elif fact:
                    self._recorder.tell([fact])
            case Unrecognised():
                cleared = self._desk.abandon(result.segment, end)
                self._recorder.tell([cleared] if cleared else [])
                self._gap(start, end, result.reason)

    def _gap(self, from_ms: int, to_ms: int, reason: str) -> None:
        for start, end in self._hearing.rests.outside(from_ms, to_ms):
            self._recorder.record_soon(
                TranscriptGap(
                    participant=self._fork.participant_id, fork=self._fork.id, from_ms=start, to_ms=end, reason=reason
                )
            )

    def _conference_ms(self, stream_ms: int) -> int:
        return self._timeline.conference_ms(self._stream_base_ms + stream_ms)


def _code_of(error: Exception | None) -> str:
    """A stable word for what went wrong with an engine."""
    match error:
        case SidecarError():
            return error.code
        case TimeoutError():
            return "timeout"
        case None:
            return "ended_early"
        case _:
            return "connection_lost"
