"""The course of one conference: what follows from each fact that is told of it. Pure: neither clock, tasks nor store.

Callbacks may come twice, in any order or never (twilio.com/docs/voice/twiml/conference promises no order). What they
say of a participant counts by its number: the highest wins, all others are old. The end closes everything, whatever
is missing; if it never comes, time brings it up. Rows alone rebuild the course after a restart.
"""

from __future__ import annotations

import msgspec

from sidecar.domain.conference import ConferenceState, Fork, ForkState, Participant, ParticipantState
from sidecar.domain.conference_course import Course, Feed, LostStream, Member, Step
from sidecar.domain.conference_facts import (
    FINAL,
    CallGone,
    Close,
    EndReason,
    Expected,
    Fact,
    ForkDone,
    Found,
    Heed,
    Inquire,
    News,
    NewsKind,
    Order,
    Pause,
    Reopen,
    Restarted,
    Resume,
    Signs,
    StreamBound,
    StreamEnded,
    StreamsOver,
    Tick,
)
from sidecar.domain.events import (
    ConferenceEnded,
    ConferenceStarted,
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
from sidecar.domain.pauses import after as pauses_after
from sidecar.domain.spans import Spans

# A conference without any stream for this long is asked about: its end may have been told while nobody listened.
QUIET_BEFORE_INQUIRY_MS = 60_000
# When everybody has left, the end is due much sooner.
EMPTY_BEFORE_INQUIRY_MS = 10_000
# A socket that closes this shortly before its participant leaves hid no word.
HIDES_NOTHING_MS = 500


def advance(course: Course, fact: Fact, at_ms: int) -> Step:
    """The next step. ``at_ms``: the present on the conference clock, which stands still once the conference ended."""
    move = _Move(course, at_ms)
    move.take(fact)
    return Step(move.course(), move.events, move.orders)


class _Move:
    """One step in the making."""

    def __init__(self, course: Course, at_ms: int) -> None:
        self._before = course
        self._conference = course.conference
        self._members = dict(course.members)
        self._feeds = dict(course.feeds)
        self._ended_ms = course.ended_ms
        self._quiet_since_ms = course.quiet_since_ms
        self._news = course.news
        self._pauses = course.pauses
        self._at_ms = at_ms if course.ended_ms is None else min(at_ms, course.ended_ms)
        self.events: list[EventData] = []
        self.orders: list[Order] = []

    def course(self) -> Course:
        return msgspec.structs.replace(
            self._before,
            conference=self._conference,
            members=self._members,
            feeds=self._feeds,
            ended_ms=self._ended_ms,
            quiet_since_ms=self._quiet_since_ms,
            news=self._news,
            pauses=self._pauses,
        )

    def take(self, fact: Fact) -> None:
        match fact:
            case News():
                self._take_news(fact)
            case Found():
                self._take_found(fact)
            case Pause() | Resume():
                self._pause(fact)
            case Restarted():
                self._restart()
            case Tick():
                self._watch()
            case _:
                self._take_of_fork(fact)

    def _take_of_fork(self, fact: Expected | StreamBound | StreamEnded | ForkDone | CallGone | StreamsOver) -> None:
        match fact:
            case Expected(participant=participant, fork=fork, unheard=reason):
                self._expect(participant, fork)
                if reason is not None and not self._feeds[fork.id].streaming:
                    self._feeds[fork.id] = Feed(fork, lost=LostStream(fork.covered_ms, reason))
            case StreamBound():
                self._bind(fact)
            case StreamEnded():
                self._end_stream(fact)
            case ForkDone():
                self._finish_fork(fact)
            case CallGone(fork_id=fork_id):
                if self._before.wants_stream(fork_id):
                    self._give_up(fork_id, EndReason.LEFT)
            case StreamsOver():
                for fork_id, feed in self._feeds.items():
                    if feed.fork.state is not ForkState.STOPPED:
                        self._give_up(fork_id, EndReason.CONFERENCE_ENDED)

    # -- the provider ------------------------------------------------------------------------------------------

    def _take_news(self, news: News) -> None:
        if self._ended_ms is not None:
            return
        match news.kind:
            case NewsKind.STARTED:
                self._start()
            case NewsKind.ENDED:
                self._end(news.reason or "ended")
            case _:
                self._take_news_of_member(news)
        self._quiet_since_ms = max(self._quiet_since_ms, self._at_ms)

    def _take_news_of_member(self, news: News) -> None:
        member = self._members.get(news.call_sid or "")
        if member is None or news.provider_seq <= member.participant.provider_seq:
            return  # a call that is not ours, a repetition, or overtaken by a later callback
        self._news += 1
        if news.kind is NewsKind.LEFT:
            self._leave(member, news.reason or "left", news.provider_seq)
        else:
            self._stand(member, news.signs, news.provider_seq)

    def _take_found(self, found: Found) -> None:
        if self._ended_ms is not None:
            return
        if not found.in_progress:
            if found.ended_ms is not None:
                self._at_ms = min(self._at_ms, found.ended_ms)
            self._end("not_in_progress")
            return
        if found.started:
            self._start()
        for call_sid, member in list(self._members.items()):
            if member.told_at > found.asked_at:
                continue  # a callback came meanwhile, and knows better
            signs = found.present.get(call_sid)
            if signs is not None:
                self._stand(member, signs, None)
            elif member.participant.state is ParticipantState.JOINED or found.after_restart:
                self._leave(member, "left_while_service_was_down" if found.after_restart else "left_unnoticed", None)
        if found.after_restart:
            for feed in self._feeds.values():
                if feed.lost is not None and feed.fork.call_sid in found.present:
                    self.orders.append(Reopen(fork=feed.fork))

    def _start(self) -> None:
        if self._conference.state is ConferenceState.WAITING:
            self._conference = msgspec.structs.replace(self._conference, state=ConferenceState.LIVE)
            self.events.append(ConferenceStarted(room=self._conference.room, conference_sid=self._conference.sid))

    def _end(self, reason: str) -> None:
        for member in list(self._members.values()):
            if member.participant.state is ParticipantState.JOINED:
                self._leave(member, reason, None)
        self._conference = msgspec.structs.replace(self._conference, state=ConferenceState.ENDED)
        self._ended_ms = self._at_ms
        self.events.append(ConferenceEnded(reason=reason, at_ms=self._at_ms))
        self.orders.append(Close())

    # -- participants ------------------------------------------------------------------------------------------

    def _expect(self, participant: Participant, fork: Fork) -> None:
        self._members.setdefault(participant.call_sid, Member(participant))
        feed = self._feeds.get(fork.id)
        if feed is None or not feed.streaming:
            self._feeds[fork.id] = Feed(fork, lost=feed.lost if feed else None)
        self._quiet_since_ms = max(self._quiet_since_ms, self._at_ms)

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
            self.events.append(_joined(now, self._at_ms, provider_seq))
        elif now != before:
            self.events.append(_updated(now, self._at_ms, provider_seq))
        else:
            return
        if provider_seq is None and before.rests and not now.rests:
            # Nobody knows when it ended: from where on nobody listened, something may have been said.
            rests = Spans(member.rests.closed)
        else:
            rests = member.rests.switched(now.rests, self._at_ms)
        self._members[now.call_sid] = Member(now, rests, self._news)
        self._tell_who_rests(now)

    def _tell_who_rests(self, who: Participant, *, heard_from_ms: int = 0) -> None:
        rests = who.rests or self._pauses.since is not None
        for fork_id, feed in self._feeds.items():
            if feed.streaming and feed.fork.participant_id == who.id:
                order = Heed(fork_id=fork_id, rests=rests, coaching=who.coaching, heard_from_ms=heard_from_ms)
                self.orders.append(order)

    def _pause(self, wish: Pause | Resume) -> None:
        pauses, event = pauses_after(self._pauses, wish, self._at_ms)
        if event is None or self._ended_ms is not None:
            return
        self._pauses = pauses
        self.events.append(event)
        for member in self._members.values():
            self._tell_who_rests(member.participant, heard_from_ms=event.at_ms)

    def _leave(self, member: Member, reason: str, provider_seq: int | None) -> None:
        before = member.participant
        now = msgspec.structs.replace(
            before, state=ParticipantState.LEFT, provider_seq=provider_seq or before.provider_seq
        )
        if now == before:
            return
        self._members[now.call_sid] = Member(now, member.rests, self._news)
        if before.state is ParticipantState.LEFT:
            # A later callback says again what is known; stored all the same, so that none before it counts any more.
            self.events.append(_updated(now, self._at_ms, provider_seq))
            return
        for fork_id, feed in self._feeds.items():
            if feed.fork.participant_id == now.id and feed.fork.state in (ForkState.PENDING, ForkState.INTERRUPTED):
                self._give_up(fork_id, EndReason.LEFT)
        self.events.append(
            ParticipantLeft(participant=now.id, reason=reason, at_ms=self._at_ms, provider_seq=provider_seq)
        )

    # -- forks and their streams -------------------------------------------------------------------------------

    def _bind(self, bound: StreamBound) -> None:
        fork = bound.fork
        self._expect(bound.participant, fork)
        lost = self._feeds[fork.id].lost
        if bound.replaces_until_ms is not None:
            lost = LostStream(bound.replaces_until_ms, "stream_reconnected")
        stream_sid = fork.stream_sid or ""
        if lost is None:
            self.events.append(
                ForkStarted(fork=fork.id, participant=fork.participant_id, stream_sid=stream_sid, at_ms=self._at_ms)
            )
        else:
            self._note_gap(fork, lost)
            self.events.append(
                ForkResumed(
                    fork=fork.id,
                    participant=fork.participant_id,
                    stream_sid=stream_sid,
                    epoch=fork.epoch,
                    at_ms=self._at_ms,
                )
            )
        self._feeds[fork.id] = Feed(_in_state(fork, ForkState.LIVE), streaming=True)

    def _end_stream(self, ended: StreamEnded) -> None:
        fork = self._feeds[ended.fork_id].fork
        self._quiet_since_ms = self._at_ms
        if ended.reason is not EndReason.LOST:
            self._feeds[fork.id] = Feed(fork)
            return
        fork = _in_state(fork, ForkState.INTERRUPTED)
        self._feeds[fork.id] = Feed(fork, lost=LostStream(ended.until_ms, "stream_reconnected"))
        self.events.append(
            ForkInterrupted(fork=fork.id, participant=fork.participant_id, reason=ended.reason, at_ms=ended.until_ms)
        )
        self.orders.append(Reopen(fork=fork))

    def _finish_fork(self, done: ForkDone) -> None:
        feed = self._feeds[done.fork_id]
        fork = feed.fork
        if feed.streaming or fork.epoch != done.epoch or fork.state is ForkState.STOPPED or done.reason not in FINAL:
            return  # another stream of the fork goes on, or will
        self._feeds[fork.id] = Feed(_in_state(fork, ForkState.STOPPED))
        self.events.append(
            ForkStopped(fork=fork.id, participant=fork.participant_id, reason=done.reason, at_ms=done.until_ms)
        )

    def _give_up(self, fork_id: str, reason: EndReason) -> None:
        """A fork that gets no further stream: what nobody heard until now is a gap."""
        fork, lost = self._feeds[fork_id].fork, self._feeds[fork_id].lost
        if lost is None and fork.state is ForkState.PENDING:
            lost = LostStream(fork.covered_ms, "stream_lost")
        if lost is not None and self._at_ms - lost.from_ms >= HIDES_NOTHING_MS:
            self._note_gap(fork, lost)
        self._feeds[fork_id] = Feed(_in_state(fork, ForkState.STOPPED))
        self.events.append(ForkStopped(fork=fork.id, participant=fork.participant_id, reason=reason, at_ms=self._at_ms))

    def _note_gap(self, fork: Fork, lost: LostStream) -> None:
        """What nobody heard, without what was muted or held, or what nobody was to hear."""
        member = self._members.get(fork.call_sid)
        rests = member.rests if member else Spans()
        unheard = [left for part in rests.outside(lost.from_ms, self._at_ms) for left in self._pauses.outside(*part)]
        for start, end in unheard:
            self.events.append(
                TranscriptGap(
                    participant=fork.participant_id, fork=fork.id, from_ms=start, to_ms=end, reason=lost.reason
                )
            )

    # -- time and restarts -------------------------------------------------------------------------------------

    def _restart(self) -> None:
        for fork_id, feed in self._feeds.items():
            fork = feed.fork
            if fork.state is ForkState.STOPPED:
                continue
            if fork.state is ForkState.LIVE:
                fork = _in_state(fork, ForkState.INTERRUPTED)
                self.events.append(
                    ForkInterrupted(
                        fork=fork.id, participant=fork.participant_id, reason="service_restarted", at_ms=fork.covered_ms
                    )
                )
            self._feeds[fork_id] = Feed(fork, lost=LostStream(fork.covered_ms, "service_restarted"))
        self.orders.append(Inquire(after_restart=True) if self._ended_ms is None else Close())

    def _watch(self) -> None:
        """Notice the end of a conference that nobody told us of."""
        if self._ended_ms is not None or any(feed.streaming for feed in self._feeds.values()):
            return
        empty = self._members and all(
            member.participant.state is ParticipantState.LEFT for member in self._members.values()
        )
        if self._at_ms - self._quiet_since_ms >= (EMPTY_BEFORE_INQUIRY_MS if empty else QUIET_BEFORE_INQUIRY_MS):
            self._quiet_since_ms = self._at_ms
            self.orders.append(Inquire(after_restart=False))


def _in_state(fork: Fork, state: ForkState) -> Fork:
    return msgspec.structs.replace(fork, state=state)


def _joined(who: Participant, at_ms: int, provider_seq: int | None) -> ParticipantJoined:
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


def _updated(who: Participant, at_ms: int, provider_seq: int | None) -> ParticipantUpdated:
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
