"""Stays of the assistant as rows: one at a time in a conference, found again after a restart."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from sidecar.domain.assistant.stay import Assistant, Audience, Speaks, Spoken


class Assistants(Protocol):
    """Rows in short transactions. Raises StoreUnavailable. How far a stay has come (``stage``) changes only as a
    consequence of events appended to the log."""

    async def reserve(self, assistant: Assistant, *, per_hour: int) -> None:
        """Note an assistant that is about to be invited; it counts whatever becomes of it.

        Raises AssistantPresent when its conference has one that is live, and AssistantRefused (assistant_cap) when its
        tenant invited ``per_hour`` in the hour before.
        """
        ...

    async def assistant(self, assistant_id: str) -> Assistant | None:
        """By its id."""
        ...

    async def of_leg(self, call_sid: str, assistant_id: str) -> Assistant | None:
        """Whose leg this call is, by its call or by the id in its label ("": it says none)."""
        ...

    async def of_conference(self, conference_id: str) -> Sequence[Assistant]:
        """All that it ever had, the newest first."""
        ...

    async def live(self) -> Sequence[Assistant]:
        """Those that are there or on their way, of all conferences: what a restarted service goes on with."""
        ...

    async def set_manners(self, assistant_id: str, *, speaks: Speaks, audience: Audience, muted: bool) -> Assistant:
        """Other manners from now on. Raises NotFound."""
        ...

    async def dismiss(self, assistant_id: str) -> None:
        """Its leg gets no further line, whatever becomes of us."""
        ...

    async def know_call(self, assistant_id: str, call_sid: str) -> None:
        """The provider's id of its leg."""
        ...

    async def renew_token(
        self, assistant_id: str, *, call_sid: str, token_hash: str, expires_at: datetime
    ) -> Assistant | None:
        """A token for its leg's next line, and one more rendering. None: it is over, dismissed, or another call's."""
        ...

    async def claim_token(self, *, token_hash: str, call_sid: str, now: datetime) -> Assistant:
        """Spend a token: exactly one caller ever gets the assistant for it. Raises LineRefused (its code says why)."""
        ...

    async def line_held(self, assistant_id: str) -> None:
        """A line of it was open for a while: renderings are counted anew."""
        ...

    async def note_speaking(self, assistant_id: str, spoken: Spoken | None) -> None:
        """What it says, as far as it was heard. ``assistant.turn`` clears it."""
        ...
