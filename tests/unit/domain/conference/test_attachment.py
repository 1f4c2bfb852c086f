"""Who is asked for a stream, when, and what is said of those who cannot be heard."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sidecar.domain import events as ev
from sidecar.domain.conference import facts
from sidecar.domain.conference.attachment import LAST_WORDS_MS, PENDING_MS, POLL_EVERY_MS, report
from sidecar.domain.conference.course import Course, Step
from sidecar.domain.conference.facts import Signs
from sidecar.domain.conference.values import Conference, Fork, ForkState, ParticipantState, Role
from tests.unit.domain.conference.test_machine import (
    CONFERENCE,
    bound,
    fork,
    fresh,
    gaps,
    news,
    participant,
    play,
    types,
)


def known(sid: str | None = "CF1") -> Conference:
    return msgspec.structs.replace(CONFERENCE, sid=sid)


def empty(sid: str | None = "CF1") -> Course:
    """A conference of which nothing is known but that it is there."""
    return Course.of_rows(known(sid), [], [], at_ms=0)


def never_asked_for(call: str) -> Fork:
    return msgspec.structs.replace(fork(call, epoch=0, covered_ms=1_000), stream_sid=None)


def met(call: str) -> facts.Met:
    return facts.Met(participant=participant(call), fork=never_asked_for(call))


def orders(step: Step, kind: type[facts.Order]) -> list[Any]:
    return [order for order in step.orders if isinstance(order, kind)]


def found(*calls: str, asked_at: int = 0, **more: Any) -> facts.Found:
    return facts.Found(in_progress=True, asked_at=asked_at, present={call: Signs() for call in calls}, **more)


def test_a_stranger_who_joins_is_met_once_and_then_asked_for_at_once() -> None:
    join = msgspec.structs.replace(news("joined", 4, "CA1", muted=True), label="lead")
    heard = play(empty(), join, join, news("changed", 5, "CA1", muted=False))
    assert heard.orders == [facts.Meet(call_sid="CA1", label="lead")]
    assert heard.events == []
    step = play(heard.course, (met("CA1"), 1_300))
    [joined] = step.events
    assert isinstance(joined, ev.ParticipantJoined)
    assert (joined.provider_seq, joined.muted) == (5, False)
    assert orders(step, facts.Reopen) == [facts.Reopen(fork=never_asked_for("CA1"))]
    again = play(step.course, (facts.Tick(), 9_000))
    assert orders(again, facts.Reopen) == []


def test_the_first_stream_starts_the_fork_and_the_time_before_is_a_gap() -> None:
    course = play(empty(), news("joined", 1, "CA1"), (met("CA1"), 1_000)).course
    step = play(course, (bound("CA1"), 1_400))
    assert types(step) == ["transcript.gap", "fork.started"]
    assert gaps(step) == [(1_000, 1_400, "not_forked")]


def test_a_stranger_who_is_gone_before_it_is_met_is_asked_for_by_nobody() -> None:
    course = play(empty(), news("joined", 1, "CA1"), news("left", 2, "CA1")).course
    step = play(course, met("CA1"))
    assert types(step) == ["fork.stopped", "participant.left"]
    assert orders(step, facts.Reopen) == []
    late = play(empty(), news("left", 2, "CA1"), news("joined", 1, "CA1"))
    assert late.orders == []


def test_our_assistant_is_known_and_never_asked_for() -> None:
    course = play(empty(), news("joined", 1, "CA1")).course
    who = msgspec.structs.replace(participant("CA1"), role=Role.ASSISTANT)
    step = play(course, facts.Met(participant=who, fork=None), (facts.Tick(), 60_000), facts.Attach())
    assert types(step) == ["participant.joined"]
    assert orders(step, facts.Reopen) == []
    [standing] = report(step.course).standings
    assert (standing.fork, standing.settled) == (None, True)


def test_a_stream_that_twiml_began_has_its_time_from_the_joining_on() -> None:
    """Before it joins, a notice may be spoken for a long time."""
    course = play(fresh("CA1"), (facts.Tick(), 40_000), (news("joined", 1, "CA1"), 50_000)).course
    assert orders(play(course, (facts.Tick(), 50_000 + PENDING_MS - 1)), facts.Reopen) == []
    late = play(course, (facts.Tick(), 50_000 + PENDING_MS))
    assert len(orders(late, facts.Reopen)) == 1
    assert gaps(play(late.course, (bound("CA1", epoch=2), 56_000))) == [(50_000, 56_000, "not_forked")]
    came = play(course, (bound("CA1"), 50_100), (facts.Tick(), 90_000))
    assert orders(came, facts.Reopen) == []


def test_who_is_let_through_for_want_of_room_is_asked_for_later() -> None:
    unheard = facts.Expected(participant=participant("CA1"), fork=fork("CA1"), unheard="forks_full")
    course = play(empty(), unheard, (news("joined", 1, "CA1"), 0)).course
    step = play(course, (facts.Tick(), 1_000 + PENDING_MS))
    assert len(orders(step, facts.Reopen)) == 1
    assert gaps(play(step.course, (bound("CA1"), 7_000))) == [(0, 7_000, "forks_full")]


def test_a_refusal_is_told_once_and_goes_with_the_gap() -> None:
    course = play(empty(), news("joined", 1, "CA1"), (met("CA1"), 1_000)).course
    refused = facts.StreamRefused(fork_id="frk_CA1", problem="Twilio error 31941: tracks", for_good=True)
    step = play(course, (refused, 2_000), (refused, 3_000))
    [interrupted] = step.events
    assert isinstance(interrupted, ev.ForkInterrupted)
    assert (interrupted.reason, interrupted.detail) == ("stream_refused", "Twilio error 31941: tracks")
    [standing] = report(step.course).standings
    assert (standing.fork, standing.problem) == (ForkState.INTERRUPTED, "Twilio error 31941: tracks")
    bound_at_last = play(step.course, (bound("CA1"), 4_000))
    [gap] = [event for event in bound_at_last.events if isinstance(event, ev.TranscriptGap)]
    assert (gap.from_ms, gap.to_ms, gap.reason) == (1_000, 4_000, "stream_refused")
    assert ev.gap_sentence(gap.reason, gap.detail).endswith("(Twilio error 31941: tracks)")
    assert types(bound_at_last)[-1] == "fork.started"
    assert report(bound_at_last.course).standings[0].problem == ""


@pytest.mark.parametrize("joined_first", [False, True])
def test_a_stream_of_twiml_that_the_network_could_not_open_is_not_waited_for(joined_first: bool) -> None:
    """Its error is told before or behind the joining; one of an older stream is no news."""
    joined: tuple[facts.Fact, int] = (news("joined", 1, "CA1"), 1_000)
    error: tuple[facts.Fact, int] = (facts.StreamFailed(fork_id="frk_CA1", name="frk_CA1-1"), 1_200)
    older: tuple[facts.Fact, int] = (facts.StreamFailed(fork_id="frk_CA1", name="frk_CA1-0"), 1_200)
    assert orders(play(fresh("CA1"), joined, older), facts.Reopen) == []
    step = play(fresh("CA1"), *([joined, error] if joined_first else [error, joined]))
    assert [order.fork.id for order in orders(step, facts.Reopen)] == ["frk_CA1"]
    assert orders(play(step.course, error, (facts.Tick(), 9_000)), facts.Reopen) == []


def test_one_failure_of_the_network_is_no_news_of_a_stream_that_is_being_opened_again() -> None:
    lost = facts.StreamEnded(fork_id="frk_CA1", reason=facts.EndReason.LOST, until_ms=2_000)
    busy = facts.StreamRefused(fork_id="frk_CA1", problem="Twilio did not answer", for_good=False)
    step = play(fresh("CA1"), bound("CA1"), (lost, 2_000), (busy, 2_500), (bound("CA1", epoch=2), 3_000))
    assert types(step).count("fork.interrupted") == 1
    assert gaps(step) == [(2_000, 3_000, "stream_reconnected")]


def test_a_conference_whose_callbacks_go_elsewhere_is_looked_at_and_one_that_we_hear_is_not() -> None:
    polled = play(empty(), (facts.Tick(), POLL_EVERY_MS))
    assert polled.orders == [facts.Inquire(after_restart=False, routine=True)]
    assert play(polled.course, (facts.Tick(), POLL_EVERY_MS + 1_000)).orders == []
    heard = play(empty(), (news("joined", 1, "CA1"), 0), (facts.Tick(), POLL_EVERY_MS))
    assert orders(heard, facts.Inquire) == []
    assert play(empty(sid=None), (facts.Tick(), POLL_EVERY_MS)).orders == []
    rows = [participant("CA1", state=ParticipantState.JOINED, provider_seq=3)]
    restarted = Course.of_rows(known(), rows, [fork("CA1")], at_ms=0)
    assert orders(play(restarted, (facts.Tick(), POLL_EVERY_MS)), facts.Inquire) == []


def test_who_is_found_is_met_and_who_is_not_found_any_more_has_left() -> None:
    first = play(empty(), facts.Attach(), found("CA1", "CA2", labels={"CA1": "lead"}))
    assert orders(first, facts.Inquire) == [facts.Inquire(after_restart=False, routine=True)]
    assert {(one.call_sid, one.label) for one in orders(first, facts.Meet)} == {("CA1", "lead"), ("CA2", "")}
    course = play(first.course, met("CA1"), found("CA1")).course
    gone = play(course, met("CA2"), found())
    assert types(gone).count("participant.left") == 2
    assert not report(gone.course).standings[0].problem


def test_asked_again_a_stopped_fork_is_opened_again_and_a_running_one_left_alone() -> None:
    done = facts.ForkDone(fork_id="frk_CA1", epoch=1, reason=facts.EndReason.STOPPED, until_ms=1_000)
    stopped = facts.StreamEnded(fork_id="frk_CA1", reason=facts.EndReason.STOPPED, until_ms=1_000)
    both = play(fresh("CA1", "CA2"), news("joined", 1, "CA1"), news("joined", 2, "CA2"), bound("CA1"), bound("CA2"))
    course = play(both.course, stopped, done).course
    assert orders(play(course, (facts.Tick(), 60_000)), facts.Reopen) == []  # somebody wanted it so
    step = play(course, (facts.Attach(), 61_000))
    assert [order.fork.id for order in orders(step, facts.Reopen)] == ["frk_CA1"]
    assert gaps(play(step.course, (bound("CA1", epoch=2), 61_500))) == [(1_000, 61_500, "stream_stopped")]


def test_a_stream_whose_participant_left_is_stopped_after_its_last_words() -> None:
    course = play(fresh("CA1"), (news("joined", 1, "CA1"), 0), bound("CA1"), (news("left", 2, "CA1"), 10_000)).course
    assert orders(play(course, (facts.Tick(), 10_000 + LAST_WORDS_MS - 1)), facts.StopStream) == []
    step = play(course, (facts.Tick(), 10_000 + LAST_WORDS_MS), (facts.Tick(), 20_000))
    assert [order.fork.id for order in orders(step, facts.StopStream)] == ["frk_CA1"]


def test_who_comes_back_is_heard_again() -> None:
    """The same call leaves the conference and returns, as after a consultation."""
    course = play(
        fresh("CA1", forks=[fork("CA1", state=ForkState.STOPPED, covered_ms=900)]),
        news("joined", 1, "CA1"), news("left", 2, "CA1"), (news("joined", 3, "CA1"), 30_000),
    ).course  # fmt: skip
    step = play(course, (facts.Tick(), 30_000 + PENDING_MS))
    assert len(orders(step, facts.Reopen)) == 1
    assert gaps(play(step.course, (bound("CA1", epoch=2), 36_000))) == [(30_000, 36_000, "not_forked")]


def test_after_a_restart_nobody_is_asked_for_before_the_network_said_who_is_there() -> None:
    rows = [participant("CA1", state=ParticipantState.JOINED), participant("CA2", state=ParticipantState.JOINED)]
    course = Course.of_rows(known(), rows, [never_asked_for("CA1"), never_asked_for("CA2")], at_ms=0)
    step = play(course, facts.Restarted(), (facts.Tick(), 60_000))
    assert orders(step, facts.Reopen) == []
    answered = play(step.course, (found("CA1", "CA3", after_restart=True), 61_000))
    assert [order.fork.call_sid for order in orders(answered, facts.Reopen)] == ["CA1"]
    assert [order.call_sid for order in orders(answered, facts.Meet)] == ["CA3"]


def test_a_name_and_a_role_can_be_corrected_and_names_stay_unique() -> None:
    course = play(fresh("CA1", "CA2"), news("joined", 1, "CA1")).course
    step = play(course, facts.Corrected(call_sid="CA1", name="CA2", role=Role.AGENT))
    [updated] = step.events
    assert isinstance(updated, ev.ParticipantUpdated)
    assert (updated.name, updated.role, updated.provider_seq) == ("CA2 2", Role.AGENT, None)
    assert play(step.course, facts.Corrected(call_sid="CA1", role=Role.AGENT)).events == []
    assert play(step.course, facts.Corrected(call_sid="CA_nobody", name="x")).events == []


def test_a_call_that_is_gone_is_stopped_with_the_reason() -> None:
    course = play(empty(), news("joined", 1, "CA1"), (met("CA1"), 1_000)).course
    step = play(course, (facts.CallGone(fork_id="frk_CA1", problem="Twilio error 20404"), 2_000))
    assert types(step) == ["transcript.gap", "fork.stopped"]
    [standing] = report(step.course).standings
    assert (standing.fork, standing.problem) == (ForkState.STOPPED, "Twilio error 20404")
