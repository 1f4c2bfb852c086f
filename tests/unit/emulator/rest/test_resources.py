"""State as REST resources: fields and spellings of Twilio's OpenAPI file."""

from __future__ import annotations

from datetime import UTC, datetime

from sidecar.emulator.rest import resources
from sidecar.emulator.state import (
    Call,
    CallStatus,
    Conference,
    ConferenceStatus,
    Participant,
    Stream,
    StreamOrder,
    StreamStatus,
)

NOW = datetime(2026, 11, 2, 9, 15, 7, tzinfo=UTC)
BASE = "/2010-04-01/Accounts/AC1"


def test_a_conference_has_twilios_fields() -> None:
    """Over, it says why and through whom."""
    conference = Conference(
        sid="CF1",
        room="garage-17",
        status=ConferenceStatus.COMPLETED,
        callback=None,
        created_at=NOW,
        updated_at=NOW,
        reason_ended="last-participant-left",
        call_sid_ending="CA1",
    )
    assert resources.conference("AC1", conference) == {
        "account_sid": "AC1",
        "api_version": "2010-04-01",
        "call_sid_ending_conference": "CA1",
        "date_created": "Mon, 02 Nov 2026 09:15:07 +0000",
        "date_updated": "Mon, 02 Nov 2026 09:15:07 +0000",
        "friendly_name": "garage-17",
        "reason_conference_ended": "last-participant-left",
        "region": "us1",
        "sid": "CF1",
        "status": "completed",
        "subresource_uris": {
            "participants": f"{BASE}/Conferences/CF1/Participants.json",
            "recordings": f"{BASE}/Conferences/CF1/Recordings.json",
        },
        "uri": f"{BASE}/Conferences/CF1.json",
    }


def test_a_participant_has_twilios_fields() -> None:
    """Whoever is in the room is connected."""
    participant = Participant(
        call_sid="CA1",
        label="agent",
        muted=True,
        hold=False,
        coaching=False,
        start_on_enter=True,
        end_on_exit=False,
        joined_at=NOW,
        updated_at=NOW,
    )
    shown = resources.participant("AC1", "CF1", participant)
    assert (shown["status"], shown["label"], shown["muted"]) == ("connected", "agent", True)
    assert shown["uri"] == f"{BASE}/Conferences/CF1/Participants/CA1.json"


def test_a_finished_call_has_end_and_duration_as_text() -> None:
    """Twilio writes seconds, from the answer on, as a string; a live call has null for both."""
    call = Call(
        sid="CA1", from_="client:a", to="+12025550100", label="", status=CallStatus.IN_PROGRESS,
        created_at=NOW.replace(minute=14), updated_at=NOW, answered_at=NOW,
    )  # fmt: skip
    live = resources.call("AC1", call)
    call.ended_at = NOW.replace(minute=17)
    over = resources.call("AC1", call)
    assert (live["duration"], live["end_time"]) == (None, None)
    assert (over["duration"], over["end_time"]) == ("120", "Mon, 02 Nov 2026 09:17:07 +0000")


def test_a_stream_is_in_progress_or_stopped() -> None:
    """REST knows no other words; one that failed is stopped."""
    for status, expected in (
        (StreamStatus.CONNECTING, "in-progress"),
        (StreamStatus.LIVE, "in-progress"),
        (StreamStatus.STOPPED, "stopped"),
        (StreamStatus.FAILED, "stopped"),
    ):
        order = StreamOrder(url="wss://h.example/", name=None)
        stream = Stream(sid="MZ1", call_sid="CA1", order=order, status=status, updated_at=NOW)
        assert resources.stream("AC1", stream)["status"] == expected
