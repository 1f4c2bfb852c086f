"""Threads that each own a model, and who gets them next: finals first, partials if there is time.

Knows audio and texts, nothing of streams, segments or the event loop. A job's ``deliver`` runs in the worker's thread.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import structlog

from sidecar.domain.errors import RecogniserUnavailable
from sidecar.speech.g711 import BYTES_PER_MS, SILENCE

log = structlog.get_logger()

# Finals that wait hold at most this much audio in all, over all streams: some 20 s of work for two cores, 4.8 MB.
# Beyond it a new final is refused (and counted): a transcript that lags by more is no longer live.
MAX_WAITING_MS = 600_000
JOIN_SECONDS = 5.0  # a call under way takes half a second at most; the threads are daemons
_WARM_UP = bytes([SILENCE]) * (500 * BYTES_PER_MS)  # the first call pays for memory that later ones reuse


class Model(Protocol):
    """What a worker needs of a model."""

    def text_of(self, audio: bytes) -> str:
        """What is said in mu-law audio."""
        ...

    def close(self) -> None:
        """Free it."""
        ...


@dataclass(eq=False)
class Job:
    """Audio that wants text, in one or more pieces.

    ``stream``: whose it is; of a stream's partials one runs at a time and the newest waiting one replaces the others.
    ``likely_final``: a partial that will be asked for as a final if the speaker stays silent; it goes before others.
    ``deliver``: called once with the job, in another thread, when it is ``done`` (``texts`` has one per piece) or
    ``failed``; not called for one that is ``gone``: replaced, withdrawn or refused.
    """

    stream: object
    pieces: tuple[bytes, ...]
    deliver: Callable[[Job], None]
    likely_final: bool = False
    texts: tuple[str, ...] = ()
    state: Literal["waiting", "running", "done", "failed", "gone"] = "waiting"

    @property
    def audio_ms(self) -> int:
        return sum(map(len, self.pieces)) // BYTES_PER_MS


@dataclass
class PoolCounts:
    """For metrics; read from any thread."""

    partials_dropped: int = 0
    finals_refused: int = 0
    jobs_failed: int = 0
    cpu_seconds: float = 0.0
    models: int = 0  # loaded now
    running: int = 0  # workers that have a job now
    waiting_ms: int = 0  # audio of the finals that wait now: how far the transcript may be behind


class LocalPool:
    """Bounded work for a fixed number of threads. All methods may be called from any thread and return at once."""

    def __init__(self, workers: int, load: Callable[[], Model]) -> None:
        """``load`` is called in each worker's thread, and again after its model failed."""
        self._load = load
        self._loading = threading.Lock()  # models load one after another: the first one is ready sooner
        self._changed = threading.Condition()  # re-entrant, and guards everything below
        self._finals: deque[Job] = deque()
        self._partials: dict[object, Job] = {}  # by stream, oldest first: one each, so never more than streams
        self._partial_running: set[object] = set()
        self._closed = self._started = False
        self._unavailable: RecogniserUnavailable | None = None
        self.counts = PoolCounts()
        self._threads = [
            threading.Thread(target=self._work, name=f"recogniser-{n}", daemon=True) for n in range(workers)
        ]

    def start(self) -> None:
        """Start the threads, if they are not started; each loads its model before its first job."""
        with self._changed:
            fresh = [thread for thread in self._threads if not self._started]
            self._started = True
        for thread in fresh:
            thread.start()

    def check(self) -> None:
        """Raise RecogniserUnavailable when no job would be done: the model cannot be loaded, or the pool is closed."""
        if self._closed:
            raise RecogniserUnavailable("The local recogniser is closed.", next_step="The service is shutting down.")
        if self._unavailable is not None and not self.counts.models:
            if not self.counts.running and not self._finals:
                self.submit_final(_loading_job())  # what was in the way may be gone: a later call finds out
            raise self._unavailable

    def submit_final(self, job: Job) -> bool:
        """Queue behind other finals and before all partials. False: refused, too much audio waits already."""
        with self._changed:
            if self._closed or not self._has_room(job):
                job.state = "gone"
                self.counts.finals_refused += 1
                return False
            self._queue_final(job)
            return True

    def submit_partial(self, job: Job) -> None:
        """Queue behind everything, or in the place of the stream's partial that still waits, if there is one."""
        with self._changed:
            if self._closed:
                job.state = "gone"
                return
            replaced = self._partials.get(job.stream)
            if replaced is not None:
                replaced.state = "gone"
                self.counts.partials_dropped += 1
            self._partials[job.stream] = job  # keeps its place: else one that is replaced often would never be done
            self._changed.notify()

    def promote(self, partial: Job) -> bool:
        """Treat a partial as a final from now on: its audio turned out to be the whole segment.

        False: it is gone or failed, or there is no room for it as a final; submit a final instead.
        """
        with self._changed:
            if partial.state == "waiting":
                if not self._has_room(partial):
                    return False
                del self._partials[partial.stream]
                self._queue_final(partial)
            return partial.state in ("waiting", "running", "done")

    def withdraw_partial(self, stream: object) -> None:
        """The stream's waiting partial is of no use any more."""
        with self._changed:
            self._drop_partial(stream)

    def withdraw(self, stream: object) -> None:
        """Forget all that waits for a stream; nobody listens any more."""
        with self._changed:
            self._drop_partial(stream)
            for job in [job for job in self._finals if job.stream is stream]:
                job.state = "gone"
                self._finals.remove(job)
                self.counts.waiting_ms -= job.audio_ms

    def close(self) -> None:
        """Stop after the calls under way, and wait for them. What waits is delivered as failed. May be called twice."""
        with self._changed:
            self._closed = True
            waiting = [*self._finals, *self._partials.values()]
            self._finals.clear()
            self._partials.clear()
            self.counts.waiting_ms = 0
            self._changed.notify_all()
        for job in waiting:
            job.state = "failed"
            job.deliver(job)
        for thread in self._threads:
            if thread.is_alive():
                thread.join(JOIN_SECONDS)
            if thread.is_alive():
                log.warning("recogniser_thread_left_behind", thread=thread.name)

    def _has_room(self, job: Job) -> bool:
        return self.counts.waiting_ms + job.audio_ms <= MAX_WAITING_MS

    def _queue_final(self, job: Job) -> None:
        self._finals.append(job)
        self.counts.waiting_ms += job.audio_ms
        self._changed.notify()

    def _drop_partial(self, stream: object) -> None:
        job = self._partials.pop(stream, None)
        if job is not None:
            job.state = "gone"
            self.counts.partials_dropped += 1

    def _work(self) -> None:
        """A worker's life: load a model, do jobs, free it. Whatever a model raises ends that job, never the worker."""
        model: Model | None = None
        taken: tuple[Job, bool] | None = (self._given(_loading_job()), False)
        while taken is not None:
            job, is_partial = taken
            started = time.thread_time()
            try:
                model = model or self._loaded()
                job.texts = tuple(model.text_of(piece) for piece in job.pieces)
                self._note(job, "done", time.thread_time() - started)
            except Exception as error:  # noqa: BLE001 - the edge of a thread: the stream gets it as this job's result
                log.warning("recogniser_job_failed", error=type(error).__name__, audio_ms=job.audio_ms)
                self._note(job, "failed", time.thread_time() - started)
                if model is None:
                    self._cannot_load(error)
                else:  # it may be in any state now: the next job gets a fresh one
                    self._free(model)
                    model = None
            job.deliver(job)
            self._finished(job, was_partial=is_partial)
            taken = self._take()
        if model is not None:
            self._free(model)

    def _note(self, job: Job, outcome: Literal["done", "failed"], cpu_seconds: float) -> None:
        with self._changed:
            job.state = outcome
            self.counts.cpu_seconds += cpu_seconds
            self.counts.jobs_failed += outcome == "failed"

    def _finished(self, job: Job, *, was_partial: bool) -> None:
        with self._changed:
            self.counts.running -= 1
            if was_partial:
                self._partial_running.discard(job.stream)
                self._changed.notify()  # a newer partial of that stream may have waited for this one

    def _cannot_load(self, error: Exception) -> None:
        self._unavailable = (
            error
            if isinstance(error, RecogniserUnavailable)
            else RecogniserUnavailable(f"The local recogniser's model cannot be loaded: {type(error).__name__}.")
        )
        log.error("recogniser_model_not_loaded", error=str(self._unavailable))

    def _free(self, model: Model) -> None:
        with self._changed:
            self.counts.models -= 1
        model.close()

    def _loaded(self) -> Model:
        with self._loading:
            model = self._load()
        model.text_of(_WARM_UP)
        with self._changed:
            self.counts.models += 1
        return model

    def _given(self, job: Job) -> Job:
        with self._changed:
            job.state = "running"
            self.counts.running += 1
        return job

    def _take(self) -> tuple[Job, bool] | None:
        """The next job and whether it came as a partial; None when the pool is closed."""
        with self._changed:
            while not self._closed:
                if self._finals:
                    job = self._finals.popleft()
                    self.counts.waiting_ms -= job.audio_ms
                    return self._given(job), False
                free = [job for stream, job in self._partials.items() if stream not in self._partial_running]
                if free:
                    job = next((job for job in free if job.likely_final), free[0])
                    del self._partials[job.stream]
                    self._partial_running.add(job.stream)
                    return self._given(job), True
                self._changed.wait()
            return None


def _loading_job() -> Job:
    """Nothing to recognise: it only makes a worker load its model."""
    return Job(None, (), lambda _job: None)
