"""The calls that we placed, as rows: what the caps count, and who wanted each. Never whom."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

import msgspec


class DialOut(msgspec.Struct, frozen=True, kw_only=True):
    """One try to call somebody into a conference. ``caller``: id of the session or key that wanted it.

    ``label``: how to call whoever answers.
    """

    id: str
    tenant: str
    conference_id: str
    caller: str
    country: str
    label: str
    at: datetime


class DialOuts(Protocol):
    """Rows in short transactions. Raises StoreUnavailable."""

    async def reserve(self, dial_out: DialOut, *, taken: Collection[str], per_hour: int, per_day: int) -> DialOut:
        """Note a try that is about to be made; it counts whatever becomes of it.

        Returned with a label that is neither ``taken`` nor that of an earlier try in its conference.

        Raises DialOutRefused (dial_out_cap) when its tenant made ``per_hour`` in the hour before, or all tenants
        together ``per_day`` in the day before; then it is not noted.
        """
        ...
