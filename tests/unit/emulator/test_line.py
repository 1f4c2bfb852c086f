"""What a call sends when it asks for TwiML, against the golden form."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl

from sidecar.emulator.dialling import ToApplication
from sidecar.emulator.line import application_line, phone_line, voice_form
from sidecar.emulator.sound.track import AudioTrack
from sidecar.emulator.state import Account, Call, CallStatus, Direction
from sidecar.emulator.twiml import DialConference

GOLDEN = Path(__file__).parents[2] / "golden" / "twilio"
NOW = datetime(2026, 11, 2, 9, 15, 7, 250_000, tzinfo=UTC)


def golden(path: str) -> dict[str, str]:
    return dict(parse_qsl((GOLDEN / path).read_text().strip(), strict_parsing=True))


def ringing(form: dict[str, str]) -> Call:
    return Call(
        sid=form["CallSid"],
        from_=form["From"],
        to=form["To"],
        label="",
        status=CallStatus.RINGING,
        direction=Direction(form["Direction"]),
        created_at=NOW,
        updated_at=NOW,
    )


def test_an_application_is_asked_with_the_golden_form() -> None:
    """With its own parameters; what Twilio says itself they cannot change."""
    expected = golden("voice/application.form")
    call = ringing(expected)
    application = ToApplication(
        expected["ApplicationSid"], {"invite": "asst_01", "CallSid": "CA0"}, DialConference(room="r")
    )
    line = application_line(call, application, AudioTrack())
    assert voice_form(Account(expected["AccountSid"], "secret"), line) == expected


def test_an_application_hears_the_conference_and_plays_into_it() -> None:
    """Of somebody with a phone it is the other way round."""
    hears = AudioTrack()
    line = application_line(
        ringing(golden("voice/incoming.form")), ToApplication("AP1", {}, DialConference(room="r")), hears
    )
    assert line.streamed == {"inbound": hears, "outbound": line.tracks["inbound"]}
    phone = phone_line(line.call)
    assert phone.streamed == phone.tracks


def test_a_call_asks_for_twiml_with_the_golden_form() -> None:
    """Caller and called under both of their names."""
    expected = golden("voice/incoming.form")
    assert voice_form(Account(expected["AccountSid"], "secret"), phone_line(ringing(expected))) == expected
