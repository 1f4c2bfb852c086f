"""One conference while it matters: takes what the network says, owns its forks, and closes the transcript.

Everything the network tells may come twice, late or never; what is known already changes nothing.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from itertools import chain, repeat

import structlog

from sidecar.domain.conference import Conference, ConferenceState, Fork, ForkState, Participant, ParticipantState
from sidecar.domain.errors import ForkRefused, TelephonyFailed
from sidecar.domain.events import (
    ConferenceEnded,
    ConferenceStarted,
    EventData,
    ForkInterrupted,
    ForkStopped,
    ParticipantJoined,
    ParticipantLeft,
    TranscriptGap,
)
from sidecar.domain.transcript import Manifest
from sidecar.ports.directory import BoundFork, Directory
from sidecar.ports.event_log import EventLog
from sidecar.ports.recogniser import Recogniser
from sidecar.ports.telephony import Telephony
from sidecar.runtime.fork_session import FINAL, EndReason, ForkSession, LostStream
from sidecar.runtime.recorder import Recorder
from sidecar.runtime.recovery import REOPEN_BACKOFF_S, Findings, StreamReopener, inquire

log = structlog.get_logger()

# After the conference's end the streams still have this long to stop by themselves.
STREAM_STOP_TIMEOUT_S = 3.0
# A conference without any stream for this long is asked about: its end may have been told while nobody listened.
IDLE_BEFORE_INQUIRY_S = 60.0
READ_PAGE = 1_000
# A socket that closes this shortly before its participant leaves hid no word.
HIDES_NOTHING_MS = 500


class ConferenceSession:
    """``run`` is the session's one task; the other methods are called by request handlers while it runs."""

    def __init__(
        self,
        recorder: Recorder,
        *,
        directory: Directory,
        event_log: EventLog,
        recogniser: Recogniser,
        telephony: Telephony | None,
        reopener: StreamReopener | None,
    ) -> None:
        self._recorder = recorder
        self._directory = directory
        self._event_log = event_log
        self._recogniser = recogniser
        self._telephony = telephony
        self._reopener = reopener
        self._tasks: asyncio.TaskGroup | None = None
        self._lock = asyncio.Lock()  # one fact of this conference at a time
        self._live: dict[str, ForkSession] = {}
        self._forks: set[asyncio.Task[None]] = set()  # streams until their last words are final
        self._lost: dict[str, LostStream] = {}
        self._rebound: dict[str, asyncio.Event] = {}
        self._running = asyncio.Event()
        self._over = asyncio.Event()
        self._stirred = asyncio.Event()
        self._stopping = False
        self._failed = False
        self._ended_at: datetime | None = None

    @property
    def conference(self) -> Conference:
        """As last known; its id, room and clock never change."""
        return self._recorder.conference

    # -- what the network says ---------------------------------------------------------------------------------

    async def bound_to(self, sid: str | None) -> None:
        """The network's id of this conference became known."""
        if sid is not None and self.conference.sid is None:
            self._recorder.conference = await self._directory.bind_conference(self.conference.id, sid)

    async def started(self) -> None:
        """The conference is in progress."""
        async with self._lock:
            await self._note_started()

    async def joined(self, call_sid: str) -> None:
        """A call entered the room. Calls that never asked us for their TwiML are not ours to follow."""
        async with self._lock:
            participant = await self._participant(call_sid)
            if participant is None or participant.state is not ParticipantState.EXPECTED:
                return
            await self._recorder.record(
                ParticipantJoined(
                    participant=participant.id,
                    call_sid=call_sid,
                    label=participant.label,
                    name=participant.name,
                    role=participant.role,
                    at_ms=self._recorder.now_ms(),
                )
            )

    async def left(self, call_sid: str, reason: str) -> None:
        """A call left the room; its fork, if it still waits for a stream, is over."""
        async with self._lock:
            participant = await self._participant(call_sid)
            if participant is None or participant.state is ParticipantState.LEFT:
                return
            await self._note_left(participant, reason)

    async def ended(self, reason: str, *, at: datetime | None = None) -> None:
        """The conference is over (since ``at``, if that is known): forks finish, then the transcript is completed."""
        async with self._lock:
            if self._over.is_set():
                return
            self._ended_at = at
            for participant in await self._directory.participants(self.conference.id):
                if participant.state is ParticipantState.JOINED:
                    await self._note_left(participant, reason)
            await self._recorder.record(ConferenceEnded(reason=reason, at_ms=self._now_ms()))
            self._over.set()

    # -- media streams -----------------------------------------------------------------------------------------

    async def attach(self, bound: BoundFork) -> ForkSession:
        """A media stream proved that it belongs to this fork. Feed the returned session, then ``detach`` it.

        Raises ForkRefused (conference_over).
        """
        await self._running.wait()
        if self._tasks is None or self._over.is_set():
            raise ForkRefused(f"Conference {self.conference.id} is over.", code="conference_over")
        fork = bound.fork
        if (previous := self._live.pop(fork.id, None)) is not None:
            # Two sockets of one fork: the newer one goes on, the older one says no more.
            self._lost[fork.id] = previous.lost()
            await previous.end(EndReason.SUPERSEDED)
        session = ForkSession(
            fork, recogniser=self._recogniser, recorder=self._recorder, lost=self._lost.pop(fork.id, None)
        )
        session.begin()
        self._live[fork.id] = session
        if fork.id in self._rebound:
            self._rebound.pop(fork.id).set()
        running = self._tasks.create_task(self._run_fork(session), name=f"fork:{fork.id}")
        self._forks.add(running)
        running.add_done_callback(self._forks.discard)
        return session

    @property
    def live_forks(self) -> int:
        """How many media streams send audio now."""
        return len(self._live)

    def not_forked(self, fork: Fork, reason: str) -> None:
        """This call was let through without a media stream: what it says is a gap, for this reason."""
        self._lost[fork.id] = LostStream(fork.covered_ms, reason)

    async def detach(self, session: ForkSession, reason: EndReason) -> None:
        """The stream is over, for this reason. A lost one is opened again while its participant is there."""
        if self._live.get(session.fork.id) is not session:
            return
        del self._live[session.fork.id]
        if self._failed:
            return
        if self._stopping:
            reason = EndReason.SHUTDOWN
        elif reason is EndReason.LOST:
            reason = await self._why_lost(session.fork)
        await session.end(reason)
        if reason is EndReason.LOST:
            self._lost[session.fork.id] = session.lost()
            await self._recorder.record(session.interrupted())
            self._reopen(session.fork)
        self._stirred.set()

    async def shut_down(self) -> None:
        """The service stops while the conference goes on: finish what was said, leave the rest to the next start."""
        self._stopping = True
        for session in list(self._live.values()):
            await self.detach(session, EndReason.SHUTDOWN)
        if self._forks:
            await asyncio.wait(self._forks)

    # -- the session's life ------------------------------------------------------------------------------------

    async def run(self, *, recover: bool = False) -> None:
        """Until the conference is over and its transcript complete. ``recover``: rows are of an earlier process."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                self._running.set()
                if recover:
                    await self._recover()
                watch = self._tasks.create_task(self._watch(), name=f"idle:{self.conference.id}")
                await self._over.wait()
                watch.cancel()
                await self._end_forks()
            await self._complete()
        except Exception:
            self._failed = True  # what still holds this object must not act on it any more
            raise

    async def _run_fork(self, session: ForkSession) -> None:
        try:
            await session.run()
            if session.end_reason in FINAL:
                await self._recorder.record(session.stopped(session.end_reason))
        except Exception:  # one fork's failure must not end the others; it is told as an event
            log.exception("fork_failed", fork=session.fork.id)
            await self.detach(session, EndReason.LOST)

    async def _end_forks(self) -> None:
        """Wait for the network's stop on each stream, then end what is left; forks without a stream are stopped."""
        for _ in range(round(STREAM_STOP_TIMEOUT_S / 0.1)):
            if not self._live:
                break
            await asyncio.sleep(0.1)
        for session in list(self._live.values()):
            await self.detach(session, EndReason.CONFERENCE_ENDED)
        if self._forks:
            await asyncio.wait(self._forks)
        for fork in await self._directory.forks(self.conference.id):
            if fork.state is not ForkState.STOPPED:
                await self._recorder.record(*self._given_up(fork, EndReason.CONFERENCE_ENDED))

    async def _complete(self) -> None:
        await self._recorder.settle()
        manifest, after = Manifest(), 0
        while events := await self._event_log.read(self.conference.id, after=after, limit=READ_PAGE):
            manifest.add(events)
            after = events[-1].seq or 0
        await self._recorder.record(manifest.completed())
        log.info("transcript_completed", conference=self.conference.id, last_seq=after)

    async def _watch(self) -> None:
        """Notice the end of a conference that nobody told us of."""
        while True:
            self._stirred.clear()
            try:
                async with asyncio.timeout(IDLE_BEFORE_INQUIRY_S):
                    await self._stirred.wait()
            except TimeoutError:
                if not self._live and not await self._goes_on():
                    await self.ended("not_in_progress")

    async def _recover(self) -> None:
        """Rows of a process that died: what is over is closed, what goes on is forked again."""
        forks = [f for f in await self._directory.forks(self.conference.id) if f.state is not ForkState.STOPPED]
        for fork in forks:
            await self._note_orphaned(fork)
        if self.conference.state is ConferenceState.ENDED:
            self._over.set()
            return
        findings = await self._inquire_until_answered()
        if findings is None or not findings.in_progress:
            await self.ended("not_in_progress", at=findings.ended_at if findings else None)
            return
        await self.bound_to(findings.sid)
        if findings.started:
            await self.started()
        for participant in await self._directory.participants(self.conference.id):
            if participant.call_sid in findings.present:
                await self.joined(participant.call_sid)
            else:
                await self.left(participant.call_sid, "left_while_service_was_down")
        for fork in forks:
            if fork.call_sid in findings.present:
                self._reopen(fork)

    async def _note_orphaned(self, fork: Fork) -> None:
        """The process that read this fork's stream is gone, and with it what was not stored yet."""
        self._lost[fork.id] = LostStream(fork.covered_ms, "service_restarted")
        if fork.state is ForkState.LIVE:
            await self._recorder.record(
                ForkInterrupted(
                    fork=fork.id, participant=fork.participant_id, reason="service_restarted", at_ms=fork.covered_ms
                )
            )

    async def _goes_on(self) -> bool:
        if self._telephony is None:
            return False
        try:
            return (await inquire(self.conference, self._telephony)).in_progress
        except TelephonyFailed as error:
            log.warning("conference_inquiry_failed", conference=self.conference.id, code=error.code)
            return True

    async def _inquire_until_answered(self) -> Findings | None:
        """What the network says now; a provider that fails is asked again. None: there is no provider to ask."""
        if self._telephony is None:
            return None
        for wait_s in chain(REOPEN_BACKOFF_S[1:], repeat(REOPEN_BACKOFF_S[-1])):
            try:
                return await inquire(self.conference, self._telephony)
            except TelephonyFailed as error:
                log.warning("conference_inquiry_failed", conference=self.conference.id, code=error.code)
                await asyncio.sleep(wait_s)
        return None

    def _reopen(self, fork: Fork) -> None:
        if self._reopener is None or self._tasks is None:
            return
        self._tasks.create_task(self._reopen_until_bound(fork, self._reopener), name=f"reopen:{fork.id}")

    async def _reopen_until_bound(self, fork: Fork, reopener: StreamReopener) -> None:
        bound = self._rebound.setdefault(fork.id, asyncio.Event())

        def wanted() -> bool:
            return not self._over.is_set() and fork.id in self._lost

        if await reopener.reopen(fork, bound=bound, wanted=wanted) or not wanted():
            return
        async with self._lock:
            await self._recorder.record(*self._given_up(fork, EndReason.LEFT))

    def _now_ms(self) -> int:
        """The present on the conference clock, which stops when the conference ends."""
        ended_at = self._ended_at or self.conference.ended_at
        return self.conference.clock_ms(ended_at) if ended_at else self._recorder.now_ms()

    async def _why_lost(self, fork: Fork) -> EndReason:
        """A socket that closed without a stop: its call may simply be over."""
        if self._over.is_set():
            return EndReason.CONFERENCE_ENDED
        participant = await self._participant(fork.call_sid)
        gone = participant is not None and participant.state is ParticipantState.LEFT
        return EndReason.LEFT if gone else EndReason.LOST

    # -- facts -------------------------------------------------------------------------------------------------

    async def _participant(self, call_sid: str) -> Participant | None:
        for participant in await self._directory.participants(self.conference.id):
            if participant.call_sid == call_sid:
                return participant
        return None

    async def _note_started(self) -> None:
        conference = await self._directory.conference(self.conference.id)
        if conference is not None and conference.state is ConferenceState.WAITING:
            await self._recorder.record(ConferenceStarted(room=conference.room, conference_sid=conference.sid))

    async def _note_left(self, participant: Participant, reason: str) -> None:
        facts: list[EventData] = []
        for fork in await self._directory.forks(self.conference.id):
            if fork.participant_id == participant.id and fork.state in (ForkState.PENDING, ForkState.INTERRUPTED):
                facts += self._given_up(fork, EndReason.LEFT)
        facts.append(ParticipantLeft(participant=participant.id, reason=reason, at_ms=self._now_ms()))
        await self._recorder.record(*facts)

    def _given_up(self, fork: Fork, reason: EndReason) -> list[EventData]:
        """A fork that gets no further stream: what nobody heard until now is a gap."""
        now, lost = self._now_ms(), self._lost.pop(fork.id, None)
        if lost is None and fork.state is ForkState.PENDING:
            lost = LostStream(fork.covered_ms, "stream_lost")
        facts: list[EventData] = []
        if lost and now - lost.from_ms >= HIDES_NOTHING_MS:
            facts.append(
                TranscriptGap(
                    participant=fork.participant_id, fork=fork.id, from_ms=lost.from_ms, to_ms=now, reason=lost.reason
                )
            )
        facts.append(ForkStopped(fork=fork.id, participant=fork.participant_id, reason=reason, at_ms=now))
        return facts
