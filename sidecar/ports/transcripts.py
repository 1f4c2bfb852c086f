"""A transcript in parts and in order of speech: pages show the newest lines first, clients page through all of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

import msgspec

from sidecar.domain.events import Event


class Place(msgspec.Struct, frozen=True):
    """Where an utterance stands in order of speech: its start on the conference clock in ms, then its id."""

    start_ms: int
    id: str


class Spoken(msgspec.Struct, frozen=True, kw_only=True):
    """What a participant's utterances add up to: ms of talk, from the start of the first to the end of the last."""

    participant: str
    talk_ms: int
    first_ms: int
    last_ms: int


class Transcripts(Protocol):
    """Reads what the event log has stored. ``until``: events with a higher seq do not exist for this read."""

    async def utterances(
        self, conference_id: str, *, until: int, beyond: Place | None = None, newest_first: bool = False, limit: int
    ) -> list[Event]:
        """At most ``limit`` ``utterance.final`` events in order of speech, or the other way round, after a place."""
        ...

    async def utterance(self, conference_id: str, utterance_id: str) -> tuple[Event, int] | None:
        """One line by its id: its ``utterance.final`` event as it is stored now, and its present revision."""
        ...

    async def spoken(self, conference_id: str, *, until: int) -> Sequence[Spoken]:
        """The sums of all utterances, per participant who has one."""
        ...

    async def events(
        self, conference_id: str, *, until: int, after: int = 0, types: Collection[str] | None = None, limit: int
    ) -> list[Event]:
        """At most ``limit`` events with ``seq > after``, in order of seq. ``types``: only these; None: all."""
        ...

    async def other_events(self, conference_id: str, *, until: int, after: int = 0, limit: int = 1000) -> list[Event]:
        """What is not an utterance (who came, what was lost, when it ended) with ``seq > after``, in order of seq."""
        ...
