"""The course of a conference: each fact by itself, and any history that a provider may tell in any order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sidecar.domain import events as ev
from sidecar.domain.conference import facts
from sidecar.domain.conference.course import Course, Step
from sidecar.domain.conference.facts import EndReason, News, NewsKind, Signs
from sidecar.domain.conference.machine import (
    EMPTY_BEFORE_INQUIRY_MS,
    HANG_UP_MS,
    QUIET_BEFORE_INQUIRY_MS,
    advance,
)
from sidecar.domain.conference.values import (
    Conference,
    ConferenceState,
    Fork,
    ForkState,
    Participant,
    ParticipantState,
    Role,
)
from tests.facts import NOON

CALLS = ("CA1", "CA2", "CA3")
CONFERENCE = Conference(
    id="cnf_1", tenant="default", room="support", sid=None, state=ConferenceState.WAITING, clock_zero=NOON,
    ended_at=None, seq=0,
)  # fmt: skip


def participant(call: str, **known: Any) -> Participant:
    values: dict[str, Any] = {"state": ParticipantState.EXPECTED} | known
    return Participant(
        id=f"par_{call}", conference_id="cnf_1", call_sid=call, label=call, name=call, role=Role.CUSTOMER, **values
    )


def fork(call: str, **known: Any) -> Fork:
    """``stream_sid``: as a row has it that ever had a stream."""
    pending = known.get("state", ForkState.PENDING) is ForkState.PENDING
    values: dict[str, Any] = {"state": ForkState.PENDING, "epoch": 1, "covered_ms": 0}
    values |= {"stream_sid": None if pending else "MZ1"} | known
    return Fork(id=f"frk_{call}", conference_id="cnf_1", participant_id=f"par_{call}", call_sid=call, **values)


def fresh(*calls: str, forks: Sequence[Fork] | None = None) -> Course:
    """A conference whose calls have fetched their TwiML."""
    made = [fork(call) for call in calls] if forks is None else forks
    return Course.of_rows(CONFERENCE, [participant(call) for call in calls], made, at_ms=0)


def news(kind: str, seq: int, call: str | None = None, reason: str = "", **signs: bool) -> News:
    return News(kind=NewsKind(kind), provider_seq=seq, call_sid=call, reason=reason, signs=Signs(**signs))


def bound(call: str, *, epoch: int = 1, **more: Any) -> facts.StreamBound:
    return facts.StreamBound(participant=participant(call), fork=fork(call, epoch=epoch, stream_sid="MZ1"), **more)


def lost(call: str, until_ms: int) -> facts.StreamEnded:
    return facts.StreamEnded(fork_id=f"frk_{call}", reason=EndReason.LOST, until_ms=until_ms)


def stopped(call: str, until_ms: int) -> facts.StreamEnded:
    return facts.StreamEnded(fork_id=f"frk_{call}", reason=EndReason.STOPPED, until_ms=until_ms)


def play(course: Course, *told: facts.Fact | tuple[facts.Fact, int]) -> Step:
    """Facts one after the other, some with their time; all that follows from them."""
    events: list[ev.EventData] = []
    orders: list[facts.Order] = []
    for one in told:
        fact, at_ms = one if isinstance(one, tuple) else (one, 1_000)
        step = advance(course, fact, at_ms)
        course = step.course
        events += step.events
        orders += step.orders
    return Step(course, events, orders)


def types(step: Step) -> list[str]:
    return [event.type for event in step.events]


def gaps(step: Step) -> list[tuple[int, int, str]]:
    return [(e.from_ms, e.to_ms, e.reason) for e in step.events if isinstance(e, ev.TranscriptGap)]


IN = news("joined", 1, "CA1")


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ([news("started", 3)], ["conference.started"]),
        ([news("started", 3), news("started", 3)], ["conference.started"]),
        ([IN, IN], ["participant.joined"]),
        ([IN, news("changed", 2, "CA1", muted=True)], ["participant.joined", "participant.updated"]),
        ([news("changed", 2, "CA1", hold=True), IN], ["participant.joined"]),
        ([news("left", 2, "CA1"), IN], ["fork.stopped", "participant.left"]),
        ([IN, news("left", 2, "CA1"), IN], ["participant.joined", "fork.stopped", "participant.left"]),
        (
            [IN, news("left", 2, "CA1"), news("joined", 3, "CA1")],
            ["participant.joined", "fork.stopped", "participant.left", "participant.joined"],
        ),
        ([IN, news("joined", 5, "CA1", hold=True)], ["participant.joined", "participant.updated"]),
        ([news("joined", 1, "CA_of_a_stranger"), news("left", 2, "CA_of_a_stranger")], []),
        ([news("ended", 9)], ["conference.ended"]),
        ([news("ended", 9), news("started", 2), IN, news("ended", 9)], ["conference.ended"]),
        ([IN, news("ended", 9)], ["participant.joined", "fork.stopped", "participant.left", "conference.ended"]),
    ],
)  # fmt: skip
def test_what_is_repeated_or_overtaken_changes_nothing(told: list[News], expected: list[str]) -> None:
    at_once = fresh("CA1", forks=[fork("CA1", covered_ms=900)])  # too little was missed for a gap
    assert types(play(at_once, *told)) == expected


def test_reasons_numbers_and_signs_are_told() -> None:
    step = play(
        fresh("CA1", forks=[]),
        news("joined", 4, "CA1", muted=True, hold=False),
        news("changed", 6, "CA1", coaching=True),
        news("left", 9, "CA1", "participant_hung_up"),
        news("ended", 10, None, "last-participant-left"),
    )
    joined, updated, left, ended = step.events
    assert isinstance(joined, ev.ParticipantJoined)
    assert isinstance(updated, ev.ParticipantUpdated)
    assert isinstance(left, ev.ParticipantLeft)
    assert isinstance(ended, ev.ConferenceEnded)
    assert (joined.muted, joined.hold, joined.coaching, joined.provider_seq) == (True, False, False, 4)
    assert (updated.muted, updated.coaching, updated.provider_seq, updated.at_ms) == (True, True, 6, 1_000)
    assert (left.reason, left.provider_seq, ended.reason) == ("participant_hung_up", 9, "last-participant-left")


def test_a_fork_rests_while_its_participant_is_muted_or_held() -> None:
    step = play(
        fresh("CA1", "CA2"), IN, bound("CA1"), bound("CA2"),
        news("changed", 2, "CA1", muted=True),
        news("changed", 3, "CA1", hold=True),
        news("changed", 4, "CA1", muted=False),
        news("changed", 5, "CA1", hold=False, coaching=True),
    )  # fmt: skip
    heeded = [order for order in step.orders if isinstance(order, facts.Heed)]
    assert {order.fork_id for order in heeded} == {"frk_CA1"}
    assert [(order.rests, order.coaching) for order in heeded] == [
        (True, False), (True, False), (True, False), (False, True),
    ]  # fmt: skip


def test_a_lost_stream_is_opened_again_and_only_what_was_on_the_call_is_a_gap() -> None:
    step = play(
        fresh("CA1"), IN, bound("CA1"), (lost("CA1", 2_000), 2_000),
        (news("changed", 2, "CA1", hold=True), 5_000), (news("changed", 3, "CA1", hold=False), 8_000),
        (bound("CA1", epoch=2), 9_000),
    )  # fmt: skip
    assert [type(order) for order in step.orders if not isinstance(order, facts.Heed)] == [facts.Reopen]
    assert gaps(step) == [(2_000, 5_000, "stream_reconnected"), (8_000, 9_000, "stream_reconnected")]
    assert types(step)[-1] == "fork.resumed"


def test_a_newer_stream_takes_over_from_where_the_older_one_was() -> None:
    step = play(
        fresh("CA1"), bound("CA1"), (bound("CA1", epoch=2, replaces_until_ms=3_000), 3_400),
        facts.ForkDone(fork_id="frk_CA1", epoch=1, reason=EndReason.STOPPED, until_ms=3_000),
    )  # fmt: skip
    assert types(step) == ["fork.started", "transcript.gap", "fork.resumed"]
    assert gaps(step) == [(3_000, 3_400, "stream_reconnected")]


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("last_words_first", [False, True])
def test_a_stop_and_a_new_start_of_the_same_call_are_the_same_fork_and_a_gap(
    last_words_first: bool, waits: bool
) -> None:
    """Somebody stopped its stream by TwiML or REST, and started another one: at once, or after a while."""
    done = facts.ForkDone(fork_id="frk_CA1", epoch=1, reason=EndReason.STOPPED, until_ms=2_000)
    between: list[tuple[facts.Fact, int]] = [(done, 2_100)] if last_words_first else []
    if waits:
        between.append((facts.Tick(), 2_000 + HANG_UP_MS))
    behind = [] if last_words_first else [(done, 5_500)]
    again = (bound("CA1", epoch=2), 5_000)
    step = play(fresh("CA1"), IN, bound("CA1"), (stopped("CA1", 2_000), 2_000), *between, again, *behind)
    assert types(step) == ["participant.joined", "fork.started", "fork.interrupted", "transcript.gap", "fork.resumed"]
    assert gaps(step) == [(2_000, 5_000, "stream_stopped")]
    assert [type(order) for order in step.orders if not isinstance(order, facts.Heed)] == []  # nobody opens it again


def test_who_hangs_up_is_not_interrupted_first_whether_the_stop_or_the_leaving_is_told_first() -> None:
    done = facts.ForkDone(fork_id="frk_CA1", epoch=1, reason=EndReason.STOPPED, until_ms=2_000)
    left, end = (news("left", 2, "CA1"), 2_500), (stopped("CA1", 2_000), 2_000)
    for told in ([end, (done, 2_200), left], [end, left, (done, 3_000)], [(news("left", 2, "CA1"), 1_900), end, done]):
        step = play(fresh("CA1"), IN, bound("CA1"), *told, (facts.Tick(), 9_000))
        assert [kind for kind in types(step) if kind.startswith("fork")] == ["fork.started", "fork.stopped"]
        assert gaps(step) == []


def test_who_stays_without_a_stream_is_shown_as_not_heard() -> None:
    done = facts.ForkDone(fork_id="frk_CA1", epoch=1, reason=EndReason.STOPPED, until_ms=2_000)
    step = play(
        fresh("CA1"), IN, bound("CA1"), (stopped("CA1", 2_000), 2_000), (done, 2_100),
        (facts.Tick(), 1_999 + HANG_UP_MS), (facts.Tick(), 2_000 + HANG_UP_MS), (facts.Tick(), 60_000),
    )  # fmt: skip
    assert types(step)[2:] == ["fork.interrupted"]
    gone = play(step.course, (news("left", 2, "CA1"), 70_000))
    assert types(gone) == ["transcript.gap", "fork.stopped", "participant.left"]
    assert gaps(gone) == [(2_000, 70_000, "stream_stopped")]


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ([], EndReason.LOST),
        ([news("left", 2, "CA1")], EndReason.LEFT),
        ([news("ended", 3)], EndReason.CONFERENCE_ENDED),
    ],
)
def test_a_socket_that_closes_without_a_stop_may_belong_to_a_call_that_is_over(
    before: list[News], expected: EndReason
) -> None:
    course = play(fresh("CA1"), IN, bound("CA1"), *before).course
    assert course.end_reason(fork("CA1"), EndReason.LOST) is expected
    assert course.end_reason(fork("CA1"), EndReason.STOPPED) is EndReason.STOPPED


def test_a_call_that_is_gone_gets_no_further_stream() -> None:
    course = play(fresh("CA1"), IN, bound("CA1"), (lost("CA1", 2_000), 2_000)).course
    assert course.wants_stream("frk_CA1")
    step = play(course, (facts.CallGone(fork_id="frk_CA1"), 6_000))
    assert (types(step), gaps(step)) == (["transcript.gap", "fork.stopped"], [(2_000, 6_000, "stream_reconnected")])
    assert not step.course.wants_stream("frk_CA1")
    assert types(play(step.course, facts.CallGone(fork_id="frk_CA1"))) == []


def test_after_the_end_time_stands_still_and_every_fork_is_closed() -> None:
    step = play(fresh("CA1"), IN, bound("CA1"), (lost("CA1", 2_000), 2_000), (news("ended", 5), 9_000))
    closed = play(fresh("CA1", "CA2"), (news("ended", 5), 4_000), (facts.StreamsOver(), 90_000))
    assert step.orders[-1] == facts.Close()
    assert gaps(step) == [(2_000, 9_000, "stream_reconnected")]
    assert gaps(closed) == [(0, 4_000, "stream_lost")] * 2


def test_a_conference_without_streams_is_asked_about_and_an_empty_one_sooner() -> None:
    def asked(step: Step) -> list[facts.Order]:
        return [order for order in step.orders if isinstance(order, facts.Inquire)]

    course = play(fresh("CA1"), (IN, 0)).course
    assert asked(play(course, (facts.Tick(), QUIET_BEFORE_INQUIRY_MS - 1))) == []
    quiet = play(course, (facts.Tick(), QUIET_BEFORE_INQUIRY_MS))
    assert asked(quiet) == [facts.Inquire(after_restart=False)]
    assert asked(play(quiet.course, (facts.Tick(), QUIET_BEFORE_INQUIRY_MS + 5_000))) == []
    heard = play(course, (bound("CA1"), 0), (facts.Tick(), 10 * QUIET_BEFORE_INQUIRY_MS))
    assert asked(heard) == []
    left = play(course, (news("left", 2, "CA1"), 0)).course
    assert asked(play(left, (facts.Tick(), EMPTY_BEFORE_INQUIRY_MS))) == [facts.Inquire(after_restart=False)]


def test_what_the_provider_finds_closes_what_nobody_told() -> None:
    course = play(fresh("CA1", "CA2", "CA3", forks=[]), IN, news("joined", 2, "CA2")).course
    found = facts.Found(
        in_progress=True, asked_at=course.news, started=True,
        present={"CA1": Signs(muted=False, hold=True), "CA3": Signs()},
    )  # fmt: skip
    step = play(course, found)
    assert types(step) == ["conference.started", "participant.updated", "participant.left", "participant.joined"]
    over = play(course, (facts.Found(in_progress=False, asked_at=0, ended_ms=700), 9_000))
    assert types(over) == ["participant.left", "participant.left", "conference.ended"]
    assert over.course.ended_ms == 700


def test_a_callback_that_comes_while_the_provider_is_asked_knows_better() -> None:
    course = play(fresh("CA1", forks=[]), IN).course
    asked_at = course.news
    held = play(course, news("changed", 2, "CA1", hold=True)).course
    late = facts.Found(in_progress=True, asked_at=asked_at, present={"CA1": Signs(hold=False)})
    assert types(play(held, late)) == []
    assert types(play(held, msgspec.structs.replace(late, present={}))) == []


@pytest.mark.parametrize(("still_held", "expected"), [(True, []), (False, [(3_000, 9_000, "service_restarted")])])
def test_held_over_a_restart_is_no_gap_unless_nobody_knows_when_it_ended(
    still_held: bool, expected: list[tuple[int, int, str]]
) -> None:
    rows = [participant("CA1", state=ParticipantState.JOINED, hold=True, provider_seq=4)]
    course = Course.of_rows(CONFERENCE, rows, [fork("CA1", state=ForkState.LIVE, covered_ms=3_000)], at_ms=8_000)
    found = facts.Found(in_progress=True, asked_at=0, present={"CA1": Signs(hold=still_held)}, after_restart=True)
    step = play(course, (facts.Restarted(), 8_000), (found, 8_500), (bound("CA1", epoch=2), 9_000))
    assert gaps(step) == expected
    assert [type(order) for order in step.orders] == [facts.Inquire, facts.Reopen]
    assert play(step.course, news("changed", 3, "CA1", hold=not still_held)).events == []  # older than the rows


PAUSE, RESUME = facts.Pause(by="Ana"), facts.Resume(by="Ana")


def test_while_paused_everybody_rests_and_afterwards_only_who_is_muted_or_held() -> None:
    course = play(fresh("CA1", "CA2"), IN, news("joined", 2, "CA2"), bound("CA1"), bound("CA2")).course
    step = play(
        course, (PAUSE, 2_000), (PAUSE, 2_500), (news("changed", 3, "CA1", hold=True), 3_000),
        (news("changed", 4, "CA2", muted=True), 3_000), (news("changed", 5, "CA2", muted=False), 4_000),
        (RESUME, 5_000), (RESUME, 5_100),
    )  # fmt: skip
    heeds = [(o.fork_id, o.rests, o.heard_from_ms) for o in step.orders if isinstance(o, facts.Heed)]
    assert [rests for _, rests, _ in heeds[:-2]] == [True] * 5, "nothing that is told during the pause ends it"
    assert heeds[-2:] == [("frk_CA1", True, 5_300), ("frk_CA2", False, 5_300)]
    assert [kind for kind in types(step) if kind.startswith("transcript")] == [
        "transcript.paused",
        "transcript.resumed",
    ]


def test_what_was_lost_during_a_pause_is_no_gap() -> None:
    lost_over_it = play(
        fresh("CA1"), IN, bound("CA1"), (lost("CA1", 2_000), 2_000), (PAUSE, 3_000), (RESUME, 6_000),
        (bound("CA1", epoch=2), 9_000),
    )  # fmt: skip
    assert gaps(lost_over_it) == [(2_000, 3_000, "stream_reconnected"), (6_300, 9_000, "stream_reconnected")]


def test_a_pause_lasts_over_a_restart() -> None:
    rows = [participant("CA1", state=ParticipantState.JOINED)]
    paused = msgspec.structs.replace(CONFERENCE, paused_ms=4_000)
    course = Course.of_rows(paused, rows, [fork("CA1", state=ForkState.LIVE, covered_ms=3_000)], at_ms=8_000)
    found = facts.Found(in_progress=True, asked_at=0, present={"CA1": Signs()}, after_restart=True)
    step = play(course, (facts.Restarted(), 8_000), (found, 8_500), (bound("CA1", epoch=2), 9_000))
    assert gaps(step) == [(3_000, 4_000, "service_restarted")]
    assert step.course.pauses.since == 4_000
    over = msgspec.structs.replace(paused, resumed_ms=6_000)
    course = Course.of_rows(over, rows, [fork("CA1", state=ForkState.LIVE, covered_ms=3_000)], at_ms=8_000)
    step = play(course, (facts.Restarted(), 8_000), (found, 8_500), (bound("CA1", epoch=2), 9_000))
    assert gaps(step) == [(3_000, 4_000, "service_restarted"), (6_000, 9_000, "service_restarted")]


def test_a_conference_that_is_over_is_not_paused() -> None:
    course = play(fresh("CA1"), IN, news("ended", 2)).course
    assert play(course, PAUSE, RESUME).events == []


class AnyHistory(RuleBasedStateMachine):
    """A provider with three calls, whose callbacks arrive in any order, repeatedly, with restarts in between.

    ``truth`` is how it stands at the provider. The model knows one rule: of what has arrived of a call, the highest
    number counts; and rows are what the events say.
    """

    @initialize()
    def begin(self) -> None:
        self.course = fresh(*CALLS)
        self.rows = {call: participant(call) for call in CALLS}
        self.forks = {call: fork(call) for call in CALLS}
        self.ended = False
        self.truth: dict[str, Signs | None] = dict.fromkeys(CALLS)
        self.over = False
        self.seq = 0
        self.at_ms = 0
        self.under_way: list[News] = []
        self.arrived: list[News] = []
        self.rests: dict[str, bool] = {}  # of calls with a stream: what it was told last
        self.log: list[str] = []

    # -- the provider

    def send(self, kind: str, call: str | None = None) -> None:
        signs = self.truth.get(call or "") or Signs()
        self.seq += 1
        self.under_way.append(News(kind=NewsKind(kind), provider_seq=self.seq, call_sid=call, signs=signs))

    @precondition(lambda self: not self.over)
    @rule(call=st.sampled_from(CALLS), sign=st.sampled_from(["muted", "hold", "coaching", "leave", None]))
    def something_happens(self, call: str, sign: str | None) -> None:
        signs = self.truth[call]
        if signs is None:
            self.truth[call] = Signs(muted=False, hold=False, coaching=False)
            self.send("joined", call)
        elif sign == "leave":
            self.truth[call] = None
            self.send("left", call)
        else:
            switched = {sign: not getattr(signs, sign)} if sign else {}
            self.truth[call] = msgspec.structs.replace(signs, **switched)
            self.send("changed", call)

    @rule()
    def it_starts(self) -> None:
        self.send("started")

    @precondition(lambda self: self.seq > 6 and not self.over)
    @rule()
    def it_ends(self) -> None:
        self.over = True
        for call, signs in self.truth.items():
            self.truth[call] = None
            if signs is not None:
                self.send("left", call)
        self.send("ended")

    # -- what reaches us

    def take(self, fact: facts.Fact) -> Step:
        step = advance(self.course, fact, self.at_ms)
        self.course = step.course
        for event in step.events:
            self.project(event)
        for order in step.orders:
            if isinstance(order, facts.Heed):
                self.rests[order.fork_id.removeprefix("frk_")] = order.rests
        return step

    def project(self, event: ev.EventData) -> None:
        """Rows as the store keeps them."""
        self.log.append(f"{event.type} {getattr(event, 'participant', '')}")
        call = getattr(event, "participant", "").removeprefix("par_")
        known: dict[str, Any] = {}
        match event:
            case ev.ParticipantJoined() | ev.ParticipantUpdated():
                known = {"muted": event.muted, "hold": event.hold, "coaching": event.coaching}
                if isinstance(event, ev.ParticipantJoined):
                    assert self.rows[call].state is not ParticipantState.JOINED
                    known["state"] = ParticipantState.JOINED
            case ev.ParticipantLeft():
                assert self.rows[call].state is not ParticipantState.LEFT
                known = {"state": ParticipantState.LEFT}
            case ev.ForkStarted() | ev.ForkResumed():
                self.forks[call] = msgspec.structs.replace(self.forks[call], state=ForkState.LIVE)
            case ev.ForkInterrupted():
                self.forks[call] = msgspec.structs.replace(self.forks[call], state=ForkState.INTERRUPTED)
            case ev.ForkStopped():
                self.forks[call] = msgspec.structs.replace(self.forks[call], state=ForkState.STOPPED)
            case ev.ConferenceEnded():
                self.ended = True
            case ev.TranscriptGap(from_ms=start, to_ms=end):
                assert 0 <= start < end <= self.at_ms
            case _:
                pass
        if getattr(event, "provider_seq", None):
            known["provider_seq"] = event.provider_seq  # type: ignore[attr-defined]
        if known:
            self.rows[call] = msgspec.structs.replace(self.rows[call], **known)

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), ms=st.integers(0, 5_000))
    def one_arrives(self, data: st.DataObject, ms: int) -> None:
        self.at_ms += ms
        told = self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1)))
        before = self.rows.get(told.call_sid or "")
        was_over, step = self.course.over, self.take(told)
        self.arrived.append(told)
        if before is None or was_over:
            return
        newest = max(n.provider_seq for n in self.arrived if n.call_sid == told.call_sid)
        if told.provider_seq == newest:
            assert step.events, "what is newer than everything before is stored"
        else:
            assert not step.events, "what is older says nothing any more"

    @precondition(lambda self: self.arrived)
    @rule(data=st.data())
    def one_arrives_again(self, data: st.DataObject) -> None:
        again = data.draw(st.sampled_from(self.arrived))
        assert self.take(again).events == []

    # -- streams

    @rule(call=st.sampled_from(CALLS))
    def a_stream_binds(self, call: str) -> None:
        if self.course.over:
            return
        older = self.at_ms if call in self.rests else None
        self.forks[call] = msgspec.structs.replace(self.forks[call], epoch=self.forks[call].epoch + 1)
        who = self.course.as_told(self.rows[call])
        self.take(facts.StreamBound(participant=self.rows[call], fork=self.forks[call], replaces_until_ms=older))
        self.rests[call] = who.rests

    @precondition(lambda self: self.rests)
    @rule(data=st.data(), reason=st.sampled_from([EndReason.LOST, EndReason.STOPPED]), ms=st.integers(0, 9_000))
    def a_stream_ends(self, data: st.DataObject, reason: EndReason, ms: int) -> None:
        call = data.draw(st.sampled_from(sorted(self.rests)))
        del self.rests[call]
        one, until_ms = self.forks[call], self.at_ms
        reason = self.course.end_reason(one, reason)
        self.take(facts.StreamEnded(fork_id=one.id, reason=reason, until_ms=until_ms))
        self.at_ms += ms
        self.take(facts.ForkDone(fork_id=one.id, epoch=one.epoch, reason=reason, until_ms=until_ms))

    # -- time, and the death of the process

    @rule(ms=st.integers(0, 70_000))
    def time_goes_by(self, ms: int) -> None:
        self.at_ms += ms
        if any(isinstance(order, facts.Inquire) for order in self.take(facts.Tick()).orders):
            self.the_provider_answers(after_restart=False)

    @precondition(lambda self: not self.ended)
    @rule(answered=st.booleans())
    def the_process_dies_and_another_one_starts(self, answered: bool) -> None:
        self.rests.clear()
        started = "conference.started " in self.log
        conference = msgspec.structs.replace(
            CONFERENCE, state=ConferenceState.LIVE if started else ConferenceState.WAITING
        )
        self.course = Course.of_rows(conference, list(self.rows.values()), list(self.forks.values()), at_ms=self.at_ms)
        self.take(facts.Restarted())
        if answered:
            self.the_provider_answers(after_restart=True)

    def the_provider_answers(self, *, after_restart: bool) -> None:
        present = {call: signs for call, signs in self.truth.items() if signs is not None}
        self.take(
            facts.Found(
                in_progress=not self.over, asked_at=self.course.news, present=present, after_restart=after_restart
            )
        )

    # -- what always holds

    @invariant()
    def the_course_is_what_the_rows_say(self) -> None:
        assert {call: member.participant for call, member in self.course.members.items()} == self.rows

    @invariant()
    def nobody_who_rests_is_transcribed(self) -> None:
        for call, rests in self.rests.items():
            if self.rows[call].state is ParticipantState.JOINED:
                assert rests == self.rows[call].rests

    @invariant()
    def it_starts_and_ends_once_and_everybody_is_gone_then(self) -> None:
        assert self.log.count("conference.started ") <= 1
        assert self.log.count("conference.ended ") == int(self.ended) == int(self.course.over)
        if self.ended:
            assert not [row for row in self.rows.values() if row.state is ParticipantState.JOINED]

    def teardown(self) -> None:
        """When everything has arrived, in whatever order, it stands as it does at the provider."""
        if not hasattr(self, "course"):
            return
        for told in reversed(self.under_way):
            self.take(told)
        assert self.course.over == self.over or self.ended
        for call, signs in self.truth.items():
            row = self.rows[call]
            assert (row.state is ParticipantState.JOINED) == (signs is not None)
            if signs is not None:
                assert (row.muted, row.hold, row.coaching) == (signs.muted, signs.hold, signs.coaching)
        if self.over:
            self.take(facts.StreamsOver())
            assert {one.state for one in self.forks.values()} <= {ForkState.STOPPED, ForkState.LIVE}


test_any_history_in_any_order_ends_as_it_stands_at_the_provider = AnyHistory.TestCase
