"""The rules of rooms, and the golden callbacks."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.emulator.conferences import Changes, CoachedAbsent, JoinRefused, Leaving, Notice, Rooms
from sidecar.emulator.sids import is_sid
from sidecar.emulator.state import Account, Call, CallStatus, ConferenceStatus, State, StatusCallback
from sidecar.emulator.twiml import DialConference

GOLDEN = Path(__file__).parents[2] / "golden" / "twilio" / "conference"
NOW = datetime(2026, 11, 2, 9, 15, 7, tzinfo=UTC)
CALLBACK = StatusCallback(
    url="https://h.example/c", events=frozenset({"start", "end", "join", "leave", "mute", "hold", "modify"})
)


def golden(name: str) -> dict[str, str]:
    return dict(parse_qsl((GOLDEN / f"{name}.form").read_text().strip(), strict_parsing=True))


CUSTOMER, AGENT = golden("participant-join")["CallSid"], golden("conference-end")["CallSidEndingConference"]


def hall(*sids: str) -> tuple[State, Rooms]:
    state = State(account=Account(golden("participant-join")["AccountSid"], "secret"))
    for sid in sids:
        state.calls[sid] = Call(
            sid=sid,
            from_="client:a",
            to="+12025550100",
            label="",
            status=CallStatus.IN_PROGRESS,
            created_at=NOW,
            updated_at=NOW,
        )
    return state, Rooms(state)


def dial(label: str | None = None, **options: Any) -> DialConference:
    return DialConference(room="garage-17", label=label, callback=CALLBACK, **options)


def events(notices: list[Notice] | tuple[Notice, ...]) -> list[str]:
    return [notice.form["StatusCallbackEvent"] for notice in notices]


def test_a_conference_of_two_sends_the_golden_callbacks() -> None:
    """Join, join, start, leave, leave, end; numbered from 1 in this order."""
    state, rooms = hall(CUSTOMER, AGENT)
    notices = rooms.join(state.calls[CUSTOMER], dial("customer"), NOW)
    notices += rooms.join(state.calls[AGENT], dial("agent"), NOW)
    for sid in (CUSTOMER, AGENT):
        state.calls[sid].status = CallStatus.COMPLETED
        notices += rooms.leave(state.calls[sid], NOW).notices
    assert [notice.form["SequenceNumber"] for notice in notices] == ["1", "2", "3", "4", "5", "6"]
    by_number = {notice.form["SequenceNumber"]: notice.form for notice in notices}
    for name in ("participant-join", "conference-start", "participant-leave", "conference-end"):
        expected = golden(name)
        form = by_number[expected["SequenceNumber"]]
        assert is_sid(form["ConferenceSid"], "CF")
        assert form | {"ConferenceSid": expected["ConferenceSid"]} == expected


def test_a_conference_starts_with_the_second_if_one_of_them_may_start_it() -> None:
    """startConferenceOnEnter of the one who waits counts as well."""
    state, rooms = hall("CA1", "CA2", "CA3")
    rooms.join(state.calls["CA1"], dial(start_on_enter=False), NOW)
    assert events(rooms.join(state.calls["CA2"], dial(start_on_enter=False), NOW)) == ["participant-join"]
    assert events(rooms.join(state.calls["CA3"], dial(), NOW)) == ["participant-join", "conference-start"]
    conference = state.live_conference("garage-17")
    assert conference is not None
    assert conference.status is ConferenceStatus.IN_PROGRESS


def test_a_moderator_who_leaves_ends_the_conference_and_puts_the_others_out() -> None:
    """Each gets a leave with the moderator as reason; the end names the moderator's call."""
    state, rooms = hall("CA1", "CA2")
    rooms.join(state.calls["CA1"], dial(end_on_exit=True), NOW)
    rooms.join(state.calls["CA2"], dial("b"), NOW)
    departure = rooms.leave(state.calls["CA1"], NOW)
    assert departure.put_out == ("CA2",)
    assert events(departure.notices) == ["participant-leave", "participant-leave", "conference-end"]
    assert departure.notices[1].form["ReasonParticipantLeft"] == "moderator_ended_conference"
    end = departure.notices[2].form
    assert end["ReasonConferenceEnded"] == "participant-with-end-conference-on-exit-left"
    assert end["CallSidEndingConference"] == "CA1"
    assert state.live_conference("garage-17") is None


def test_only_the_first_participants_callback_counts() -> None:
    """The second cannot subscribe anybody."""
    state, rooms = hall("CA1", "CA2")
    silent = DialConference(room="garage-17")
    assert rooms.join(state.calls["CA1"], silent, NOW) == []
    assert rooms.join(state.calls["CA2"], dial(), NOW) == []


def test_only_selected_events_are_sent_and_numbered() -> None:
    """A hole in the numbers is a lost callback, nothing else."""
    state, rooms = hall("CA1", "CA2")
    only_leave = StatusCallback(url="https://h.example/c", events=frozenset({"leave"}))
    rooms.join(state.calls["CA1"], DialConference(room="r", callback=only_leave), NOW)
    rooms.join(state.calls["CA2"], DialConference(room="r"), NOW)
    (notice,) = rooms.leave(state.calls["CA2"], NOW).notices
    assert notice.form["SequenceNumber"] == "1"


def test_a_taken_label_keeps_the_call_out() -> None:
    """Twilio's 16025; the room stays as it was."""
    state, rooms = hall("CA1", "CA2")
    rooms.join(state.calls["CA1"], dial("agent"), NOW)
    with pytest.raises(JoinRefused) as refused:
        rooms.join(state.calls["CA2"], dial("agent"), NOW)
    assert refused.value.code == "conference_label_taken"
    assert state.conference_of("CA2") is None


@pytest.mark.parametrize("label", ["a/b", "a%2Fb", "x" * 129, "CA" + "a1" * 16])
def test_a_label_twilio_forbids_is_refused(label: str) -> None:
    """Twilio's 16023."""
    state, rooms = hall("CA1")
    with pytest.raises(JoinRefused) as refused:
        rooms.join(state.calls["CA1"], dial(label), NOW)
    assert refused.value.code == "conference_label_invalid"


def test_a_coach_names_a_call_of_the_room() -> None:
    """Else Twilio's 13240, and the call stays out."""
    state, rooms = hall("CA1", "CA2", "CA3")
    rooms.join(state.calls["CA1"], dial("agent"), NOW)
    (joined,) = rooms.join(state.calls["CA2"], DialConference(room="garage-17", coach="CA1"), NOW)[:1]
    assert joined.form["Coaching"] == "true"
    coach = state.conference_of("CA2")
    assert coach is not None
    assert coach.participants["CA2"].call_sid_to_coach == "CA1"
    for room, coached in (("garage-17", "CA3"), ("another", "CA1")):
        with pytest.raises(JoinRefused) as refused:
            rooms.join(state.calls["CA3"], DialConference(room=room, coach=coached), NOW)
        assert refused.value.code == "conference_coach_invalid"
    assert state.live_conference("another") is None


def test_what_is_changed_about_a_participant_is_told_in_golden_forms() -> None:
    """Mute, hold and the rest each under its own name; back again under the other one; no change is not told."""
    state, rooms = hall(CUSTOMER)
    rooms.join(state.calls[CUSTOMER], dial("customer"), NOW)
    conference = state.live_conference("garage-17")
    assert conference is not None
    customer = conference.participants[CUSTOMER]
    for changes, name in (
        (Changes(muted=True), "participant-mute"),
        (Changes(hold=True, muted=True), "participant-hold"),
        (Changes(end_on_exit=True), "participant-modify"),
    ):
        (notice,) = rooms.update(conference, customer, changes, NOW)
        assert notice.form | {"ConferenceSid": golden(name)["ConferenceSid"]} == golden(name)
    assert rooms.update(conference, customer, Changes(muted=True, hold=True, end_on_exit=True), NOW) == []
    back = rooms.update(conference, customer, Changes(muted=False, hold=False), NOW)
    assert events(back) == ["participant-unmute", "participant-unhold"]


def test_coaching_needs_somebody_who_is_there() -> None:
    """Named, and another; whoever stops coaching keeps the name, as with Twilio, and nothing else asks for it."""
    state, rooms = hall("CA1", "CA2")
    rooms.join(state.calls["CA1"], dial("agent"), NOW)
    rooms.join(state.calls["CA2"], dial("boss"), NOW)
    conference = state.live_conference("garage-17")
    assert conference is not None
    boss = conference.participants["CA2"]
    for refused in (Changes(coaching=True), Changes(call_sid_to_coach="CA2"), Changes(call_sid_to_coach="CA9")):
        with pytest.raises(CoachedAbsent):
            rooms.update(conference, boss, refused, NOW)
    assert events(rooms.update(conference, boss, Changes(call_sid_to_coach="CA1"), NOW)) == ["participant-modify"]
    rooms.leave(state.calls["CA1"], NOW)
    assert events(rooms.update(conference, boss, Changes(muted=True), NOW)) == ["participant-mute"]
    assert events(rooms.update(conference, boss, Changes(coaching=False), NOW)) == ["participant-modify"]
    assert (boss.coaching, boss.call_sid_to_coach) == (False, "CA1")


@pytest.mark.parametrize(
    ("how", "end_on_exit", "left", "ended"),
    [
        (Leaving.HUNG_UP, False, "participant_hung_up", "last-participant-left"),
        (Leaving.REDIRECTED, False, "participant_updated_via_api", "last-participant-left"),
        (Leaving.KICKED, False, "participant_updated_via_api", "last-participant-kicked"),
        (Leaving.KICKED, True, "participant_updated_via_api", "participant-with-end-conference-on-exit-kicked"),
    ],
)
def test_how_the_last_one_leaves_is_why_the_conference_ends(
    how: Leaving, end_on_exit: bool, left: str, ended: str
) -> None:
    """In Twilio's two spellings."""
    state, rooms = hall("CA1")
    rooms.join(state.calls["CA1"], dial(end_on_exit=end_on_exit), NOW)
    notices = rooms.leave(state.calls["CA1"], NOW, how).notices
    assert notices[0].form["ReasonParticipantLeft"] == left
    assert notices[1].form["ReasonConferenceEnded"] == ended


def test_a_dialled_call_joins_only_the_conference_it_was_meant_for() -> None:
    """Not the next one of that room's name."""
    state, rooms = hall("CA1", "CA2", "CA3")
    rooms.join(state.calls["CA1"], dial(), NOW)
    first = state.live_conference("garage-17")
    assert first is not None
    rooms.end(first, NOW)
    rooms.join(state.calls["CA2"], dial(), NOW)
    with pytest.raises(JoinRefused) as refused:
        rooms.join(state.calls["CA3"], DialConference(room="garage-17", conference_sid=first.sid), NOW)
    assert refused.value.code == "conference_over"
    assert rooms.end(first, NOW).notices == ()


def test_who_was_never_in_leaves_without_a_word() -> None:
    """Hang-up before the room, or after being put out."""
    state, rooms = hall("CA1")
    assert rooms.leave(state.calls["CA1"], NOW).notices == ()


def test_who_was_dialled_and_did_not_answer_leaves_a_conference_that_goes_on() -> None:
    """Under the name it was to have; a conference that is over hears of nothing."""
    state, rooms = hall("CA1", "CA2", "CA3")
    rooms.join(state.calls["CA1"], dial(), NOW)
    state.calls["CA3"].status = CallStatus.BUSY
    (conference,) = state.conferences.values()
    expert = DialConference(room="garage-17", conference_sid=conference.sid, label="expert")
    (notice,) = rooms.not_added(state.calls["CA3"], expert, NOW)
    told = ("StatusCallbackEvent", "CallSid", "ParticipantLabel", "ParticipantCallStatus", "ReasonParticipantLeft")
    assert [notice.form[name] for name in told] == [
        *("participant-leave", "CA3", "expert", "busy", "participant_add_failed")
    ]
    rooms.end(conference, NOW)
    assert rooms.not_added(state.calls["CA3"], expert, NOW) == []


def test_the_room_is_free_again_after_the_end() -> None:
    """The same name makes another conference; the old one stays to be looked up."""
    state, rooms = hall("CA1", "CA2")
    rooms.join(state.calls["CA1"], dial(), NOW)
    rooms.leave(state.calls["CA1"], NOW)
    rooms.join(state.calls["CA2"], dial(), NOW)
    assert [c.status for c in state.conferences.values()] == [ConferenceStatus.COMPLETED, ConferenceStatus.INIT]


STEPS = st.lists(
    st.tuples(st.sampled_from(["join", "leave", "kick", "update", "end"]), st.integers(0, 5), *[st.booleans()] * 2),
    max_size=40,
)


@given(STEPS)
def test_whoever_comes_and_goes_the_numbers_have_no_hole(steps: list[tuple[str, int, bool, bool]]) -> None:
    """Per conference 1, 2, 3 …; as many leaves as joins once all are gone; one end each, and it is the last.

    Whatever is muted or held in between.
    """
    sids = [f"CA{n}" for n in range(6)]
    state, rooms = hall(*sids)
    notices: list[Notice] = []
    for step, n, one, other in steps:
        call = state.calls[sids[n]]
        conference = state.conference_of(call.sid)
        if conference is None:
            if step == "join":
                notices += rooms.join(call, dial(start_on_enter=one, end_on_exit=other), NOW)
        elif step == "update":
            participant = conference.participants[call.sid]
            notices += rooms.update(conference, participant, Changes(muted=one, hold=other), NOW)
            assert (participant.muted, participant.hold) == (one, other)
        elif step == "end":
            notices += rooms.end(conference, NOW).notices
        elif step != "join":
            notices += rooms.leave(call, NOW, Leaving.KICKED if step == "kick" else Leaving.HUNG_UP).notices
    for sid in sids:
        notices += rooms.leave(state.calls[sid], NOW).notices
    for conference in state.conferences.values():
        forms = [notice.form for notice in notices if notice.conference_sid == conference.sid]
        told = [form["StatusCallbackEvent"] for form in forms]
        assert [int(form["SequenceNumber"]) for form in forms] == list(range(1, len(forms) + 1))
        assert told.count("participant-join") == told.count("participant-leave")
        assert told.count("conference-end") == 1
        assert told[-1] == "conference-end"
