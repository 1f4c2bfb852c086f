"""The course of one conference: what follows from each fact that is told of it. Pure: neither clock, tasks nor store.

Callbacks may come twice, in any order or never (twilio.com/docs/voice/twiml/conference promises no order). What they
say of a participant counts by its number: the highest wins, all others are old. The end closes everything, whatever
is missing; if it never comes, time brings it up. Rows alone rebuild the course after a restart.
"""

from __future__ import annotations

import msgspec

from sidecar.domain.conference.attachment import POLL_EVERY_MS, is_due, is_overdue
from sidecar.domain.conference.course import Course, Feed, LostStream, Step, Stranger
from sidecar.domain.conference.facts import (
    Attach,
    CallGone,
    Close,
    Corrected,
    EndReason,
    Expected,
    Fact,
    FactOfFork,
    ForkDone,
    Found,
    Inquire,
    Meet,
    Met,
    News,
    NewsKind,
    Pause,
    Reopen,
    Restarted,
    Resume,
    Signs,
    StopStream,
    StreamBound,
    StreamEnded,
    StreamFailed,
    StreamRefused,
    StreamsOver,
    Tick,
)
from sidecar.domain.conference.move import Move, in_state, updated
from sidecar.domain.conference.pauses import after as pauses_after
from sidecar.domain.conference.values import ConferenceState, ForkState, ParticipantState, stream_name, unique_name
from sidecar.domain.events import ConferenceEnded, ConferenceStarted, ForkInterrupted

# A conference without any stream for this long is asked about: its end may have been told while nobody listened.
QUIET_BEFORE_INQUIRY_MS = 60_000
# Who hangs up leaves within this time of its stream's stop, whichever is told first. Who stays hung up nothing.
HANG_UP_MS = 2_000
# When everybody has left, the end is due much sooner.
EMPTY_BEFORE_INQUIRY_MS = 10_000


def advance(course: Course, fact: Fact, at_ms: int) -> Step:
    """The next step. ``at_ms``: the present on the conference clock, which stands still once the conference ended."""
    move = _Move(course, at_ms)
    move.take(fact)
    return Step(move.course(), move.events, move.orders)


class _Move(Move):
    """What follows from each fact."""

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
            case Attach():
                self._attach()
            case Met(participant=participant, fork=fork):
                if participant.call_sid not in self._members:
                    self._expect(participant, fork)
            case Corrected():
                self._correct(fact)
            case StreamFailed():
                self._note_failure(fact)
            case _:
                self._take_of_fork(fact)
        self._ask_for_streams()

    def _take_of_fork(self, fact: FactOfFork) -> None:
        match fact:
            case Expected(participant=participant, fork=fork, unheard=reason):
                self._expect(participant, fork)
                if reason is not None and not self._feeds[fork.id].streaming:
                    waiting = self._feeds[fork.id]
                    self._feeds[fork.id] = msgspec.structs.replace(waiting, lost=LostStream(fork.covered_ms, reason))
            case StreamBound():
                self._bind(fact)
            case StreamEnded():
                self._end_stream(fact)
            case ForkDone():
                self._finish_fork(fact)
            case StreamRefused():
                self._refuse(fact)
            case CallGone(fork_id=fork_id, problem=problem):
                if self._before.wants_stream(fork_id):
                    self._give_up(fork_id, EndReason.LEFT, problem)
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
        if news.call_sid is None:
            return
        self._heard = True
        member = self._members.get(news.call_sid)
        if member is None:
            self._hear_of_stranger(news.call_sid, news)
            return
        if news.provider_seq <= member.participant.provider_seq:
            return  # a repetition, or overtaken by a later callback
        self._news += 1
        if news.kind is NewsKind.LEFT:
            self._leave(member, news.reason or "left", news.provider_seq)
        else:
            self._stand(member, news.signs, news.provider_seq)

    def _hear_of_stranger(self, call_sid: str, news: News) -> None:
        """A call without rows: who is in the room gets them; who left before they were made needs none."""
        known = self._strangers.get(call_sid)
        if known is not None and news.provider_seq <= known.provider_seq:
            return
        self._news += 1
        self._note_stranger(
            call_sid,
            Stranger(
                label=news.label,
                signs=news.signs,
                here=news.kind is not NewsKind.LEFT,
                provider_seq=news.provider_seq,
                told_at=self._news,
            ),
        )

    def _note_stranger(self, call_sid: str, stranger: Stranger) -> None:
        known = self._strangers.get(call_sid)
        self._strangers[call_sid] = stranger
        if stranger.here and (known is None or not known.here):
            self.orders.append(Meet(call_sid=call_sid, label=stranger.label))

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
        self._find_strangers(found)
        if found.after_restart:
            self._recovering = False
            for fork_id, feed in self._feeds.items():
                if feed.lost is not None and feed.fork.call_sid in found.present:
                    self._feeds[fork_id] = msgspec.structs.replace(feed, asked=True)
                    self.orders.append(Reopen(fork=feed.fork))

    def _find_strangers(self, found: Found) -> None:
        for call_sid in found.present.keys() | self._strangers.keys():
            known = self._strangers.get(call_sid)
            if call_sid in self._members or (known is not None and known.told_at > found.asked_at):
                continue
            stranger = Stranger(
                label=found.labels.get(call_sid, ""),
                signs=found.present.get(call_sid, Signs()),
                here=call_sid in found.present,
                provider_seq=known.provider_seq if known else 0,
                told_at=self._news,
            )
            self._note_stranger(call_sid, stranger)

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

    def _pause(self, wish: Pause | Resume) -> None:
        pauses, event = pauses_after(self._pauses, wish, self._at_ms)
        if event is None or self._ended_ms is not None:
            return
        self._pauses = pauses
        self.events.append(event)
        for member in self._members.values():
            self._tell_who_rests(member.participant, heard_from_ms=event.at_ms)

    # -- attaching --------------------------------------------------------------------------------------------

    def _attach(self) -> None:
        """Everybody who is here gets a stream, and whoever else is here is looked for."""
        if self._ended_ms is not None:
            return
        for fork_id, feed in list(self._feeds.items()):
            if feed.streaming or feed.asked or not self._is_here(feed.fork):
                continue
            if feed.stopped_ms is not None:
                self._interrupt(feed, feed.stopped_ms)
            elif feed.fork.state is ForkState.STOPPED:
                lost = LostStream(self._at_ms, "not_forked")
                self._feeds[fork_id] = msgspec.structs.replace(self._pending_again(feed), lost=lost)
            elif feed.lost is None:
                continue
            self._feeds[fork_id] = msgspec.structs.replace(self._feeds[fork_id], asked=True)
            self.orders.append(Reopen(fork=feed.fork))
        self._polled_ms = self._at_ms
        self.orders.append(Inquire(after_restart=False, routine=True))

    def _ask_for_streams(self) -> None:
        """Whoever waits for a stream that will not come by itself gets one."""
        if self._ended_ms is not None or self._recovering:
            return
        for fork_id, feed in self._feeds.items():
            member = self._members.get(feed.fork.call_sid)
            if member is not None and is_due(feed, member, self._at_ms):
                lost = feed.lost or LostStream(max(feed.fork.covered_ms, member.since_ms), "not_forked")
                self._feeds[fork_id] = msgspec.structs.replace(feed, lost=lost, asked=True)
                self.orders.append(Reopen(fork=feed.fork))

    def _note_failure(self, failed: StreamFailed) -> None:
        feed = self._feeds.get(failed.fork_id)
        if feed is not None and not feed.streaming and stream_name(feed.fork) == failed.name:
            self._feeds[failed.fork_id] = msgspec.structs.replace(feed, failed=True)

    def _correct(self, corrected: Corrected) -> None:
        member = self._members.get(corrected.call_sid)
        if member is None:
            return
        before, name = member.participant, corrected.name
        others = {other.participant.name for other in self._members.values() if other is not member}
        now = msgspec.structs.replace(
            before,
            name=before.name if name is None else unique_name(name, others),
            role=corrected.role or before.role,
        )
        if now != before:
            self._members[now.call_sid] = msgspec.structs.replace(member, participant=now)
            self.events.append(updated(now, self._at_ms, None))

    # -- time and restarts -------------------------------------------------------------------------------------

    def _restart(self) -> None:
        for fork_id, feed in self._feeds.items():
            fork = feed.fork
            if fork.state is ForkState.STOPPED:
                continue
            if fork.state is ForkState.LIVE:
                fork = in_state(fork, ForkState.INTERRUPTED)
                self.events.append(
                    ForkInterrupted(
                        fork=fork.id, participant=fork.participant_id, reason="service_restarted", at_ms=fork.covered_ms
                    )
                )
            self._feeds[fork_id] = Feed(fork, lost=LostStream(fork.covered_ms, "service_restarted"))
        self._recovering = self._ended_ms is None
        self.orders.append(Inquire(after_restart=True) if self._ended_ms is None else Close())

    def _watch(self) -> None:
        """Notice who comes and goes and the end of a conference, where nobody tells us of it."""
        if self._ended_ms is not None or self._recovering:
            return
        self._stop_overdue_streams()
        self._notice_who_stays()
        if self._conference.sid is not None and not self._heard and self._at_ms - self._polled_ms >= POLL_EVERY_MS:
            self._polled_ms = self._at_ms
            self.orders.append(Inquire(after_restart=False, routine=True))
        if any(feed.streaming for feed in self._feeds.values()):
            return
        empty = self._members and all(
            member.participant.state is ParticipantState.LEFT for member in self._members.values()
        )
        if self._at_ms - self._quiet_since_ms >= (EMPTY_BEFORE_INQUIRY_MS if empty else QUIET_BEFORE_INQUIRY_MS):
            self._quiet_since_ms = self._at_ms
            self.orders.append(Inquire(after_restart=False))

    def _notice_who_stays(self) -> None:
        """Where nobody tells us who leaves, that is known with the next look at the latest."""
        told_within_ms = HANG_UP_MS if self._heard else HANG_UP_MS + POLL_EVERY_MS
        for feed in list(self._feeds.values()):
            stopped_ms = feed.stopped_ms
            if stopped_ms is None or feed.fork.state is not ForkState.LIVE or not self._is_here(feed.fork):
                continue
            if self._at_ms - stopped_ms >= told_within_ms:
                self._interrupt(feed, stopped_ms)

    def _stop_overdue_streams(self) -> None:
        for fork_id, feed in self._feeds.items():
            if is_overdue(feed, self._members.get(feed.fork.call_sid), self._at_ms):
                self._feeds[fork_id] = msgspec.structs.replace(feed, stopping=True)
                self.orders.append(StopStream(fork=feed.fork))
