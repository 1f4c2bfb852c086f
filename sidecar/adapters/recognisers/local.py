"""The recogniser that needs no account: one segmenter per stream, one pool of models for all.

Runs on the event loop except for the models' own work. Audio never leaves the machine; English only.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from sidecar.adapters.recognisers.local_pool import Job, LocalPool, Model, PoolCounts
from sidecar.domain.errors import RecogniserUnavailable
from sidecar.ports.engines import EngineSettings
from sidecar.ports.recogniser import (
    Figure,
    FinalResult,
    PartialResult,
    Result,
    SpeechStarted,
    Traits,
    Unrecognised,
)
from sidecar.speech import moonshine
from sidecar.speech.g711 import BYTES_PER_MS
from sidecar.speech.segmenter import PartialDue, SegmentEnded, Segmenter, SpeechBegan, SpeechEvent

MAX_WORKERS = 8  # by default; each holds 90 MB, and 8 carry some fifty people who talk at once
# Results that nobody takes: beyond this the reader is gone for good, and the stream says so in ``send``.
MAX_WAITING_RESULTS = 4_000
# A voice is noticed this late at most, the margin for a soft onset included.
NOTICED_AFTER_MS = 600
# A partial's older text is kept, not recognised again, once this much audio lies before a short pause. It keeps the
# cost of a partial flat: 18 s would take half a second of a core every half second.
SETTLE_BYTES = 3_000 * BYTES_PER_MS


class LocalRecogniser:
    """Moonshine and WebRTC's voice activity detection behind the Recogniser port."""

    engine = "local"
    traits = Traits()

    def __init__(self, pool: LocalPool) -> None:
        self._pool = pool

    def check(self) -> None:
        """Raises RecogniserUnavailable when the model cannot be loaded, or ``close`` was called."""
        self._pool.check()

    def figures(self) -> list[Figure]:
        """How the models keep up."""
        counts = self._pool.counts
        return [
            Figure("partials_dropped", "counter", "Partials that a newer one of the same participant replaced.",
                   counts.partials_dropped),
            Figure("finals_refused", "counter", "Utterances that became gaps: too much audio waited already.",
                   counts.finals_refused),
            Figure("jobs_failed", "counter", "Pieces of audio at which a model failed.", counts.jobs_failed),
            Figure("cpu_seconds", "counter", "CPU time of the models.", counts.cpu_seconds),
            Figure("waiting_seconds", "gauge", "Audio of finals that wait for a model.", counts.waiting_ms / 1000),
            Figure("models_loaded", "gauge", "Models in memory.", counts.models),
            Figure("models_busy", "gauge", "Models at work now.", counts.running),
        ]  # fmt: skip

    async def open(self) -> LocalStream:
        """A new session, at once even while models are still loading. Raises RecogniserUnavailable."""
        self._pool.check()
        self._pool.start()
        return LocalStream(self._pool, asyncio.get_running_loop())

    async def close(self) -> None:
        """Wait for the calls under way (half a second at most) and free the models. May be called twice."""
        await asyncio.to_thread(self._pool.close)

    @property
    def counts(self) -> PoolCounts:
        """What was dropped, refused and failed, and how much audio waits."""
        return self._pool.counts


def start_local_recogniser(
    *,
    language: str = "en",
    model_folder: Path | None = None,
    workers: int | None = None,
    load: Callable[[], Model] | None = None,
    at_once: bool = True,
) -> LocalRecogniser:
    """Check what can be checked at once, start the threads and return; models load behind.

    ``at_once``: False for one that may never be needed: its threads start, and its models load, with the first session.
    ``workers``: how many segments are recognised at once; None is one per core, at most MAX_WORKERS. ``load``: another
    model than Moonshine. Raises RecogniserUnavailable: another language than English, a missing wheel or model file.
    """
    if load is None:
        moonshine.check_local_speech(language, model_folder)
    pool = LocalPool(workers or min(os.cpu_count() or 1, MAX_WORKERS), load or (lambda: moonshine.load(model_folder)))
    if at_once:
        pool.start()
    return LocalRecogniser(pool)


@dataclass(eq=False)
class _Segment:
    """A segment that has begun and whose final is not out yet."""

    number: int
    start_ms: int
    shown: str = ""  # the text of the last partial
    settled: str = ""  # the older part of that text, and
    settled_bytes: int = 0  # how much audio it came from
    whole: Job | None = None  # recognises the segment as it is if the present pause ends it
    ended: SegmentEnded | None = None
    final: FinalResult | Unrecognised | None = None


class LocalStream:
    """One participant's session. Its methods and callbacks all run on one event loop."""

    def __init__(self, pool: LocalPool, loop: asyncio.AbstractEventLoop) -> None:
        self._pool = pool
        self._loop = loop
        self._segmenter = Segmenter()
        self._heard_bytes = 0
        self._segments: deque[_Segment] = deque()  # in order of speech; the first has not been delivered
        self._results: deque[Result] = deque()
        self._news = asyncio.Event()
        self._finished = self._closed = False

    @property
    def noticed_ms(self) -> int:
        """What the voice activity detection has judged for certain."""
        return max(0, self._heard_bytes // BYTES_PER_MS - NOTICED_AFTER_MS)

    def send(self, audio: bytes) -> None:
        """More mu-law audio; ignored after ``finish`` or ``close``.

        Raises RecogniserUnavailable when nobody has taken results for a very long time.
        """
        if self._closed or self._finished:
            return
        if len(self._results) >= MAX_WAITING_RESULTS:
            raise RecogniserUnavailable("Nobody takes the results of this stream.", next_step="Close it.")
        self._heard_bytes += len(audio)
        self._act(self._segmenter.feed(audio))

    async def finish(self) -> None:
        """No more audio: speech in progress becomes a final, and ``results`` ends behind the last one."""
        if not self._finished:
            self._finished = True
            self._act(self._segmenter.flush())
            self._news.set()

    async def results(self) -> AsyncIterator[Result]:
        """Results as they become known; the partials of a segment that wait are merged into the newest."""
        while not self._closed:
            while self._results:
                yield self._results.popleft()
            if self._finished and not self._segments:
                return
            self._news.clear()
            await self._news.wait()

    async def close(self) -> None:
        """Let go at once."""
        self._closed = True
        self._segments.clear()
        self._results.clear()
        self._pool.withdraw(self)
        self._news.set()

    def _act(self, events: list[SpeechEvent]) -> None:
        for event in events:
            match event:
                case SpeechBegan():
                    self._segments.append(_Segment(event.segment, event.start_ms))
                    self._put(SpeechStarted(segment=event.segment, start_ms=event.start_ms))
                case PartialDue():
                    self._recognise_so_far(self._segments[-1], event)
                case SegmentEnded():
                    self._recognise(self._segments[-1], event)

    def _recognise_so_far(self, segment: _Segment, due: PartialDue) -> None:
        settled, begin = segment.settled, segment.settled_bytes
        pieces: tuple[bytes, ...]
        if due.paused:  # very likely the end: recognised as a whole, so that the final is ready when that is sure
            settled, pieces = "", (due.audio,)
        elif due.pause_at - begin >= SETTLE_BYTES:
            pieces = (due.audio[begin : due.pause_at], due.audio[due.pause_at :])
        else:
            pieces = (due.audio[begin:],)

        def done(job: Job) -> None:
            if segment.ended is not None:
                if job is segment.whole:
                    self._finalise(segment, job)
            elif job.state == "done":  # of a failed one the next partial or the final tells more
                if len(job.pieces) > 1:
                    segment.settled, segment.settled_bytes = _joined(settled, job.texts[0]), due.pause_at
                self._put_partial(segment, due.end_ms, _joined(settled, *job.texts))

        job = Job(self, pieces, self._on_loop(done), likely_final=due.paused)
        if due.paused:
            segment.whole = job
        self._pool.submit_partial(job)

    def _recognise(self, segment: _Segment, ended: SegmentEnded) -> None:
        segment.ended = ended
        whole = segment.whole
        if whole is not None and whole.pieces[0] == ended.audio and self._pool.promote(whole):
            if whole.state == "done":
                self._finalise(segment, whole)
            return
        self._pool.withdraw_partial(self)
        job = Job(self, (ended.audio,), self._on_loop(lambda job: self._finalise(segment, job)))
        if not self._pool.submit_final(job):
            self._finalise(segment, job)

    def _finalise(self, segment: _Segment, job: Job) -> None:
        """Note the outcome and hand out what is complete, in order of speech."""
        ended = segment.ended
        if segment.final is not None or ended is None:
            return
        if job.state == "done":
            segment.final = FinalResult(
                segment=segment.number, start_ms=ended.start_ms, end_ms=ended.end_ms, text=job.texts[0]
            )
        else:
            reason = "recogniser_overloaded" if job.state == "gone" else "recogniser_failed"
            segment.final = Unrecognised(
                segment=segment.number, start_ms=ended.start_ms, end_ms=ended.end_ms, reason=reason
            )
        while self._segments and (final := self._segments[0].final) is not None:
            self._segments.popleft()
            self._put(final)

    def _put_partial(self, segment: _Segment, end_ms: int, text: str) -> None:
        if text == segment.shown:
            return
        segment.shown = text
        partial = PartialResult(segment=segment.number, start_ms=segment.start_ms, end_ms=end_ms, text=text)
        last = self._results[-1] if self._results else None
        if isinstance(last, PartialResult) and last.segment == segment.number:
            self._results.pop()
        self._put(partial)

    def _put(self, result: Result) -> None:
        self._results.append(result)
        self._news.set()

    def _on_loop(self, done: Callable[[Job], None]) -> Callable[[Job], None]:
        """A callback for a worker's thread that runs ``done`` on this stream's loop, unless the stream is closed."""

        def run(job: Job) -> None:
            if not self._closed:
                done(job)

        def deliver(job: Job) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed, and the stream with it
                self._loop.call_soon_threadsafe(run, job)

        return deliver


def _joined(first: str, *others: str) -> str:
    """Pieces of one partial. The model sometimes begins a piece with the comma that ended the one before."""
    return " ".join(text for text in (first, *(other.lstrip(" ,.;:!?") for other in others)) if text)


@contextlib.asynccontextmanager
async def open_local(settings: EngineSettings) -> AsyncIterator[LocalRecogniser]:
    """The factory."""
    recogniser = start_local_recogniser(
        language=settings.language, model_folder=settings.local_model, workers=settings.local_workers or None
    )
    try:
        yield recogniser
    finally:
        await recogniser.close()
