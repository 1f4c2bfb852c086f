"""What a tenant has decided about its calls: what is hidden in them, and for how long they are kept. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from sidecar.domain.conference.values import Conference, ConferenceState
from sidecar.domain.errors import SidecarError
from sidecar.domain.redaction.rules import Policy

RETENTION_DAYS_MOST = 36_500


class Keeping(msgspec.Struct, frozen=True, kw_only=True):
    """``retention_days``: a conference is deleted so many days after its end; 0: never."""

    policy: Policy = Policy()
    retention_days: int = 0

    def ended_before(self, now: datetime) -> datetime | None:
        """Conferences that ended before this moment have been kept for long enough; None: none ever has."""
        return now - timedelta(days=self.retention_days) if self.retention_days else None


class NotDeletable(SidecarError):
    """A conference cannot be deleted just now. ``code``: conference_going_on, or transcript_unfinished: it has ended,
    and what was said last is still being written down."""

    code = "conference_going_on"


def check_deletable(conference: Conference, *, complete: bool) -> None:
    """Raises NotDeletable for one that goes on, or is not written down to its end."""
    if conference.state is not ConferenceState.ENDED:
        raise NotDeletable(
            f"Conference {conference.id} goes on.", next_step="Delete it when it has ended.", code="conference_going_on"
        )
    if not complete:
        raise NotDeletable(
            f"The transcript of conference {conference.id} is not complete yet.",
            next_step="Try again when transcript.completed has been told.",
            code="transcript_unfinished",
        )
