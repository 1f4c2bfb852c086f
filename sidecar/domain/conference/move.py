"""One step of a conference in the making: the elementary moves, and the events and orders that go with each.

``machine`` decides which of them follow from a fact.
"""

from __future__ import annotations

import msgspec

from sidecar.domain.conference.attachment import due_ms
from sidecar.domain.conference.course import Course, Feed, LostStream, Member
from sidecar.domain.conference.facts import (
    FINAL,
    EndReason,
    ForkDone,
    Heed,
    Order,
    Reopen,
    Signs,
    StreamBound,
    StreamEnded,
    StreamRefused,
)
from sidecar.domain.conference.values import Fork, ForkState, Participant, ParticipantState
from sidecar.domain.events import (
    EventData,
    ForkInterrupted,
    ForkResumed,
    ForkStarted,
    ForkStopped,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantUpdated,
    TranscriptGap,
)
from sidecar.domain.spans import Spans

# A socket that closes this shortly before its participant leaves hid no word.
HIDES_NOTHING_MS = 500


class Move:
    """``at_ms``: the present on the conference clock, which stands still once the conference ended."""

    def __init__(self, course: Course, at_ms: int) -> None:
        self._before = course
        self._conference = course.conference
        self._members = dict(course.members)
        self._strangers = dict(course.strangers)
        self._feeds = dict(course.feeds)
        self._ended_ms = course.ended_ms
        self._quiet_since_ms = course.quiet_since_ms
        self._polled_ms = course.polled_ms
        self._news = course.news
        self._pauses = course.pauses
        self._heard = course.heard
        self._recovering = course.recovering
        self._at_ms = at_ms if course.ended_ms is None else min(at_ms, course.ended_ms)
        self.events: list[EventData] = []
        self.orders: list[Order] = []

    def course(self) -> Course:
        """As it is after the moves."""
        return msgspec.structs.replace(
            self._before,
            conference=self._conference,
            members=self._members,
            strangers=self._strangers,
            feeds=self._feeds,
            ended_ms=self._ended_ms,
            quiet_since_ms=self._quiet_since_ms,
            polled_ms=self._polled_ms,
            news=self._news,
            pauses=self._pauses,
            heard=self._heard,
            recovering=self._recovering,
        )

    # -- participants ------------------------------------------------------------------------------------------

    def _expect(self, participant: Participant, fork: Fork | None) -> None:
        """There are rows of a call; ``fork`` None: it is never forked. It may be in the room by now, or gone."""
        member = self._members.setdefault(participant.call_sid, Member(participant))
        feed = self._feeds.get(fork.id) if fork else None
        if fork is not None and (feed is None or not feed.streaming):
            waiting = feed or Feed(fork)
            due = due_ms(fork, self._at_ms)
            self._feeds[fork.id] = msgspec.structs.replace(waiting, fork=fork, due_ms=due, failed=False)
        self._quiet_since_ms = max(self._quiet_since_ms, self._at_ms)
        stranger = self._strangers.pop(participant.call_sid, None)
        if stranger is not None and stranger.here:
            self._stand(member, stranger.signs, stranger.provider_seq or None)
        elif stranger is not None and fork is not None:
            self._leave(member, "left", stranger.provider_seq or None)

    def _stand(self, member: Member, signs: Signs, provider_seq: int | None) -> None:
        """The participant is in the room, with these signs."""
        before = member.participant
        now = msgspec.structs.replace(
            before,
            state=ParticipantState.JOINED,
            muted=before.muted if signs.muted is None else signs.muted,
            hold=before.hold if signs.hold is None else signs.hold,
            coaching=before.coaching if signs.coaching is None else signs.coaching,
            provider_seq=provider_seq or before.provider_seq,
        )
        if before.state is not ParticipantState.JOINED:
            self.events.append(joined(now, self._at_ms, provider_seq))
        elif now != before:
            self.events.append(updated(now, self._at_ms, provider_seq))
        else:
            return
        if provider_seq is None and before.rests and not now.rests:
            # Nobody knows when it ended: from where on nobody listened, something may have been said.
            rests = Spans(member.rests.closed)
        else:
            rests = member.rests.switched(now.rests, self._at_ms)
        joins = before.state is not ParticipantState.JOINED
        self._members[now.call_sid] = Member(now, rests, self._news, self._at_ms if joins else member.since_ms)
        self._tell_who_rests(now)
        if before.state is ParticipantState.LEFT:
            for fork_id, feed in self._feeds.items():
                stopped = not feed.streaming and feed.fork.state is ForkState.STOPPED
                if stopped and feed.fork.participant_id == now.id:
                    self._feeds[fork_id] = self._pending_again(feed)

    def _tell_who_rests(self, who: Participant, *, heard_from_ms: int = 0) -> None:
        rests = who.rests or self._pauses.since is not None
        for fork_id, feed in self._feeds.items():
            if feed.streaming and feed.fork.participant_id == who.id:
                order = Heed(fork_id=fork_id, rests=rests, coaching=who.coaching, heard_from_ms=heard_from_ms)
                self.orders.append(order)

    def _pending_again(self, feed: Feed) -> Feed:
        return Feed(in_state(feed.fork, ForkState.PENDING), due_ms=self._at_ms)

    def _leave(self, member: Member, reason: str, provider_seq: int | None) -> None:
        before = member.participant
        now = msgspec.structs.replace(
            before, state=ParticipantState.LEFT, provider_seq=provider_seq or before.provider_seq
        )
        if now == before:
            return
        leaves = before.state is not ParticipantState.LEFT
        self._members[now.call_sid] = Member(now, member.rests, self._news, self._at_ms if leaves else member.since_ms)
        if not leaves:
            # A later callback says again what is known; stored all the same, so that none before it counts any more.
            self.events.append(updated(now, self._at_ms, provider_seq))
            return
        for fork_id, feed in self._feeds.items():
            if feed.fork.participant_id != now.id:
                continue
            if feed.fork.state in (ForkState.PENDING, ForkState.INTERRUPTED):
                self._give_up(fork_id, EndReason.LEFT)
            elif feed.finished and feed.stopped_ms is not None:
                self._stop(feed.fork, EndReason.STOPPED, feed.stopped_ms)
        self.events.append(
            ParticipantLeft(participant=now.id, reason=reason, at_ms=self._at_ms, provider_seq=provider_seq)
        )

    # -- forks and their streams -------------------------------------------------------------------------------

    def _bind(self, bound: StreamBound) -> None:
        fork = bound.fork
        known = self._feeds.get(fork.id)
        first = known is None or known.fork.stream_sid is None
        if known is not None and known.stopped_ms is not None and known.lost is None:
            self._interrupt(known, known.stopped_ms)
        self._expect(bound.participant, fork)
        lost = self._feeds[fork.id].lost
        if bound.replaces_until_ms is not None:
            lost = LostStream(bound.replaces_until_ms, "stream_reconnected")
        elif lost is None and not first:
            since_ms = self._members[bound.participant.call_sid].since_ms
            lost = LostStream(max(fork.covered_ms, since_ms), "stream_stopped")
        stream_sid = fork.stream_sid or ""
        if lost is not None:
            self._note_gap(fork, lost)
        if first:
            self.events.append(
                ForkStarted(fork=fork.id, participant=fork.participant_id, stream_sid=stream_sid, at_ms=self._at_ms)
            )
        else:
            self.events.append(
                ForkResumed(
                    fork=fork.id,
                    participant=fork.participant_id,
                    stream_sid=stream_sid,
                    epoch=fork.epoch,
                    at_ms=self._at_ms,
                )
            )
        self._feeds[fork.id] = Feed(in_state(fork, ForkState.LIVE), streaming=True)

    def _end_stream(self, ended: StreamEnded) -> None:
        fork = self._feeds[ended.fork_id].fork
        self._quiet_since_ms = self._at_ms
        if ended.reason is not EndReason.LOST:
            self._feeds[fork.id] = Feed(fork, stopped_ms=ended.until_ms if ended.reason is EndReason.STOPPED else None)
            return
        fork = in_state(fork, ForkState.INTERRUPTED)
        self._feeds[fork.id] = Feed(fork, lost=LostStream(ended.until_ms, "stream_reconnected"), asked=True)
        self.events.append(
            ForkInterrupted(fork=fork.id, participant=fork.participant_id, reason=ended.reason, at_ms=ended.until_ms)
        )
        self.orders.append(Reopen(fork=fork))

    def _finish_fork(self, done: ForkDone) -> None:
        feed = self._feeds[done.fork_id]
        fork = feed.fork
        if feed.streaming or fork.epoch != done.epoch or fork.state is ForkState.STOPPED or done.reason not in FINAL:
            return  # another stream of the fork goes on, or will
        if done.reason is EndReason.STOPPED and self._is_here(fork):
            self._feeds[fork.id] = msgspec.structs.replace(feed, finished=True)
        else:
            self._stop(fork, done.reason, done.until_ms)

    def _is_here(self, fork: Fork) -> bool:
        member = self._members.get(fork.call_sid)
        return member is not None and member.participant.state is ParticipantState.JOINED

    def _stop(self, fork: Fork, reason: EndReason, at_ms: int) -> None:
        self._feeds[fork.id] = Feed(in_state(fork, ForkState.STOPPED))
        self.events.append(ForkStopped(fork=fork.id, participant=fork.participant_id, reason=reason, at_ms=at_ms))

    def _interrupt(self, feed: Feed, stopped_ms: int) -> None:
        """Its stream was stopped, and that was no hang-up."""
        fork = in_state(feed.fork, ForkState.INTERRUPTED)
        self._feeds[fork.id] = Feed(fork, lost=LostStream(stopped_ms, "stream_stopped"))
        self.events.append(
            ForkInterrupted(
                fork=fork.id,
                participant=fork.participant_id,
                reason=EndReason.STOPPED,
                at_ms=stopped_ms,
                detail="its stream was stopped",
            )
        )

    def _refuse(self, refused: StreamRefused) -> None:
        """A stream was asked for in vain. It is told once per reason, and of a lost stream only if it is for good."""
        feed = self._feeds.get(refused.fork_id)
        if feed is None or feed.lost is None or self._ended_ms is not None:
            return
        fork = in_state(feed.fork, ForkState.INTERRUPTED)
        lost = LostStream(feed.lost.from_ms, "stream_refused") if refused.for_good else feed.lost
        self._feeds[fork.id] = msgspec.structs.replace(feed, fork=fork, lost=lost, problem=refused.problem)
        if feed.problem != refused.problem and (refused.for_good or feed.fork.state is ForkState.PENDING):
            self.events.append(
                ForkInterrupted(
                    fork=fork.id,
                    participant=fork.participant_id,
                    reason="stream_refused",
                    at_ms=self._at_ms,
                    detail=refused.problem,
                )
            )

    def _give_up(self, fork_id: str, reason: EndReason, problem: str = "") -> None:
        """A fork that gets no further stream: what nobody heard until now is a gap."""
        fork, lost = self._feeds[fork_id].fork, self._feeds[fork_id].lost
        if lost is None and fork.state is ForkState.PENDING:
            lost = LostStream(fork.covered_ms, "stream_lost")
        if lost is not None and self._at_ms - lost.from_ms >= HIDES_NOTHING_MS:
            self._note_gap(fork, lost)
        self._feeds[fork_id] = Feed(in_state(fork, ForkState.STOPPED), problem=problem)
        self.events.append(ForkStopped(fork=fork.id, participant=fork.participant_id, reason=reason, at_ms=self._at_ms))

    def _note_gap(self, fork: Fork, lost: LostStream) -> None:
        """What nobody heard, without what was muted or held, or what nobody was to hear."""
        member = self._members.get(fork.call_sid)
        rests = member.rests if member else Spans()
        problem = self._feeds[fork.id].problem
        unheard = [left for part in rests.outside(lost.from_ms, self._at_ms) for left in self._pauses.outside(*part)]
        for start, end in unheard:
            self.events.append(
                TranscriptGap(
                    participant=fork.participant_id,
                    fork=fork.id,
                    from_ms=start,
                    to_ms=end,
                    reason=lost.reason,
                    detail=problem,
                )
            )


def in_state(fork: Fork, state: ForkState) -> Fork:
    """The same fork in another state."""
    return msgspec.structs.replace(fork, state=state)


def joined(who: Participant, at_ms: int, provider_seq: int | None) -> ParticipantJoined:
    """Who came in, and how it stands with it."""
    return ParticipantJoined(
        participant=who.id,
        call_sid=who.call_sid,
        label=who.label,
        name=who.name,
        role=who.role,
        at_ms=at_ms,
        muted=who.muted,
        hold=who.hold,
        coaching=who.coaching,
        provider_seq=provider_seq,
    )


def updated(who: Participant, at_ms: int, provider_seq: int | None) -> ParticipantUpdated:
    """All that is known of a participant."""
    return ParticipantUpdated(
        participant=who.id,
        label=who.label,
        name=who.name,
        role=who.role,
        at_ms=at_ms,
        muted=who.muted,
        hold=who.hold,
        coaching=who.coaching,
        provider_seq=provider_seq,
    )
