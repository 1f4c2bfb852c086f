"""Notes of people who read along, as an event."""

from __future__ import annotations

from typing import ClassVar

from sidecar.domain.event_data import EventData


class NoteAdded(EventData, frozen=True, kw_only=True):
    """Somebody noted something to a moment of the call (``at_ms``, on the conference clock), during it or afterwards.

    ``by``: the name of the user or key. Nobody on the call hears or sees it; everybody who reads the transcript does.
    """

    type: ClassVar[str] = "note.added"
    note: str
    at_ms: int
    text: str
    by: str
