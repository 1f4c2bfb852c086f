"""What was said, in any call that somebody may see, and the calls themselves, newest first and page by page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from sidecar.domain.conference.values import Conference, ConferenceState, Role
from sidecar.domain.errors import SidecarError
from sidecar.domain.search import SearchQuery, Term


class SearchTimedOut(SidecarError):
    """The database took too long over a search and was told to stop."""

    code = "search_timed_out"


class Calls(msgspec.Struct, frozen=True, kw_only=True):
    """Which calls: of one tenant, in one state, with one of these agents, in one of these rooms, begun from ``since``
    on and before ``until``. What is not given does not matter. ``own_of``: the agent whose own calls they have to be
    (``access.callers.is_own``)."""

    tenant: str
    own_of: str | None = None
    state: ConferenceState | None = None
    agents: tuple[Term, ...] = ()
    rooms: tuple[Term, ...] = ()
    since: datetime | None = None
    until: datetime | None = None


class CallPlace(msgspec.Struct, frozen=True):
    """Where a call stands in the order of beginning: the zero of its clock, then its id."""

    clock_zero: datetime
    id: str


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A line that was found, with its speaker and its call. ``place``: in the order of storing, which only rises."""

    place: int
    utterance: str
    conference: str
    conference_sid: str | None
    room: str
    clock_zero: datetime
    participant: str
    label: str
    name: str
    role: Role
    start_ms: int
    end_ms: int
    text: str
    coaching: bool


class Search(Protocol):
    """Reads only. All methods raise StoreUnavailable, and SearchTimedOut when they would take too long."""

    async def lines(
        self, query: SearchQuery, calls: Calls, *, before: int | None = None, limit: int
    ) -> Sequence[Found]:
        """At most ``limit`` lines that fit the query, said in these calls, newest first; those behind a ``place``."""
        ...

    async def calls(self, calls: Calls, *, before: CallPlace | None = None, limit: int) -> Sequence[Conference]:
        """At most ``limit`` of these calls, newest first; those behind a place."""
        ...
