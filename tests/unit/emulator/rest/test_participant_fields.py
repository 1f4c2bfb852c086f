"""Fields of a new participant that have no effect, and are checked."""

from __future__ import annotations

import pytest

from sidecar.emulator.rest.answers import RestError
from sidecar.emulator.rest.forms import Form
from sidecar.emulator.rest.participant_fields import check_fields


def test_what_twilio_knows_is_taken() -> None:
    """In its own spelling."""
    given = {"Beep": "onEnter", "JitterBufferSize": "small", "EarlyMedia": "false", "Timeout": "5", "Region": "ie1"}
    check_fields(Form({name: [value] for name, value in {**given, "WaitUrl": "", "Unheard": "of"}.items()}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Beep", "no"),
        ("JitterBufferSize", "tiny"),
        ("EarlyMedia", "maybe"),
        ("Timeout", "4"),
        ("MaxParticipants", "251"),
        ("WaitUrl", "music.wav"),
        ("Region", "eu"),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(name: str, value: str) -> None:
    """20001."""
    with pytest.raises(RestError, match=f"^{name} must be") as error:
        check_fields(Form({name: [value]}))
    assert (error.value.status, error.value.code) == (400, 20001)
