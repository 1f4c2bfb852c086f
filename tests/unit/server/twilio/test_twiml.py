"""Each moment of a call has its TwiML: it parses, equals its golden file, and carries any text as text."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from sidecar.server.twilio.twiml import (
    Announce,
    AskAgain,
    ForkConference,
    HangUp,
    JoinAssistant,
    JoinConference,
    render,
)

GOLDEN = Path(__file__).parents[3] / "golden" / "twiml"
MOMENT = ForkConference(
    notice="",
    stream_name="frk_1-1",
    media_url="wss://h.example/twilio/media",
    stream_events_url="https://h.example/twilio/stream-events",
    conference_events_url="https://h.example/twilio/conference-events",
    token="k3v9",
    label="agent",
    room="r-118",
)


def test_a_forked_call_into_a_conference_equals_its_golden_file() -> None:
    """An asynchronous fork, then the room; no bidirectional attribute, no query on the stream's address."""
    assert render(MOMENT).strip() == (GOLDEN / "fork_conference.xml").read_text().strip()


def test_a_call_that_is_not_forked_joins_its_conference_all_the_same() -> None:
    """The same room and callbacks, no stream."""
    moment = JoinConference(
        notice="This call is transcribed.",
        conference_events_url=MOMENT.conference_events_url,
        label=MOMENT.label,
        room=MOMENT.room,
    )
    assert render(moment).strip() == (GOLDEN / "join_conference.xml").read_text().strip()


def test_a_notice_is_spoken_before_the_fork() -> None:
    """Nobody is transcribed before having been told."""
    spoken = ForkConference(
        **{**{f: getattr(MOMENT, f) for f in MOMENT.__struct_fields__}, "notice": "This call is transcribed."}
    )
    assert [verb.tag for verb in ET.fromstring(render(spoken))] == ["Say", "Start", "Dial"]


def test_an_announcement_says_its_words_and_nothing_else() -> None:
    """Twilio takes Play, Say, Pause and Redirect in it; without words there is nothing to say."""
    assert (
        render(Announce(text="This call is transcribed.")).strip() == (GOLDEN / "announcement.xml").read_text().strip()
    )
    assert list(ET.fromstring(render(Announce(text="")))) == []


def test_the_assistant_s_leg_opens_its_line_and_asks_again_when_it_breaks() -> None:
    """Pause and redirect follow only when the stream is over; a token goes into a Parameter, never into an address."""
    moment = JoinAssistant(
        media_url="wss://h.example/twilio/assistant-media",
        token="k3v9",
        again_url="https://h.example/twilio/assistant?invite=ast_1&attempt=1",
    )
    assert render(moment).strip() == (GOLDEN / "join_assistant.xml").read_text().strip()
    assert [verb.tag for verb in ET.fromstring(render(moment))] == ["Connect", "Pause", "Redirect"]


def test_a_leg_that_comes_at_a_bad_moment_asks_again() -> None:
    moment = AskAgain(again_url="https://h.example/twilio/assistant?invite=ast_1&attempt=3")
    assert render(moment).strip() == (GOLDEN / "ask_again.xml").read_text().strip()


def test_a_leg_that_nobody_needs_hangs_up() -> None:
    assert render(HangUp()).strip() == (GOLDEN / "hang_up.xml").read_text().strip()


xml_text = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn", "Co"]), max_size=60)


@given(xml_text, xml_text, xml_text)
def test_any_text_stays_text(notice: str, label: str, room: str) -> None:
    """Whatever the names, the tree is the same."""
    values = {field: getattr(MOMENT, field) for field in MOMENT.__struct_fields__}
    tree = ET.fromstring(render(ForkConference(**{**values, "notice": notice, "label": label, "room": room})))
    conference = tree.find("Dial/Conference")
    assert conference is not None
    assert (conference.text or "") == room
    assert conference.get("participantLabel") == label
    assert [element.tag for element in tree.iter()] == (
        ["Response"] + (["Say"] if notice else []) + ["Start", "Stream", "Parameter", "Dial", "Conference"]
    )
