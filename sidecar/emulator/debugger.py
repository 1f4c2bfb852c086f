"""The debugger log: what the service did wrong, with Twilio's error number. Bounded; the oldest entries go first.

Twilio's own log of the same kind: https://www.twilio.com/docs/usage/troubleshooting/debugging-your-application.
Numbers: https://www.twilio.com/docs/api/errors. Texts here are ours.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime
from enum import IntEnum

import msgspec
import structlog

from sidecar.emulator.clock import iso8601, utc_now

MAX_ENTRIES = 500

_log = structlog.get_logger()


class ErrorNumber(IntEnum):
    """Twilio's numbers for what this floor can notice."""

    EMULATOR_LIMIT = 0  # not Twilio's: the emulator cannot do what was asked, or failed itself
    HTTP_RETRIEVAL_FAILURE = 11200
    HTTP_BAD_STATUS = 11217
    TWIML_TOO_LARGE = 11750
    TWIML_UNPARSABLE = 12100
    TWIML_SCHEMA_WARNING = 12200
    TWIML_CONTENT_TYPE = 12300
    CONFERENCE_COACH_INVALID = 13240
    CONFERENCE_LABEL_INVALID = 16023
    CONFERENCE_LABEL_TAKEN = 16025
    CONFERENCE_COACHED_ABSENT = 16028
    CONFERENCE_NOT_IN_STATE = 16099
    STREAM_NO_ANSWER = 31901
    STREAM_REFUSED = 31902
    STREAM_HANDSHAKE = 31920
    STREAM_CLOSED_BY_SERVICE = 31921
    STREAM_NOT_WSS = 31922
    STREAM_URL_MALFORMED = 31923
    STREAM_PROTOCOL = 31924
    STREAM_BUFFER_FULL = 31931
    STREAM_BAD_TRACK = 31941
    STREAM_MESSAGE_MALFORMED = 31951


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One mistake. ``sid``: the call, conference or stream it concerns; ``at``: ISO 8601, UTC."""

    error_code: int
    sid: str
    at: str
    text: str


class Debugger:
    """Keeps the newest entries and counts all of them."""

    def __init__(self, now: Callable[[], datetime] = utc_now) -> None:
        self._now = now
        self._entries: deque[Entry] = deque(maxlen=MAX_ENTRIES)
        self.total = 0

    def note(self, number: ErrorNumber, sid: str, text: str) -> None:
        """Write an entry, and a warning to the log. The text must hold no secret, number or spoken word."""
        self.total += 1
        self._entries.append(Entry(error_code=int(number), sid=sid, at=iso8601(self._now()), text=text))
        _log.warning("emulator_debugger", error_code=int(number), sid=sid, text=text)

    @property
    def entries(self) -> list[Entry]:
        """Oldest first."""
        return list(self._entries)
