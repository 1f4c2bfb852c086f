"""Who gets the models next, and that no job is ever lost: the pool with models that a test holds up or breaks."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import cast

import pytest

from sidecar.adapters.recognisers import local_pool
from sidecar.adapters.recognisers.local_pool import Job, LocalPool
from sidecar.domain.errors import RecogniserUnavailable
from sidecar.speech import moonshine
from sidecar.speech.wav import read_telephone_audio
from tests.voice_sounds import two_cities

WAIT_S = 20.0  # far more than anything here takes
WARM_UP = 500 * 8


class Model:
    """Text is the audio itself. ``hold`` stops every call until ``go_on``; audio that begins with ``!`` breaks it."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.go_on.set()
        self.entered: queue.Queue[bytes] = queue.Queue()
        self.threads: set[int] = set()
        self.closed = 0

    def hold(self) -> None:
        self.go_on.clear()

    def text_of(self, audio: bytes) -> str:
        self.threads.add(threading.get_ident())
        if len(audio) == WARM_UP:
            return ""
        self.entered.put(audio)
        assert self.go_on.wait(WAIT_S)
        if audio.startswith(b"!"):
            raise RuntimeError("broken")
        return audio.decode()

    def close(self) -> None:
        self.closed += 1


class Bench:
    """A pool with its models, and the jobs in the order in which they came back."""

    def __init__(self) -> None:
        self.models: list[Model] = []
        self.delivered: queue.Queue[Job] = queue.Queue()
        self.pools: list[LocalPool] = []

    def pool(self, workers: int = 1, load: Callable[[], Model] | None = None) -> LocalPool:
        pool = LocalPool(workers, load or self.load)
        self.pools.append(pool)
        pool.start()
        return pool

    def load(self) -> Model:
        self.models.append(Model())
        return self.models[-1]

    def job(self, stream: object, *pieces: bytes) -> Job:
        return Job(stream, pieces, self.delivered.put)

    def held_up(self, pool: LocalPool) -> Model:
        """The only worker is busy with a first job until the model's ``go_on`` is set."""
        assert pool.submit_final(self.job("first", b"first"))
        self.next()
        self.models[0].hold()
        assert pool.submit_final(self.job("busy", b"busy"))
        assert self.models[0].entered.get(timeout=WAIT_S) == b"first"
        assert self.models[0].entered.get(timeout=WAIT_S) == b"busy"
        return self.models[0]

    def next(self) -> Job:
        return self.delivered.get(timeout=WAIT_S)

    def texts(self, count: int) -> list[str]:
        return [" ".join(self.next().texts) for _ in range(count)]


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    for model in bench.models:
        model.go_on.set()
    for pool in bench.pools:
        pool.close()


def test_finals_come_before_partials(bench: Bench) -> None:
    """However long a partial has waited, a final is done first."""
    pool = bench.pool()
    model = bench.held_up(pool)
    pool.submit_partial(bench.job("a", b"partial a"))
    pool.submit_partial(bench.job("b", b"partial b"))
    assert pool.submit_final(bench.job("c", b"final c"))
    assert pool.submit_final(bench.job("a", b"final a"))
    model.go_on.set()
    assert bench.texts(5) == ["busy", "final c", "final a", "partial a", "partial b"]


def test_a_newer_partial_replaces_the_one_that_waits(bench: Bench) -> None:
    """The older is never recognised, and counted as dropped; the newer has its place in the queue."""
    pool = bench.pool()
    model = bench.held_up(pool)
    older = bench.job("a", b"older")
    pool.submit_partial(older)
    pool.submit_partial(bench.job("b", b"other"))
    pool.submit_partial(bench.job("a", b"newer"))
    model.go_on.set()
    assert bench.texts(3) == ["busy", "newer", "other"]
    assert older.state == "gone"
    assert pool.counts.partials_dropped == 1


def test_a_stream_has_one_partial_in_work(bench: Bench) -> None:
    """Even with a free worker, the next one waits for it."""
    started, both_loaded = threading.Semaphore(0), threading.Barrier(2, timeout=WAIT_S)

    class Slow(Model):
        warm = False

        def text_of(self, audio: bytes) -> str:
            if not self.warm:
                self.warm = True
                both_loaded.wait()
            else:
                started.release()
            return super().text_of(audio)

    def load() -> Model:
        model = Slow()
        model.hold()
        bench.models.append(model)
        return model

    pool = bench.pool(workers=2, load=load)
    pool.submit_partial(bench.job("a", b"one"))
    assert started.acquire(timeout=WAIT_S)
    pool.submit_partial(bench.job("a", b"two"))
    pool.submit_partial(bench.job("b", b"other"))
    assert started.acquire(timeout=WAIT_S)  # the second worker took the other stream's
    busy = {model.entered.get(timeout=WAIT_S) for model in bench.models}
    assert busy == {b"one", b"other"}
    for model in bench.models:
        model.go_on.set()
    assert sorted(bench.texts(3)) == ["one", "other", "two"]


def test_a_partial_that_turns_out_to_be_all_becomes_a_final(bench: Bench) -> None:
    """It moves before all partials; one that was replaced cannot."""
    pool = bench.pool()
    model = bench.held_up(pool)
    replaced, whole = bench.job("a", b"part of a"), bench.job("a", b"all of a")
    pool.submit_partial(bench.job("b", b"part of b"))
    pool.submit_partial(replaced)
    pool.submit_partial(whole)
    assert pool.promote(whole)
    assert not pool.promote(replaced)
    model.go_on.set()
    assert bench.texts(3) == ["busy", "all of a", "part of b"]
    assert pool.promote(whole)
    assert whole.state == "done"


def test_a_likely_final_goes_before_other_partials(bench: Bench) -> None:
    """At a pause the whole segment's text is wanted soon; partials of those who still speak can wait."""
    pool = bench.pool()
    model = bench.held_up(pool)
    pool.submit_partial(bench.job("a", b"partial a"))
    likely = bench.job("b", b"all of b")
    likely.likely_final = True
    pool.submit_partial(likely)
    model.go_on.set()
    assert bench.texts(3) == ["busy", "all of b", "partial a"]


def test_a_job_in_pieces_has_a_text_for_each(bench: Bench) -> None:
    """The pieces are recognised one by one, in order."""
    pool = bench.pool()
    assert pool.submit_final(bench.job("a", b"one", b"two"))
    assert bench.next().texts == ("one", "two")


def test_too_much_waiting_audio_refuses_the_next_final(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound is over all streams; what waits already is still done, and there is room again after it."""
    monkeypatch.setattr(local_pool, "MAX_WAITING_MS", 100)
    pool = bench.pool()
    model = bench.held_up(pool)
    assert pool.submit_final(bench.job("a", b"a" * 800))
    assert pool.counts.waiting_ms == 100
    refused = bench.job("b", b"b" * 8)
    assert not pool.submit_final(refused)
    assert refused.state == "gone"
    assert pool.counts.finals_refused == 1
    model.go_on.set()
    assert bench.texts(2) == ["busy", "a" * 800]
    assert pool.counts.waiting_ms == 0
    assert pool.submit_final(bench.job("b", b"b" * 8))
    assert bench.texts(1) == ["b" * 8]


def test_a_model_that_breaks_costs_one_job(bench: Bench) -> None:
    """The job is delivered as failed, the broken model is freed, and a fresh one does the next job."""
    pool = bench.pool()
    assert pool.submit_final(bench.job("a", b"!"))
    assert bench.next().state == "failed"
    assert pool.submit_final(bench.job("a", b"fine"))
    assert bench.texts(1) == ["fine"]
    assert [model.closed for model in bench.models] == [1, 0]
    assert pool.counts.jobs_failed == 1


def test_a_model_belongs_to_one_thread(bench: Bench) -> None:
    """Four workers have four models, and no model ever sees a second thread."""
    pool = bench.pool(workers=4)
    for number in range(200):
        assert pool.submit_final(bench.job(number, b"%d" % number))
    assert sorted(bench.texts(200), key=int) == [str(number) for number in range(200)]
    pool.close()
    assert len(bench.models) == 4
    assert all(len(model.threads) == 1 for model in bench.models)


def test_four_real_models_at_once_say_what_one_says_alone(bench: Bench) -> None:
    """The library mixes up texts when threads share a transcriber; one for each thread does not."""
    audio = read_telephone_audio(two_cities())
    pieces = [audio[at : at + 32_000] for at in range(0, 12 * 8_000, 16_000)]
    alone = moonshine.load()  # here first: the import sets warning filters, and so does pytest between tests
    expected = [alone.text_of(piece) for piece in pieces]
    alone.close()
    pool = LocalPool(4, moonshine.load)
    bench.pools.append(pool)
    pool.start()
    for number in range(4 * len(pieces)):
        assert pool.submit_final(bench.job(number % len(pieces), pieces[number % len(pieces)]))
    jobs = [bench.next() for _ in range(4 * len(pieces))]
    assert all(job.texts == (expected[cast("int", job.stream)],) for job in jobs)
    assert all(expected)


def test_withdrawn_work_is_not_done(bench: Bench) -> None:
    """Nothing of a closed stream is recognised or delivered; other streams keep their turn."""
    pool = bench.pool()
    model = bench.held_up(pool)
    pool.submit_partial(bench.job("a", b"partial"))
    assert pool.submit_final(bench.job("a", b"final"))
    assert pool.submit_final(bench.job("b", b"other"))
    pool.withdraw("a")
    model.go_on.set()
    assert bench.texts(2) == ["busy", "other"]
    assert pool.counts.waiting_ms == 0


def test_close_fails_what_waits_and_frees_the_models(bench: Bench) -> None:
    """Nobody is left waiting, every model is freed once, and closing again changes nothing."""
    pool = bench.pool()
    model = bench.held_up(pool)
    assert pool.submit_final(bench.job("a", b"final"))
    pool.submit_partial(bench.job("b", b"partial"))
    closing = threading.Thread(target=pool.close)
    closing.start()
    assert [bench.next().state, bench.next().state] == ["failed", "failed"]
    model.go_on.set()
    closing.join(WAIT_S)
    assert bench.texts(1) == ["busy"]  # what was under way is finished
    pool.close()
    assert [model.closed for model in bench.models] == [1]
    late = bench.job("c", b"late")
    assert not pool.submit_final(late)
    pool.submit_partial(late)
    assert late.state == "gone"
    with pytest.raises(RecogniserUnavailable, match="closed"):
        pool.check()


@pytest.mark.parametrize("error", [RecogniserUnavailable("No model here."), MemoryError(), ImportWarning("odd")])
def test_a_model_that_cannot_be_loaded_makes_the_pool_unavailable(bench: Bench, error: Exception) -> None:
    """Whatever the reason, jobs fail instead of waiting for ever, and the reason is there to be told."""

    def load() -> Model:
        raise error

    pool = bench.pool(load=load)
    assert pool.submit_final(bench.job("a", b"final"))
    assert bench.next().state == "failed"
    with pytest.raises(RecogniserUnavailable, match=r"No model here|MemoryError|ImportWarning"):
        pool.check()


def test_an_unavailable_pool_recovers_when_the_model_can_be_loaded(bench: Bench) -> None:
    """Asking again is enough: each refusal makes a worker try once more."""
    broken = threading.Event()
    broken.set()
    loaded = threading.Event()

    def load() -> Model:
        if broken.is_set():
            raise RecogniserUnavailable("No model here.")
        loaded.set()
        return bench.load()

    pool = bench.pool(load=load)
    assert pool.submit_final(bench.job("a", b"final"))
    assert bench.next().state == "failed"
    broken.clear()
    deadline = time.monotonic() + WAIT_S
    while not loaded.is_set() and time.monotonic() < deadline:
        with contextlib.suppress(RecogniserUnavailable):
            pool.check()
        loaded.wait(0.01)
    assert pool.submit_final(bench.job("a", b"fine"))
    assert bench.texts(1) == ["fine"]
    pool.check()
