"""When transcription of a conference is paused: stretches of its clock during which nobody is to be heard. Pure."""

from __future__ import annotations

from sidecar.domain.conference.facts import Pause, Resume
from sidecar.domain.conference.values import Conference
from sidecar.domain.events import TranscriptPaused, TranscriptResumed
from sidecar.domain.spans import NEVER, Spans

# Audio is on its way to us for so long: what comes now was said up to this long ago.
IN_FLIGHT_MS = 300


def stored_pause(conference: Conference) -> Spans:
    """The newest pause, as the conference's row has it."""
    if conference.paused_ms is None:
        return NEVER
    if conference.resumed_ms is None:
        return Spans(since=conference.paused_ms)
    return Spans(closed=((conference.paused_ms, conference.resumed_ms),))


def after(pauses: Spans, wish: Pause | Resume, at_ms: int) -> tuple[Spans, TranscriptPaused | TranscriptResumed | None]:
    """The pauses when this was wished for at ``at_ms``, and the event; None if it was so already.

    A pause ends a little later than it was wished: what is on its way to us by then was said before.
    """
    since = pauses.since
    if isinstance(wish, Pause):
        if since is not None:
            return pauses, None
        begun = pauses.switched(True, at_ms)
        return begun, TranscriptPaused(by=wish.by, reason=wish.reason, at_ms=begun.since or 0)
    if since is None:
        return pauses, None
    heard_from_ms = max(at_ms, since) + IN_FLIGHT_MS
    return pauses.switched(False, heard_from_ms), TranscriptResumed(by=wish.by, at_ms=heard_from_ms)
