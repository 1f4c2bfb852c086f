"""What a call sends when it asks for TwiML, against the golden form."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl

from sidecar.emulator.line import voice_form
from sidecar.emulator.state import Account, Call, CallStatus

GOLDEN = Path(__file__).parents[2] / "golden" / "twilio"
NOW = datetime(2026, 11, 2, 9, 15, 7, 250_000, tzinfo=UTC)


def golden(path: str) -> dict[str, str]:
    return dict(parse_qsl((GOLDEN / path).read_text().strip(), strict_parsing=True))


def test_a_call_asks_for_twiml_with_the_golden_form() -> None:
    """Caller and called under both of their names."""
    expected = golden("voice/incoming.form")
    call = Call(
        sid=expected["CallSid"],
        from_=expected["From"],
        to=expected["To"],
        label="",
        status=CallStatus.RINGING,
        created_at=NOW,
        updated_at=NOW,
    )
    assert voice_form(Account(expected["AccountSid"], "secret"), call) == expected
