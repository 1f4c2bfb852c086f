"""The wallboard's fold: what a row says after which events, and that no order of events breaks it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain import events as ev
from sidecar.domain.alerts.events import AlertAcknowledged, AlertRaised
from sidecar.domain.alerts.rules import AlertKind, Severity
from sidecar.domain.assistant.events import AssistantJoined
from sidecar.domain.conference.values import Conference, ConferenceState, Participant, ParticipantState, Role
from sidecar.domain.wallboard import ALERTS_NAMED, LINE_CHARS, PEOPLE_NAMED, ConferenceFold, WallboardRow
from tests.facts import NOON

CONFERENCE = Conference(
    id="cnf_1", tenant="default", room="support", sid=None, state=ConferenceState.WAITING, clock_zero=NOON,
    ended_at=None, seq=0,
)  # fmt: skip
ROSTER = [
    Participant(
        id=who, conference_id="cnf_1", call_sid=f"CA{who}", label=role.value, name=name, role=role,
        state=ParticipantState.EXPECTED,
    )
    for who, name, role in [("par_a", "Ana", Role.AGENT), ("par_c", "", Role.CUSTOMER)]
]  # fmt: skip


def event(data: ev.EventData, seq: int | None = None, at_ms: int = 0) -> ev.Event:
    return ev.Event(
        id="", type=data.type, seq=seq, timestamp=NOON + timedelta(milliseconds=at_ms), conference="cnf_1",
        conference_sid=None, tenant="default", data=data,
    )  # fmt: skip


def joined(who: str, at_ms: int = 0) -> ev.ParticipantJoined:
    one = next(p for p in ROSTER if p.id == who)
    return ev.ParticipantJoined(
        participant=who, call_sid=one.call_sid, label=one.label, name=one.name, role=one.role, at_ms=at_ms
    )


def forked(who: str, kind: type[Any] = ev.ForkStarted, **more: Any) -> ev.EventData:
    data: ev.EventData = kind(fork=f"frk_{who}", participant=who, at_ms=0, **more)
    return data


def final(
    id_: str, who: str, start_ms: int, end_ms: int, text: str = "hello", *, revision: int = 1
) -> ev.UtteranceFinal:
    return ev.UtteranceFinal(
        id=id_, participant=who, fork=f"frk_{who}", session="ses", result_index=0, revision=revision,
        start_ms=start_ms, end_ms=end_ms, text=text, engine="local", lag_ms=100,
    )  # fmt: skip


def partial(id_: str, who: str, start_ms: int, end_ms: int, text: str = "hel") -> ev.UtterancePartial:
    return ev.UtterancePartial(id=id_, participant=who, start_ms=start_ms, end_ms=end_ms, text=text, lag_ms=100)


STARTED = ev.ConferenceStarted(room="support", conference_sid=None)
CALL = [joined("par_a"), forked("par_a", stream_sid="MZ1"), joined("par_c"), forked("par_c", stream_sid="MZ2"), STARTED]


def fold(*facts: ev.EventData, roster: list[Participant] = ROSTER, at_ms: int = 0) -> ConferenceFold:
    folding = ConferenceFold(CONFERENCE, roster)
    seq = 0
    for fact in facts:
        durable = isinstance(fact, ev.DURABLE)
        seq += durable
        folding.take(event(fact, seq if durable else None, at_ms))
    return folding


def row(*facts: ev.EventData, at_ms: int = 0) -> WallboardRow:
    return fold(*facts, at_ms=at_ms).row()


def test_a_conference_without_events_waits_with_the_people_it_expects() -> None:
    found = row()
    assert (found.state, found.started_ms, found.last, found.silent_since_ms) == ("waiting", None, None, None)
    assert [(p.name, p.state) for p in found.people] == [("Ana", "expected"), ("customer", "expected")]


def test_a_call_from_start_to_end() -> None:
    found = row(*CALL, at_ms=500)
    assert (found.state, found.started_ms, found.silent_since_ms) == ("live", 500, 500)
    over = row(*CALL, ev.ConferenceEnded(reason="hung up", at_ms=9000))
    assert (over.state, over.ended_ms, over.silent_since_ms) == ("ended", 9000, None)
    assert fold(*CALL, ev.ConferenceEnded(reason="hung up", at_ms=9000), at_ms=7).ended_at == NOON + timedelta(
        milliseconds=7
    )


def test_talk_and_overtalk_are_counted_per_person() -> None:
    found = row(
        *CALL,
        final("u1", "par_a", 1000, 5000),
        final("u2", "par_c", 4500, 8000),  # half a second at once: a nod
        final("u3", "par_a", 6500, 9000),  # a second and a half at once
        final("u4", "par_a", 7000, 9500),  # one's own words are never over oneself's, but over u2 again
    )
    assert [(p.name, p.talk_ms) for p in found.people] == [("Ana", 9000), ("customer", 3500)]
    assert (found.overtalk, found.speech_ms, found.silent_since_ms) == (2, 8500, 9500)


def test_a_revision_replaces_what_was_said() -> None:
    found = row(
        *CALL,
        final("u1", "par_a", 0, 4000, "too long"),
        final("u1", "par_a", 0, 2000, "right", revision=2),
        final("u1", "par_a", 0, 9000, "old", revision=1),
    )
    assert (found.people[0].talk_ms, found.last and found.last.text) == (2000, "right")


def test_the_last_line_is_of_whoever_began_last_and_becomes_final_in_place() -> None:
    said = [*CALL, final("u1", "par_a", 0, 4000, "Hello."), partial("u2", "par_c", 3000, 5000, "I")]
    found = row(*said, partial("u3", "par_a", 2000, 6000, "Let"))
    assert found.last
    assert (found.last.text, found.last.role, found.last.partial) == ("I", "customer", True)
    done = row(*said, final("u2", "par_c", 3000, 5000, "I see."), partial("u2", "par_c", 3000, 5100, "late"))
    assert done.last
    assert (done.last.text, done.last.partial) == ("I see.", False)


def test_a_partial_that_came_to_nothing_or_was_cut_off_gives_the_line_back() -> None:
    said = [*CALL, final("u1", "par_a", 0, 4000, "Hello."), partial("u2", "par_c", 5000, 6000, "I")]
    for over in (
        partial("u2", "par_c", 5000, 6000, ""),
        forked("par_c", ev.ForkInterrupted, reason="lost"),
        ev.ParticipantLeft(participant="par_c", reason="hung up", at_ms=1),
        ev.ConferenceEnded(reason="over", at_ms=1),
    ):
        found = row(*said, over)
        assert found.last
        assert found.last.text == "Hello."


def test_nobody_claims_silence_while_somebody_is_not_heard() -> None:
    lost = forked("par_c", ev.ForkInterrupted, reason="lost")
    assert row(*CALL, lost).silent_since_ms is None
    assert row(*CALL, lost).people[1].fork == "interrupted"
    again = forked("par_c", ev.ForkResumed, stream_sid="MZ3", epoch=2)
    assert row(*CALL, lost, again, at_ms=40).silent_since_ms == 40
    assert (
        row(*CALL, lost, ev.ParticipantLeft(participant="par_c", reason="x", at_ms=1), at_ms=40).silent_since_ms == 40
    )
    folding = fold(*CALL, final("u1", "par_c", 0, 4_000), lost)
    folding.take(event(again, folding.seq + 1, at_ms=60_000))
    assert folding.silent_since_ms() == 60_000


def test_an_assistant_has_no_fork_and_is_none_the_less_heard() -> None:
    """What it says is known without hearing it: nobody waits for a stream of it."""
    there = ev.ParticipantJoined(
        participant="par_ava", call_sid="CA_ava", label="assistant-ast_1", name="Ava", role=Role.ASSISTANT, at_ms=20
    )
    line = AssistantJoined(
        assistant="ast_1", participant="par_ava", call_sid="CA_ava", label="assistant-ast_1", name="Ava", at_ms=20
    )
    found = row(*CALL, there, line, at_ms=40)
    assert found.silent_since_ms is not None
    [ava] = [person for person in found.people if person.role is Role.ASSISTANT]
    assert (ava.state, ava.fork) == (ParticipantState.JOINED, "own")


def test_whoever_speaks_just_now_ends_the_silence() -> None:
    assert row(*CALL, final("u1", "par_a", 0, 4000), partial("u2", "par_c", 8000, 9000)).silent_since_ms == 9000


def test_a_call_is_on_hold_while_all_its_customers_are_and_then_nobody_is_silent() -> None:
    def told(who: str, at_ms: int = 0, **signs: bool) -> ev.ParticipantUpdated:
        one = next(p for p in ROSTER if p.id == who)
        return ev.ParticipantUpdated(
            participant=who, label=one.label, name=one.name, role=one.role, at_ms=at_ms, **signs
        )

    assert not row(*CALL, told("par_a", hold=True)).on_hold
    held = row(*CALL, told("par_c", hold=True, muted=True))
    assert (held.on_hold, held.state, held.silent_since_ms) == (True, ConferenceState.LIVE, None)
    assert [(p.muted, p.hold, p.coaching) for p in held.people] == [(False, False, False), (True, True, False)]
    second = ev.ParticipantJoined(
        participant="par_d", call_sid="CAd", label="d", name="Dee", role=Role.CUSTOMER, at_ms=9
    )
    assert not row(*CALL, told("par_c", hold=True), second).on_hold
    left = ev.ParticipantLeft(participant="par_d", reason="x", at_ms=10)
    assert row(*CALL, told("par_c", hold=True), second, left).on_hold
    back = row(*CALL, told("par_c", hold=True), told("par_c", at_ms=9_000))
    assert (back.on_hold, back.silent_since_ms) == (False, 9_000)
    assert not row(*CALL, told("par_c", hold=True), ev.ConferenceEnded(reason="over", at_ms=1)).on_hold


def test_a_whisper_on_the_line_is_marked() -> None:
    whisper = msgspec.structs.replace(final("u1", "par_a", 0, 4000), coaching=True)
    found = row(*CALL, whisper)
    assert found.last
    assert found.last.coaching


def test_gaps_and_what_waits_for_the_store_are_told() -> None:
    gaps = [
        ev.TranscriptGap(participant="par_a", fork="frk", from_ms=start, to_ms=start + 1500, reason="stream_lost")
        for start in (0, 9000)
    ]
    found = row(*CALL, *gaps, ev.Ping(time=NOON, unsaved=4))
    assert (found.gaps, found.gap_ms, found.unsaved) == (2, 3000, 4)
    assert row(ev.Ping(time=NOON, unsaved=4), ev.Ping(time=NOON, unsaved=0)).unsaved == 0


def test_long_lines_and_many_people_are_cut() -> None:
    found = row(*CALL, final("u1", "par_a", 0, 1, "x" * 999))
    assert found.last
    assert (len(found.last.text), found.last.text[-1]) == (LINE_CHARS, "…")
    crowd = [
        ev.ParticipantJoined(participant=f"p{n}", call_sid="CA", label="a", name=f"N{n}", role=Role.OTHER, at_ms=0)
        for n in range(20)
    ]
    found = row(ev.ParticipantLeft(participant="par_a", reason="x", at_ms=0), *crowd)
    assert (len(found.people), found.others) == (PEOPLE_NAMED, 10)
    assert "Ana" not in [p.name for p in found.people]


def test_somebody_unknown_is_asked_for_and_named_by_the_roster() -> None:
    folding = fold(roster=[])
    started = event(forked("par_a", stream_sid="MZ1"), 1)
    assert not folding.knows(started)
    assert folding.knows(event(joined("par_a"), 1))
    folding.take(started)
    folding.meet(ROSTER)
    assert [p.name for p in folding.row().people] == ["Caller", "customer"]


ms = st.integers(0, 60_000)
who = st.sampled_from(["par_a", "par_c", "par_x"])
known = st.sampled_from(["par_a", "par_c"])
ids = st.sampled_from(["u1", "u2", "u3"])
durable = st.one_of(
    st.just(STARTED),
    st.builds(ev.ConferenceEnded, reason=st.just("over"), at_ms=ms),
    st.builds(joined, known, ms),
    st.builds(
        ev.ParticipantUpdated, participant=who, label=st.just("l"), name=st.text(max_size=5), role=st.sampled_from(Role)
    ),
    st.builds(ev.ParticipantLeft, participant=who, reason=st.just("x"), at_ms=ms),
    st.builds(forked, who, stream_sid=st.just("MZ")),
    st.builds(lambda p, kind: forked(p, kind, reason="x"), who, st.sampled_from([ev.ForkInterrupted, ev.ForkStopped])),
    st.builds(final, ids, who, ms, ms, st.text(max_size=300), revision=st.integers(1, 3)),
    st.builds(ev.TranscriptGap, participant=who, fork=st.just("f"), from_ms=ms, to_ms=ms, reason=st.just("lost")),
)
passing = st.one_of(
    st.builds(partial, ids, who, ms, ms, st.text(max_size=20)),
    st.builds(ev.Ping, time=st.just(NOON), unsaved=st.integers(0, 9)),
)


@given(st.lists(st.tuples(st.one_of(durable, passing), st.none() | st.integers(1, 30)), max_size=40))
def test_no_order_of_events_breaks_the_row(told: list[tuple[ev.EventData, int | None]]) -> None:
    """Also events that come twice, with any seq, about people that nobody knows."""
    folding = ConferenceFold(CONFERENCE, ROSTER)
    for fact, seq in told:
        folding.take(event(fact, seq if isinstance(fact, ev.DURABLE) else None))
        found = folding.row()
        assert msgspec.json.decode(msgspec.json.encode(found), type=WallboardRow) == found
        assert all(p.talk_ms >= 0 for p in found.people)
        assert min(found.speech_ms, found.overtalk, found.gap_ms, found.silent_since_ms or 0) >= 0
        assert (found.state == "ended") == (found.ended_ms is not None)


@given(st.lists(st.one_of(durable, passing), max_size=40))
def test_a_replay_of_the_log_gives_the_same_row_as_having_listened(told: list[ev.EventData]) -> None:
    listened = fold(*told)
    listened._partials.clear()  # of what passes, the log knows nothing
    listened._unsaved = 0
    replayed = fold(*(fact for fact in told if isinstance(fact, ev.DURABLE)))
    assert replayed.row() == listened.row()


@given(st.lists(durable, min_size=1, max_size=30), st.data())
def test_events_that_come_again_change_nothing(told: list[ev.EventData], data: st.DataObject) -> None:
    once, twice = fold(*told), fold(*told)
    for n in data.draw(st.lists(st.integers(0, len(told) - 1))):
        twice.take(event(told[n], n + 1))
    assert twice.row() == once.row()


def alert(alert_id: str, severity: Severity, at_ms: int) -> AlertRaised:
    return AlertRaised(
        alert=alert_id, rule="rul", name=f"{severity} {alert_id}", kind=AlertKind.PHRASE, severity=severity, at_ms=at_ms
    )


def test_open_alerts_stand_in_the_row_the_loudest_first_until_somebody_takes_note() -> None:
    raised = [alert("a", Severity.NOTICE, 1), alert("b", Severity.CRITICAL, 2), alert("c", Severity.WARNING, 3)]
    row = fold(*CALL, *raised).row()
    assert ([one.alert for one in row.alerts], row.alerts_open) == (["b", "c", "a"], 3)
    noted = AlertAcknowledged(alert="b", by="Ana", at_ms=5)
    row = fold(*CALL, *raised, noted, noted).row()
    assert ([one.alert for one in row.alerts], row.alerts_open) == (["c", "a"], 2)


def test_more_open_alerts_than_a_row_names_are_counted() -> None:
    row = fold(*CALL, *[alert(str(n), Severity.WARNING, n) for n in range(ALERTS_NAMED + 3)]).row()
    assert (len(row.alerts), row.alerts_open) == (ALERTS_NAMED, ALERTS_NAMED + 3)
