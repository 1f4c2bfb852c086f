"""One stream's talk with its recognisers: audio goes in, utterances and partials come out, whatever engines do.

All audio of the last half minute is kept. When an engine breaks, the next one hears what is not in the transcript yet,
and goes on; what nobody could hear in time is a gap. Nobody on the call notices.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from sidecar.domain.conference.values import Fork
from sidecar.domain.errors import RecogniserUnavailable, SidecarError
from sidecar.domain.replay import Replay, Span
from sidecar.domain.spans import Hearing
from sidecar.domain.stream_clock import StreamClock
from sidecar.domain.transcript import OpenUtterance, UtteranceDesk
from sidecar.ports.recogniser import Recogniser, Result
from sidecar.runtime.engine_choice import EngineChoice
from sidecar.runtime.fork_health import HealthReport
from sidecar.runtime.recogniser_lane import Lane
from sidecar.runtime.recorder import Recorder
from sidecar.runtime.scribe import Scribe
from sidecar.speech.sound import sounds_in

log = structlog.get_logger()

# After hang-up the engine may still have this long for what was said last.
FINISH_TIMEOUT_S = 20.0
# Waits after sessions that broke before they told anything; one that had told something is followed at once.
REOPEN_AFTER_S = (0.0, 0.5, 1.0, 2.0, 4.0)
# While every engine is given up, it is looked so often whether one may be probed.
ALL_GIVEN_UP_S = 1.0
# An engine that failed a fork is not asked again for this long, if another one can listen.
AVOIDED_S = 60.0
# After hang-up so many sessions are tried for what was said last.
LAST_TRIES = 3
# Without sound for so long it is a pause, in which another session can take over.
PAUSE_MS = 300
# A probe hears live audio for at most this long.
PROBE_MS = 10_000
# The lanes are looked after each time that so much audio has come, and more often while a pause is waited for.
TEND_EVERY_MS = 1_000
PAUSE_AWAITED_MS = 200
SHORTEST_WAIT_S = 0.05
FOR_EVER_MS = 1 << 62
# Missing stretches with less between them than this are told as one gap.
ONE_GAP_MS = 2_000
# As long as more and more is lost, it is told in gaps of this.
TOLD_AT_MS = 10_000


class RecogniserSession:
    """The caller runs ``run`` as a task, hands audio to ``send`` and ends with ``finish``, then ``close``."""

    def __init__(
        self, *, engines: EngineChoice, fork: Fork, timeline: StreamClock, recorder: Recorder, hearing: Hearing
    ) -> None:
        self._engines = engines
        self._fork = fork
        self._timeline = timeline
        self._recorder = recorder
        self._replay = Replay()
        self._scribe = Scribe(fork, self._replay, timeline=timeline, recorder=recorder, hearing=hearing)
        self._health = HealthReport(fork, engines, recorder)
        self._half_said: list[OpenUtterance] = []
        self._lanes: dict[Lane, str] = {}  # and what each is called in the log
        self._live: Lane | None = None
        self._standby: Lane | None = None
        self._old: Lane | None = None  # the gap lane
        self._probe: Lane | None = None
        self._avoided: dict[str, float] = {}  # engines, until when
        self._failures = 0  # sessions in a row that told nothing
        self._next_try_at = 0.0
        self._tries_left = LAST_TRIES
        self._gap_reason = "recogniser_failed"
        self._wake = asyncio.Event()
        self._tend_at_ms = 0
        self._finished = self._closed = False

    @property
    def speaking(self) -> bool:
        """Whether an engine is in the middle of an utterance."""
        return any(lane.speaking for lane in self._lanes)

    def covered_ms(self) -> int:
        """Conference time up to which all speech is stored or known to be absent."""
        for lane in self._lanes:
            lane.look()
        self._note_coverage()
        missing = self._replay.missing()
        return self._conference_ms(missing[0][0] if missing else self._replay.head_ms)

    def send(self, audio: bytes) -> None:
        """Audio in the order of the timeline. Never raises for an engine; ignored after ``close``."""
        if self._closed:
            return
        self._replay.hear(audio, sounds_in(audio))
        for lane in self._lanes:
            lane.go_on()
        if self._replay.head_ms >= self._tend_at_ms:
            self._wake.set()

    async def run(self) -> None:
        """Keep somebody listening until ``finish`` has brought the last word. Engine failures do not escape."""
        async with asyncio.TaskGroup() as tasks:
            while not self._over():
                self._tend(tasks)
                self._wake.clear()
                again = self._idle_s()
                timer = None if again is None else asyncio.get_running_loop().call_later(again, self._wake.set)
                try:
                    await self._wake.wait()
                finally:
                    if timer is not None:
                        timer.cancel()

    async def finish(self) -> None:
        """No more audio will come. ``run`` ends after the last result; call this once."""
        self._finished = True
        for lane in self._lanes:
            lane.line_ended()
        self._wake.set()

    async def close(self) -> None:
        """Whatever is not told by now is a gap. ``run`` has ended or been cancelled."""
        self._closed = True
        self._note_coverage()
        self._declare_lost(at_once=True)
        for start, end in _joined(self._replay.missing()):
            self._scribe.gap(start, end, self._gap_reason)
        for lane in self._lanes:
            lane.desk.hand_over()
        self._scribe.clear(self._half_said)

    # -- who listens -------------------------------------------------------------------------------------------

    def _over(self) -> bool:
        if not self._finished or self._lanes:
            return False
        self._note_coverage()
        return self._tries_left == 0 or not self._replay.missing()

    def _tend(self, tasks: asyncio.TaskGroup) -> None:
        """Look after the lanes: called whenever there is news, and each second while audio comes."""
        for lane in self._lanes:
            lane.look()
        self._note_coverage()
        self._declare_lost()
        self._watch_for_silence()
        if self._live is None:
            self._live = self._open(tasks, "live") if self._somebody_must_listen() else None
        elif self._live.hearing and not self._finished:
            self._change_in_a_pause(tasks, self._live)
            self._probe_an_engine(tasks)
        if self._heard_now() and self._old is None and self._replay.missing(self._seen_to()):
            self._old = self._open(tasks, "gap", late=True)
        if self._half_said and not self._replay.missing():
            self._scribe.clear(self._half_said)  # nobody will hear it again
        self._health.tell(self._live, self._waiting_ms(), self._replay.head_ms)
        self._tend_at_ms = self._replay.head_ms + self._next_look_ms()

    def _next_look_ms(self) -> int:
        if self._live is None:
            return 0
        return TEND_EVERY_MS if self._standby is None else PAUSE_AWAITED_MS

    def _somebody_must_listen(self) -> bool:
        """On a call: always. After hang-up only for what is missing and another lane does not see to."""
        return bool(self._replay.missing(self._seen_to()) if self._finished else self._replay.head_ms)

    def _open(self, tasks: asyncio.TaskGroup, purpose: str, *, late: bool = False) -> Lane | None:
        """A new lane with the best engine, unless it is too early to try again."""
        now = asyncio.get_running_loop().time()
        if now < self._next_try_at or (self._finished and self._tries_left == 0):
            return None
        engine = self._engines.best(self._avoided_at(now)) or self._engines.probe()
        if self._finished:
            self._tries_left = self._tries_left - 1 if engine else 0
        if engine is None:
            self._next_try_at = now + ALL_GIVEN_UP_S
            return None
        return self._start(tasks, engine, purpose, late=late)

    def _start(self, tasks: asyncio.TaskGroup, engine: Recogniser, purpose: str, *, late: bool = False) -> Lane:
        desk = UtteranceDesk(
            participant=self._fork.participant_id,
            fork=self._fork.id,
            session=self._recorder.new_id("ses"),
            engine=engine.engine,
            new_id=lambda: self._recorder.new_id("utt"),
            half_said=self._half_said,
            late=late,
        )
        lane = Lane(engine, self._replay, desk, opened=self._opened, take=self._take)
        self._lanes[lane] = purpose
        self._recorder.tally.recogniser_sessions[engine.engine, purpose] += 1
        tasks.create_task(self._hold(lane), name=f"recogniser:{self._fork.id}:{purpose}")
        return lane

    def _opened(self, lane: Lane) -> None:
        """An engine is there: what is it to hear?"""
        if lane is self._live:
            at_once = lane.recogniser.traits.replay_speed is None or self._finished
            lane.begin(*self._replay.begin_live(at_once=at_once, besides=self._seen_to()))
        elif lane is self._old:
            wanted = self._replay.begin_gap_lane(self._seen_to())
            first_ms, answers_ms, until_ms = wanted or (self._replay.head_ms,) * 3
            lane.begin(first_ms, answers_ms, until_ms)
        elif lane is self._probe:
            head_ms = self._replay.head_ms
            lane.begin(head_ms, FOR_EVER_MS, head_ms + PROBE_MS)
        if self._finished:
            lane.line_ended()
        self._wake.set()

    async def _hold(self, lane: Lane) -> None:
        failure = await lane.run()
        if failure is None:
            self._replay.cover(lane.answers_ms, lane.sent_ms)
        else:
            self._note_failure(lane, failure)
        self._note_coverage()
        del self._lanes[lane]
        lane.desk.hand_over()
        self._live = None if lane is self._live else self._live
        self._standby = None if lane is self._standby else self._standby
        self._old = None if lane is self._old else self._old
        self._probe = None if lane is self._probe else self._probe
        self._wake.set()

    def _note_failure(self, lane: Lane, failure: Exception) -> None:
        code, now = _code_of(failure), asyncio.get_running_loop().time()
        self._recorder.tally.recogniser_errors[lane.engine, code] += 1
        log.warning("recogniser_failed", fork=self._fork.id, engine=lane.engine, code=code, lane=self._lanes[lane])
        if not lane.told:
            self._engines.failed(lane.engine, failure)
            self._avoided[lane.engine] = now + AVOIDED_S
        if lane is self._probe:
            return
        self._gap_reason = getattr(failure, "gap_reason", "recogniser_failed")
        self._failures = 0 if lane.told else self._failures + 1
        another = self._engines.best(self._avoided_at(now)) if self._failures else None
        if another is None or another.engine == lane.engine:
            self._next_try_at = now + REOPEN_AFTER_S[min(self._failures, len(REOPEN_AFTER_S) - 1)]

    # -- in pauses ---------------------------------------------------------------------------------------------

    def _change_in_a_pause(self, tasks: asyncio.TaskGroup, live: Lane) -> None:
        """To a better engine, or to a fresh session before the vendor ends this one: first the new, then the old."""
        if self._standby is None:
            now = asyncio.get_running_loop().time()
            better = self._engines.best(self._avoided_at(now)) or live.recogniser
            limit_s = live.recogniser.traits.rotate_after_s
            if better is not live.recogniser or (limit_s is not None and live.age_ms >= limit_s * 1000):
                self._standby = self._start(tasks, better, "standby")
        elif self._standby.ready and self._in_a_pause(live):
            head_ms = self._replay.head_ms
            log.info("recogniser_changed", fork=self._fork.id, engine=self._standby.engine, before=live.engine)
            self._lanes[live], self._lanes[self._standby] = "left", "live"
            live.end(head_ms)
            self._standby.begin(head_ms, head_ms)
            self._live, self._standby = self._standby, None

    def _in_a_pause(self, live: Lane) -> bool:
        quiet = self._replay.quiet_ms() >= PAUSE_MS and not self._replay.missing()
        return quiet and not live.speaking and live.behind_ms == 0

    def _probe_an_engine(self, tasks: asyncio.TaskGroup) -> None:
        """While somebody speaks, a second session finds out whether an engine that was given up is back."""
        live = self._live
        if self._probe is not None or live is None or live.engine == self._engines.primary.engine:
            return
        if self._replay.quiet_ms() == 0 and (engine := self._engines.probe()) is not None:
            self._probe = self._start(tasks, engine, "probe")

    # -- what is told, and what is not -------------------------------------------------------------------------

    def _take(self, lane: Lane, result: Result) -> None:
        if not lane.told:
            lane.told = True
            self._engines.told(lane.engine)
        self._failures = 0
        if lane is self._probe:
            lane.end(lane.sent_ms)
        else:
            self._scribe.take(lane, result)

    def _note_coverage(self) -> None:
        for lane in self._lanes:
            if lane.hearing:
                self._replay.cover(lane.answers_ms, lane.told_to_ms())

    def _seen_to(self) -> list[Span]:
        return [(lane.answers_ms, lane.until_ms or FOR_EVER_MS) for lane in self._lanes if lane.hearing]

    def _watch_for_silence(self) -> None:
        missing = self._replay.missing()
        for lane in self._lanes:
            first_ms = next((start for start, _ in missing if start >= lane.answers_ms), None)
            if lane.hearing and lane.silent(first_ms):
                lane.give_up(RecogniserUnavailable("The engine tells nothing of what is said.", code="engine_silent"))

    def _declare_lost(self, *, at_once: bool = False) -> None:
        """What left the ring unheard: as one gap as soon as no more of it is lost, or bit by bit if that takes long."""
        lost = self._replay.lost
        if lost is None:
            return
        grows = self._replay.tail_ms - lost[1] < ONE_GAP_MS
        if at_once or not grows or lost[1] - lost[0] >= TOLD_AT_MS:
            self._replay.lost = None
            self._scribe.gap(*lost, self._gap_reason)

    def _heard_now(self) -> bool:
        return self._live is not None and self._live.hearing

    def _waiting_ms(self) -> int:
        """Audio that nobody has heard yet."""
        if self._live is not None and self._live.hearing:
            return self._live.behind_ms
        missing = self._replay.missing(self._seen_to())
        return self._replay.head_ms - missing[0][0] if missing else 0

    def _avoided_at(self, now: float) -> set[str]:
        return {engine for engine, until in self._avoided.items() if now < until}

    def _idle_s(self) -> float | None:
        """How long nothing needs to be done if nothing happens; None: for ever."""
        if self._live is None and not self._replay.head_ms:
            return None  # the first audio wakes us
        if self._live is not None and not self._replay.missing(self._seen_to()):
            return None
        return max(SHORTEST_WAIT_S, self._next_try_at - asyncio.get_running_loop().time())

    def _conference_ms(self, audio_ms: int) -> int:
        return self._timeline.conference_ms(audio_ms)


def _joined(spans: Sequence[Span]) -> list[Span]:
    """Stretches with less than a moment between them as one."""
    joined: list[Span] = []
    for start, end in spans:
        if joined and start - joined[-1][1] < ONE_GAP_MS:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _code_of(error: Exception) -> str:
    """A stable word for what went wrong with an engine."""
    if isinstance(error, SidecarError):
        return error.code
    return "timeout" if isinstance(error, TimeoutError) else "connection_lost"
