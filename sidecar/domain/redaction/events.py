"""What is told when somebody takes words out of a transcript by hand."""

from __future__ import annotations

from typing import ClassVar

from sidecar.domain.event_data import EventData


class UtteranceRedacted(EventData, frozen=True, kw_only=True):
    """Somebody took words out of a line that was told before. ``text``: what is left of it, in the next revision.

    The store forgets what was there: from now on every earlier event of this line says ``text``, too. Whoever has kept
    one should do the same. ``by``: the name of the user or key.
    """

    type: ClassVar[str] = "utterance.redacted"
    id: str
    participant: str
    revision: int
    text: str
    by: str
    at_ms: int
