"""Who is where: conferences, participants and forks as rows, and the single-use tokens of forks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from sidecar.domain.conference.values import Conference, ConferenceState, Fork, Participant, Role
from sidecar.domain.errors import SidecarError


class ForkRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A call that asks for its TwiML, or is found in a conference: where it wants to go and who it says it is.

    Ids are minted by the caller and used only where no row exists yet. ``room`` None: a room of its own, named
    after the conference id. ``token_hash``: SHA-256 hex of the token; the token itself is never stored. "": no stream
    of the call is under way.
    """

    conference_id: str
    participant_id: str
    fork_id: str
    tenant: str
    room: str | None
    call_sid: str
    label: str
    name: str
    role: Role
    token_hash: str
    token_expires_at: datetime
    now: datetime


class RoomOfAnotherTenant(SidecarError):
    """A call of one tenant asks for a room in which another tenant's conference goes on."""

    code = "room_of_another_tenant"


class ConferenceFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which conferences are wanted; None: whichever. ``own_of``: only that agent's own (``access.callers.is_own``).

    ``agent``: an agent of that name or label is in it. ``since``, ``until``: when its clock began, the second excluded.
    ``text``: stands in the room's name, or in a participant's name or label, or is an id of ours or the provider's.
    """

    tenant: str
    own_of: str | None = None
    room: str | None = None
    state: ConferenceState | None = None
    agent: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None


class ConferencePlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where a conference stands in the list, the newest first."""

    clock_zero: datetime
    id: str


class BoundFork(msgspec.Struct, frozen=True, kw_only=True):
    """A fork with the conference and participant it belongs to."""

    conference: Conference
    participant: Participant
    fork: Fork


class Directory(Protocol):
    """Rows that change outside the event log, in short transactions, and look-ups. States (joined, live, stopped …)
    change only as a consequence of events appended to the log."""

    async def open_fork(self, request: ForkRequest) -> BoundFork:
        """Find or make the conference (the room's one that has not ended), the participant (by call_sid) and its fork.

        A new participant's label is made unique in its conference. The fork becomes pending with the new token;
        asking again for the same call (Twilio's retry, a redirect) replaces the token and raises the epoch.
        Raises RoomOfAnotherTenant when the room's conference that has not ended is.
        """
        ...

    async def find_or_open_conference(
        self, sid: str, *, room: str, conference_id: str, tenant: str, now: datetime
    ) -> Conference | None:
        """The provider's conference, ended or not; made as ``conference_id`` if nothing is known of it.

        A conference of that room without a sid is this one. None: the room's conference that has not ended has another
        sid; the provider has one per room at a time, so that one is over, only nobody told.
        """
        ...

    async def open_participant(self, request: ForkRequest) -> BoundFork:
        """Find or make the rows of a call in the conference ``conference_id``, which exists.

        A new fork is pending with epoch 0 and no token: nobody has asked for a stream. One that exists is left as it
        is, with the token that may be under way.
        """
        ...

    async def renew_fork(self, fork_id: str, *, token_hash: str, expires_at: datetime) -> BoundFork:
        """A fresh token and the next epoch for a fork whose stream died. NotFound for an unknown id."""
        ...

    async def claim_fork(self, *, token_hash: str, call_sid: str, stream_sid: str, now: datetime) -> BoundFork:
        """Spend a token: exactly one caller ever gets the fork for it. Raises ForkRefused (its code says why)."""
        ...

    async def bind_conference(self, conference_id: str, sid: str) -> Conference:
        """Note the provider's id of a conference. A sid that is already noted is left as it is."""
        ...

    async def conference(self, id_or_sid: str, *, tenant: str | None = None) -> Conference | None:
        """By our id or the provider's. ``tenant``: on behalf of somebody who may see that one's only."""
        ...

    async def conference_in_room(self, room: str) -> Conference | None:
        """The conference of that room that has not ended."""
        ...

    async def conferences(
        self, *, room: str | None = None, tenant: str | None = None, agent: str | None = None, limit: int = 50
    ) -> list[Conference]:
        """Newest first. ``agent``: only that agent's own (``access.callers.is_own``)."""
        ...

    async def listed(
        self, wanted: ConferenceFilter, *, beyond: ConferencePlace | None = None, limit: int
    ) -> list[Conference]:
        """Newest first, after a place."""
        ...

    async def unfinished(self) -> list[Conference]:
        """Conferences without ``transcript.completed``: what a restarted service has to look after."""
        ...

    async def participants(self, conference_id: str) -> Sequence[Participant]:
        """In order of arrival."""
        ...

    async def forks(self, conference_id: str) -> Sequence[Fork]:
        """In order of making."""
        ...
