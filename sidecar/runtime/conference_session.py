"""One conference while it matters: owns its tasks and streams, and does what ``domain.conference.machine`` decides.

Each fact makes a step: its orders about who is heard take effect at once, its events go to the store in order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from typing import Any

import structlog

from sidecar.domain.conference import facts
from sidecar.domain.conference.attachment import Report, report
from sidecar.domain.conference.course import Course
from sidecar.domain.conference.facts import EndReason, Fact, Heed, Inquire, Meet, News, Order, Reopen, StopStream
from sidecar.domain.conference.machine import advance
from sidecar.domain.conference.values import Conference, Fork, Role
from sidecar.domain.errors import ConferenceOver, ForkRefused, SidecarError, TelephonyFailed
from sidecar.domain.events import Event
from sidecar.domain.spans import NEVER, Hearing, Spans
from sidecar.ports.directory import BoundFork, Directory
from sidecar.ports.event_log import EventLog
from sidecar.ports.telephony import Telephony
from sidecar.runtime.attachment import Introduction
from sidecar.runtime.ears import Ears
from sidecar.runtime.engine_choice import EngineChoice
from sidecar.runtime.fork_session import ForkSession
from sidecar.runtime.recorder import Recorder, nothing_stored
from sidecar.runtime.recovery import StreamReopener, WantedStream, find_out
from sidecar.runtime.transcript_reader import read_manifest, record_manifest

log = structlog.get_logger()

# After the conference's end the streams still have this long to stop by themselves.
STREAM_STOP_TIMEOUT_S = 3.0
# How often the conference is told that time goes by.
TICK_S = 1.0


class SessionGone(SidecarError):
    """The conference's session failed and starts again from its rows; the fact was not taken. Tell it again."""

    code = "conference_restarting"


class ConferenceSession:
    """``run`` is the session's one task; the other methods are called by request handlers while it runs."""

    def __init__(
        self,
        recorder: Recorder,
        *,
        directory: Directory,
        event_log: EventLog,
        engines: EngineChoice,
        telephony: Telephony | None,
        reopener: StreamReopener | None,
        introduction: Introduction | None,
        before_completion: Callable[[str], Awaitable[None]] | None = None,
        ears: Ears | None = None,
    ) -> None:
        """``before_completion``: returns when others who record of a conference that is over have done so."""
        self._recorder = recorder
        self._directory = directory
        self._event_log = event_log
        self._engines = engines
        self._telephony = telephony
        self._reopener = reopener
        self._introduction = introduction
        self._before_completion = before_completion
        self._ears = ears or Ears()
        self._course: Course | None = None
        self._early: list[facts.Expected] = []  # calls that came while the rows were being read
        self._tasks: asyncio.TaskGroup | None = None
        self._live: dict[str, ForkSession] = {}
        self._finishing: set[asyncio.Task[None]] = set()  # streams until their last words are final
        self._reopening: dict[str, WantedStream] = {}  # by fork
        self._meeting: set[str] = set()  # calls whose rows are being made
        self._chores: set[asyncio.Task[None]] = set()  # what asks the network for something; the end needs none of it
        self._inquiry: Inquire | None = None
        self._due = asyncio.Event()
        self._running = asyncio.Event()
        self._closing = asyncio.Event()
        self._stopping = False
        self._failed = False

    @property
    def conference(self) -> Conference:
        """As last known; its id, room and clock never change."""
        return self._recorder.conference

    # -- facts -------------------------------------------------------------------------------------------------

    async def bound_to(self, sid: str | None) -> None:
        """The network's id of this conference became known."""
        if sid is not None and self.conference.sid is None:
            self._recorder.conference = await self._directory.bind_conference(self.conference.id, sid)

    def expect(self, bound: BoundFork, *, unheard: str | None = None) -> None:
        """A call fetched its TwiML and will come; ``unheard``: without a media stream, for this reason."""
        expected = facts.Expected(participant=bound.participant, fork=bound.fork, unheard=unheard)
        if self._course is None:
            self._early.append(expected)
        elif not self._failed:
            self._take_soon(expected)

    async def tell(self, news: News) -> None:
        """A callback of the network. Returns when what follows from it is stored. Raises SessionGone."""
        await self._ready()
        await self._take(news)

    async def attach_everybody(self) -> None:
        """Whoever is in the conference shall be heard, who is not yet known too. Raises SessionGone."""
        await self._ready()
        await self._take(facts.Attach())

    async def correct(self, call_sid: str, *, name: str | None, role: Role | None) -> None:
        """Somebody knows better who that is; None: leave it as it is. Raises SessionGone."""
        await self._ready()
        await self._take(facts.Corrected(call_sid=call_sid, name=name, role=role))

    async def report(self) -> Report:
        """How it stands with everybody. Raises SessionGone."""
        return report(await self._ready())

    def stream_failed(self, fork_id: str, name: str, error: str) -> None:
        """The network could not open the stream of that name, in its words ``error``."""
        if (wanted := self._reopening.get(fork_id)) is not None:
            wanted.failed(name, error)
        elif not self._failed and self._course is not None and fork_id in self._course.feeds:
            self._take_soon(facts.StreamFailed(fork_id=fork_id, name=name))

    async def attach(self, bound: BoundFork, *, came_at: datetime) -> ForkSession:
        """A media stream proved that it belongs to this fork. Feed the returned session, then ``detach`` it.

        ``came_at``: when the stream began, before it was looked up.
        Raises ForkRefused (conference_over, fork_superseded), SessionGone.
        """
        course, tasks = await self._ready(), self._tasks
        if tasks is None or course.over or self._closing.is_set():
            raise ForkRefused(f"Conference {self.conference.id} is over.", code="conference_over")
        fork, who = bound.fork, course.as_told(bound.participant)
        # Two sockets of one fork: the newer one goes on, the older one says no more, and no moment is heard by both.
        previous = self._live.get(fork.id)
        if previous is not None and previous.fork.epoch > fork.epoch:
            raise ForkRefused(f"A newer stream of fork {fork.id} is here already.", code="fork_superseded")
        until_ms = previous.timeline.now_ms if previous else None
        hearing = Hearing(rests=who.rests, coaching=who.coaching, pauses=course.pauses, heard_to_ms=until_ms or 0)
        began_ms = self.conference.clock_ms(came_at)
        session = ForkSession(
            fork, engines=self._engines, recorder=self._recorder, hearing=hearing, began_ms=began_ms, ears=self._ears
        )
        fact = facts.StreamBound(participant=bound.participant, fork=fork, replaces_until_ms=until_ms)
        self._take_soon(fact, at_ms=session.timeline.now_ms)
        self._live[fork.id] = session
        if (reopened := self._reopening.pop(fork.id, None)) is not None:
            reopened.came()
        running = tasks.create_task(self._run_fork(session), name=f"fork:{fork.id}")
        self._finishing.add(running)
        running.add_done_callback(self._finishing.discard)
        if previous is not None:
            await previous.end(EndReason.SUPERSEDED)
        return session

    async def set_paused(self, fact: facts.Pause | facts.Resume) -> Spans:
        """Pause transcription, or go on; what is so already stays so. Audio heeds it before it is stored.

        Returns all pauses when this one is stored. Raises ConferenceOver, SessionGone, StoreOverloaded.
        """
        if (await self._ready()).over:
            raise ConferenceOver(f"Conference {self.conference.id} is over.")
        stored = self._take(fact)
        pauses = self._course.pauses if self._course else NEVER
        self._ears.paused(self.conference.id, pauses)
        await stored
        return pauses

    @property
    def live_forks(self) -> int:
        """How many media streams send audio now."""
        return len(self._live)

    async def detach(self, session: ForkSession, reason: EndReason) -> None:
        """The stream is over, for this reason. A lost one is opened again while its participant is there."""
        fork = session.fork
        if self._live.get(fork.id) is not session:
            return
        del self._live[fork.id]
        if self._failed or self._course is None:
            return
        reason = EndReason.SHUTDOWN if self._stopping else self._course.end_reason(fork, reason)
        stored = self._take(facts.StreamEnded(fork_id=fork.id, reason=reason, until_ms=session.timeline.now_ms))
        await session.end(reason)
        await stored

    async def shut_down(self) -> None:
        """The service stops while the conference goes on: finish what was said, leave the rest to the next start."""
        self._stopping = True
        for session in list(self._live.values()):
            await self.detach(session, EndReason.SHUTDOWN)
        if self._finishing:
            await asyncio.wait(self._finishing)

    # -- steps -------------------------------------------------------------------------------------------------

    async def _ready(self) -> Course:
        await self._running.wait()
        if self._failed or self._course is None:
            raise SessionGone(f"The session of conference {self.conference.id} starts again.")
        return self._course

    def _take(self, fact: Fact, *, at_ms: int | None = None) -> asyncio.Future[list[Event | None]]:
        """One step, at once; await what it returns to know its events stored. Raises StoreOverloaded."""
        assert self._course is not None  # noqa: S101 - callers have waited for it
        course = self._course
        if course.conference.sid != self.conference.sid:
            course = course.bound_to(self.conference.sid)
        step = advance(course, fact, self._recorder.now_ms() if at_ms is None else at_ms)
        for order in step.orders:
            if isinstance(order, Heed) and order.fork_id in self._live:
                # Before anything is stored: what must not be heard is not heard, whatever the store does.
                heard_from_ms = order.heard_from_ms
                self._live[order.fork_id].heed(rests=order.rests, coaching=order.coaching, heard_from_ms=heard_from_ms)
        self._course = step.course
        if not step.events and not step.orders:
            return nothing_stored()  # nearly every second that goes by
        stored = self._recorder.hand_in(step.events)
        for order in step.orders:
            self._obey(order, stored)
        return asyncio.shield(stored)  # who stops waiting takes nothing back

    def _take_soon(self, fact: Fact, *, at_ms: int | None = None) -> None:
        """As ``_take``, for who does not wait for the store; what it refuses is in the writer's log."""
        self._take(fact, at_ms=at_ms).add_done_callback(lambda stored: stored.cancelled() or stored.exception())

    def _obey(self, order: Order, stored: asyncio.Future[list[Event | None]]) -> None:
        match order:
            case Reopen(fork=fork):
                if self._reopener is not None and fork.id not in self._reopening:
                    self._do(self._reopen(fork, self._reopener), name=f"reopen:{fork.id}")
            case StopStream(fork=fork):
                if self._reopener is not None:
                    self._do(self._stop_stream(fork, self._reopener), name=f"stop:{fork.id}")
            case Meet(call_sid=call_sid, label=label):
                if self._introduction is not None and call_sid not in self._meeting:
                    self._meeting.add(call_sid)
                    self._do(self._meet(self._introduction, call_sid, label), name=f"meet:{call_sid}")
            case Inquire():
                if not (order.routine and self._telephony is None) and not (self._inquiry and order.routine):
                    self._inquiry = order
                    self._due.set()
            case facts.Close():
                stored.add_done_callback(lambda _: self._closing.set())  # the manifest counts the end too
            case Heed():
                pass  # done before its events were handed in

    # -- the session's life ------------------------------------------------------------------------------------

    async def run(self, *, recover: bool = False) -> None:
        """Until the conference is over and its transcript complete. ``recover``: rows are of an earlier process."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                await self._load()
                stored = self._take(facts.Restarted()) if recover else None
                self._running.set()
                watch = self._tasks.create_task(self._watch(), name=f"watch:{self.conference.id}")
                if stored is not None:
                    await stored
                await self._closing.wait()
                for task in (watch, *self._chores):
                    task.cancel()
                await self._end_streams()
            await self._complete()
        except Exception:
            self._failed = True  # what still holds this object must not act on it any more
            raise
        finally:
            self._running.set()

    async def _load(self) -> None:
        conference_id = self.conference.id
        # As it is now: an earlier session of it may have paused it.
        self._recorder.conference = await self._directory.conference(conference_id) or self.conference
        self._course = Course.of_rows(
            self.conference,
            await self._directory.participants(conference_id),
            await self._directory.forks(conference_id),
            at_ms=self._recorder.now_ms(),
        )
        for expected in self._early:
            self._take_soon(expected)

    async def _run_fork(self, session: ForkSession) -> None:
        fork = session.fork
        try:
            await session.run()
            if session.end_reason is not None:
                until_ms = session.timeline.now_ms
                done = facts.ForkDone(fork_id=fork.id, epoch=fork.epoch, reason=session.end_reason, until_ms=until_ms)
                await self._take(done)
        except Exception:  # one fork's failure must not end the others; it is told as an event
            log.exception("fork_failed", fork=fork.id)
            await self.detach(session, EndReason.LOST)

    async def _end_streams(self) -> None:
        """Wait for the network's stop on each stream, then end what is left; forks without a stream are stopped."""
        for _ in range(round(STREAM_STOP_TIMEOUT_S / 0.1)):
            if not self._live:
                break
            await asyncio.sleep(0.1)
        for session in list(self._live.values()):
            await self.detach(session, EndReason.CONFERENCE_ENDED)
        if self._finishing:
            await asyncio.wait(self._finishing)
        await self._take(facts.StreamsOver())

    async def _complete(self) -> None:
        await self._recorder.settle()
        if self._before_completion is not None:
            await self._before_completion(self.conference.id)
        completed = await read_manifest(self._event_log, self.conference.id)
        completed = await record_manifest(self._event_log, self._recorder, completed)
        log.info("transcript_completed", conference=self.conference.id, last_seq=completed.last_seq)

    async def _watch(self) -> None:
        """Tell that time goes by, and ask the network when that is due."""
        loop = asyncio.get_running_loop()
        while True:
            tick = loop.call_later(TICK_S, self._due.set)  # asyncio.timeout would raise an exception each second
            await self._due.wait()
            tick.cancel()
            self._due.clear()
            inquiry, self._inquiry = self._inquiry, None
            if inquiry is None:
                await self._take(facts.Tick())
            else:
                await self._inquire(inquiry)

    async def _inquire(self, inquiry: Inquire) -> None:
        asked_at = (await self._ready()).news
        if (findings := await find_out(self.conference, self._telephony, urgent=inquiry.after_restart)) is None:
            return
        await self.bound_to(findings.sid)
        found = facts.Found(
            in_progress=findings.in_progress,
            asked_at=asked_at,
            started=findings.started,
            ended_ms=self.conference.clock_ms(findings.ended_at) if findings.ended_at else None,
            present=findings.present,
            labels=findings.labels,
            after_restart=inquiry.after_restart,
        )
        await self._take(found)

    def _do(self, chore: Coroutine[Any, Any, None], *, name: str) -> None:
        if self._tasks is None or self._closing.is_set():
            chore.close()
            return
        task = self._tasks.create_task(chore, name=name)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)

    async def _reopen(self, fork: Fork, reopener: StreamReopener) -> None:
        problem = ""

        def still() -> bool:
            return self._course is not None and self._course.wants_stream(fork.id)

        def tell(reason: str, for_good: bool) -> None:
            nonlocal problem
            problem = reason
            self._take_soon(facts.StreamRefused(fork_id=fork.id, problem=reason, for_good=for_good))

        wanted = WantedStream(fork, conference_sid=self.conference.sid, still=still, tell=tell)
        self._reopening[fork.id] = wanted
        try:
            if not await reopener.reopen(wanted) and still():
                await self._take(facts.CallGone(fork_id=fork.id, problem=problem))
        finally:
            if self._reopening.get(fork.id) is wanted:
                del self._reopening[fork.id]

    async def _meet(self, introduction: Introduction, call_sid: str, label: str) -> None:
        try:
            await self._take(await introduction.make(self.conference, call_sid, label))
        finally:
            self._meeting.discard(call_sid)

    async def _stop_stream(self, fork: Fork, reopener: StreamReopener) -> None:
        """Its participant left; until the network has stopped it, nothing of it is transcribed."""
        if (session := self._live.get(fork.id)) is not None:
            session.heed(rests=True, coaching=False)
        try:
            await reopener.stop(fork)
        except TelephonyFailed as error:
            log.warning("stream_not_stopped", fork=fork.id, code=error.code, provider_code=error.provider_code)
