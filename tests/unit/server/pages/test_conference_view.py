"""The conference page's context: what it says of people, talk and time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sidecar.domain.blocks import Person
from sidecar.domain.conference.values import Conference, ConferenceState, ParticipantState, Role
from sidecar.domain.events import (
    ConferenceEnded,
    ConferenceStarted,
    Event,
    EventData,
    ForkInterrupted,
    ForkStarted,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantUpdated,
)
from sidecar.server.pages.conference_view import ConferencePage, conference_page, heading, room_words

ZERO = datetime(2026, 11, 1, 12, 41, tzinfo=UTC)


def conference(room: str = "Harbor Bikes") -> Conference:
    return Conference(
        id="cnf_01ABCDEF", tenant="default", room=room, sid=None, state=ConferenceState.LIVE, clock_zero=ZERO,
        ended_at=None, seq=0,
    )  # fmt: skip


def page_of(*facts: tuple[int, EventData], at_s: int = 187) -> ConferencePage:
    """The page after these facts, each with its second, seen at a moment on the conference clock."""
    events = [
        Event(
            id=f"evt_{n}", type=data.type, seq=n, timestamp=ZERO + timedelta(seconds=second), conference="cnf_1",
            conference_sid=None, tenant="default", data=data,
        )
        for n, (second, data) in enumerate(facts, 1)
    ]  # fmt: skip
    return conference_page(conference(), [], events, epoch="e", now=ZERO + timedelta(seconds=at_s))


def joined(who: str, name: str, at_s: int = 1) -> tuple[int, EventData]:
    return at_s, ParticipantJoined(
        participant=who, call_sid="CA", label=who, name=name, role=Role.AGENT, at_ms=at_s * 1000
    )


def updated(who: str, at_s: int, **signs: bool) -> tuple[int, EventData]:
    return at_s, ParticipantUpdated(
        participant=who, label=who, name=who, role=Role.CUSTOMER, at_ms=at_s * 1000, **signs
    )


STARTED = (0, ConferenceStarted(room="r", conference_sid=None))
HEARD = (2, ForkStarted(fork="f", participant="a", stream_sid="MZ", at_ms=2000))


def test_a_running_call_says_how_long_it_has_run_and_who_is_transcribed() -> None:
    page = page_of(STARTED, joined("a", "Maya"), HEARD)
    assert (page.call_state, page.call_words) == ("live", "Live 03:07")
    assert (page.coverage, page.coverage_state) == ("1 of 1 person being transcribed", "quiet")
    assert page.connection == "Connecting"
    assert page.summary == []


def test_a_person_without_a_fork_or_with_an_interrupted_one_is_a_trouble_in_words() -> None:
    lost = (9, ForkInterrupted(fork="f", participant="a", reason="closed", at_ms=9000))
    page = page_of(STARTED, joined("a", "Maya"), HEARD, lost, joined("b", "Customer"))
    assert [one.trouble for one in page.people] == ["Audio interrupted, asking for it again", "Not transcribed yet"]
    assert (page.coverage, page.coverage_state) == ("0 of 2 people being transcribed", "warn")


def test_somebody_who_left_is_shown_with_the_time() -> None:
    page = page_of(STARTED, joined("a", "Maya"), (60, ParticipantLeft(participant="a", reason="left", at_ms=60_000)))
    assert page.people[0].meta == "left 01:00 · 0 %"
    assert page.coverage == ""


def test_a_call_before_its_start_is_waiting() -> None:
    assert page_of().call_words == "Waiting"
    assert page_of().started == "not yet"


def test_an_ended_call_without_words_has_a_summary_that_says_so() -> None:
    page = page_of(STARTED, (65, ConferenceEnded(reason="x", at_ms=65_000)))
    assert page.call_words == "Ended 01:05"
    assert page.empty == "Nobody spoke on this call."
    assert page.summary == [
        ("Duration", "1 min 5 s"),
        ("Time", "12:41 UTC to 12:42 UTC"),
        ("Not transcribed", "no gaps"),
        ("Talk", "nobody spoke"),
    ]


def test_the_heading_names_up_to_three_and_counts_the_rest() -> None:
    def person(name: str) -> Person:
        return Person(participant=name, name=name, label="", role=Role.AGENT, state=ParticipantState.JOINED)

    assert heading([], "Harbor Bikes") == "Harbor Bikes"
    assert heading([person(n) for n in ("A", "B", "C")], "r") == "A · B · C"
    assert heading([person(n) for n in ("A", "B", "C", "D")], "r") == "A · B · 2 more"


def test_a_room_named_after_our_id_is_shown_as_a_short_call_name() -> None:
    assert room_words(conference("cnf_01ABCDEF")) == "Call ABCDEF"
    assert room_words(conference("support")) == "support"


def test_a_call_on_hold_says_for_how_long_and_that_is_no_trouble() -> None:
    held = updated("a", 60, hold=True, muted=True)
    page = page_of(STARTED, joined("a", "Lena"), HEARD, held)
    assert (page.call_state, page.call_words) == ("warn", "On hold 02:07")
    assert (page.coverage, page.coverage_state) == ("0 of 1 person being transcribed", "quiet")
    assert (page.people[0].signs, page.people[0].trouble) == ("hold muted", "")
    assert [row.parts for row in page.rows if row.kind == "system"][-1] == [("name", "a"), ("text", " on hold")]
    back = page_of(STARTED, joined("a", "Lena"), HEARD, held, updated("a", 90, coaching=True))
    assert (back.call_state, back.call_words, back.people[0].signs) == ("live", "Live 03:07", "coaching")
    over = page_of(STARTED, joined("a", "Lena"), HEARD, held, (95, ConferenceEnded(reason="x", at_ms=95_000)))
    assert over.call_words == "Ended 01:35"
