"""Twilio's two spellings of a moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from sidecar.emulator.clock import iso8601, rfc2822, utc_now

MOMENT = datetime(2026, 11, 2, 9, 15, 7, 250_400, tzinfo=UTC)


def test_rest_and_conference_callbacks_use_rfc_2822() -> None:
    """The day's name, no fraction, a numeric zone."""
    assert rfc2822(MOMENT) == "Mon, 02 Nov 2026 09:15:07 +0000"


def test_stream_callbacks_use_iso_8601_with_milliseconds_in_utc() -> None:
    """Whatever the zone of the value."""
    assert iso8601(MOMENT.astimezone(timezone(timedelta(hours=5)))) == "2026-11-02T09:15:07.250Z"


def test_now_knows_its_zone() -> None:
    """Never a naive time."""
    assert utc_now().tzinfo is UTC
