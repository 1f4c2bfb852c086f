"""Where a number leads: what would change, what belongs to somebody else, which number is meant."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.number_wiring import Number, Wiring, changes, chosen, wanted

OURS = "https://sidecar.example.com"
VOICE, EVENTS = OURS + "/twilio/voice", OURS + "/twilio/participant-events"
texts = st.sampled_from(["", VOICE, VOICE + "?room=a", EVENTS, "https://crm.example/voice", "AP" + "1" * 32])
wirings = st.builds(
    Wiring, voice_url=texts, voice_method=st.sampled_from(["GET", "POST"]), status_callback=texts, application_sid=texts
)


def number(phone_number: str) -> Number:
    return Number(sid="PN" + "1" * 32, phone_number=phone_number, wiring=Wiring())


def test_a_new_number_gets_both_addresses() -> None:
    target = wanted(Wiring(), OURS, room="support 1")
    found = changes(Wiring(), target, OURS)
    assert [(change.field, change.wanted, change.foreign) for change in found] == [
        ("voice_url", VOICE + "?room=support+1", False),
        ("status_callback", EVENTS, False),
    ]


@given(wirings, st.sampled_from([None, "", "support-1"]))
def test_after_its_changes_there_is_nothing_to_do(present: Wiring, room: str | None) -> None:
    """So the command may be repeated."""
    target = wanted(present, OURS, room=room)
    done = msgspec.structs.replace(
        present, **{change.field: change.wanted for change in changes(present, target, OURS)}
    )
    assert done == target
    assert changes(done, wanted(done, OURS, room=None), OURS) == []


def test_the_query_of_our_own_address_stays_unless_a_room_is_named() -> None:
    present = Wiring(voice_url=VOICE + "?room=a&label=agent")
    assert wanted(present, OURS, room=None).voice_url == present.voice_url
    assert wanted(present, OURS, room="b").voice_url == VOICE + "?room=b"
    assert wanted(present, OURS, room="").voice_url == VOICE


@pytest.mark.parametrize(
    ("present", "foreign"),
    [
        (Wiring(voice_url="https://crm.example/voice"), True),
        (Wiring(voice_url="https://sidecar.example.com.evil.example/twilio/voice"), True),
        (Wiring(voice_url=OURS + "/other"), True),
        (Wiring(status_callback="https://crm.example/calls"), True),
        (Wiring(application_sid="AP" + "1" * 32), True),
        (Wiring(voice_url="https://demo.twilio.com/welcome/voice/"), False),
        (Wiring(voice_url=VOICE, voice_method="GET"), False),
        (Wiring(), False),
    ],
)
def test_what_leads_to_somebody_else_is_foreign(present: Wiring, foreign: bool) -> None:
    found = changes(present, wanted(present, OURS, room=None), OURS)
    assert any(change.foreign for change in found) == foreign
    assert found


def test_one_number_needs_no_name_and_several_do() -> None:
    first, second = number("+15550100"), number("+15550101")
    assert chosen([first], "") is first
    assert chosen([first, second], "") is chosen([], "") is chosen([first], "+15550109") is None
    assert chosen([first, second], "+15550101") is second
