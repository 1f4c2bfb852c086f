"""Calls that REST asks for: the order, the queue of one call a second, and what is told while it rings. Pure.

Sources: https://www.twilio.com/docs/voice/api/call-resource, and for the queue
https://www.twilio.com/docs/voice/api/conference-participant-resource.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from sidecar.domain.errors import SidecarError
from sidecar.emulator.clock import rfc2822
from sidecar.emulator.state import Call, StatusCallback
from sidecar.emulator.twiml import DialConference, Redirect
from sidecar.emulator.webhooks import Answer

BETWEEN_CALLS_S = 1.0  # Twilio dials one call a second for an account without an approved business profile
RING_S = 0.5
MAX_QUEUED = 100  # more than so many waiting calls are refused, as too many requests

# What an answered call performs: a document to fetch, one at hand, or the conference that it was dialled for.
Source = Redirect | Answer | DialConference


class QueueFull(SidecarError):
    """So many calls wait to be dialled that no other is taken (Twilio's 20429)."""

    code = "queue_full"


class ToApplication(msgspec.Struct, frozen=True):
    """An application is dialled (``To=app:AP…``): it performs its documents while it is in the conference ``joins``.

    ``parameters``: what stood in the query of ``To``; the application is asked with them.
    """

    sid: str
    parameters: Mapping[str, str]
    joins: DialConference


class DialOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to dial, and what to do when it is answered. ``limit_s``: then it is hung up; None: Twilio's limit."""

    from_: str
    to: str
    source: Source
    application: ToApplication | None = None
    callback: StatusCallback | None = None
    limit_s: float | None = None

    @property
    def joins(self) -> DialConference | None:
        """The conference that somebody is dialled for, if any."""
        if self.application is not None:
            return self.application.joins
        return self.source if isinstance(self.source, DialConference) else None


class Queue:
    """When the next call may be dialled."""

    def __init__(self) -> None:
        self._free_at = 0.0

    def wait_s(self, now: float) -> float:
        """Take the next place; how many seconds from ``now`` (any steady clock) it is. Raises QueueFull."""
        at = max(now, self._free_at)
        if at - now > MAX_QUEUED * BETWEEN_CALLS_S:
            raise QueueFull(f"{MAX_QUEUED} calls wait to be dialled.")
        self._free_at = at + BETWEEN_CALLS_S
        return at - now


def progress_form(call: Call, event: str, now: datetime) -> dict[str, str]:
    """What a call's status callback says besides the fields of a request for TwiML."""
    form = {
        "CallbackSource": "call-progress-events",
        "SequenceNumber": str(call.callbacks_sent),
        "Timestamp": rfc2822(now),
    }
    if event == "initiated":
        form["CallStatus"] = event  # the call itself rings already
    if event == "completed":
        form["CallDuration"] = str(seconds(call))
    return form


def seconds(call: Call) -> int:
    """How long the call has lasted since it was answered, in whole seconds; 0 if it never was."""
    if call.answered_at is None or call.ended_at is None:
        return 0
    return round((call.ended_at - call.answered_at).total_seconds())
