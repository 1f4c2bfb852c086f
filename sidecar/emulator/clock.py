"""The emulator's own wall clock, and the two spellings of a moment that Twilio uses. Never handed to the service."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime


def utc_now() -> datetime:
    """The present moment, timezone-aware UTC."""
    return datetime.now(UTC)  # noqa: TID251 - the ban points to ports.clock, which this room may not import


def rfc2822(moment: datetime) -> str:
    """``Mon, 02 Nov 2026 09:15:07 +0000``: REST resources and conference callbacks."""
    return format_datetime(moment)


def iso8601(moment: datetime) -> str:
    """``2026-11-02T09:15:07.250Z``: stream callbacks."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
