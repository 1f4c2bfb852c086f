"""What we ask of the telephone network's API: who is on, a new media stream for a call, words for a participant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from sidecar.domain.notice import Announcement


class LiveParticipant(msgspec.Struct, frozen=True, kw_only=True):
    """A participant as the provider lists it."""

    call_sid: str
    label: str
    muted: bool
    hold: bool
    coaching: bool


class ConferenceStatus(msgspec.Struct, frozen=True, kw_only=True):
    """``in_progress``: it is not over. ``started``: it is past waiting for its second member. ``room``: its name.

    ``ended_at``: when a conference that is over ended, if the provider knows (UTC).
    """

    in_progress: bool
    started: bool = False
    ended_at: datetime | None = None
    room: str = ""


class AssistantLeg(msgspec.Struct, frozen=True, kw_only=True):
    """The call that carries an assistant. ``invite``: its id, by which its TwiML is asked for.

    ``coached``: the call that alone is to hear it; None: everybody. After ``time_limit_s`` the provider hangs up.
    """

    invite: str
    label: str
    application_sid: str
    from_number: str
    time_limit_s: int
    coached: str | None = None


class Telephony(Protocol):
    """All methods raise TelephonyFailed: within their own time limit, never an endless wait."""

    async def find_conference(self, room: str) -> str | None:
        """The id of the conference in progress in that room."""
        ...

    async def status(self, conference_sid: str) -> ConferenceStatus:
        """How it stands with a conference; one that the provider does not know is over."""
        ...

    async def participants(self, conference_sid: str) -> Sequence[LiveParticipant]:
        """Who is in the conference now."""
        ...

    async def is_over(self, call_sid: str) -> bool:
        """Whether a call has ended; one that the provider does not know has."""
        ...

    async def start_stream(self, call_sid: str, *, name: str, parameters: Mapping[str, str]) -> str:
        """Ask for a one-way stream of what the caller says, to our media socket; returns its id. Never retried here.

        TelephonyFailed without ``refused``: perhaps it was opened all the same, and its socket comes.
        """
        ...

    async def stop_stream(self, call_sid: str, *, name: str) -> None:
        """End the stream of that name. One that is over, or never was, is no error."""
        ...

    async def address(self, call_sid: str) -> str:
        """Who is at the other end of a call, as the provider names it: E.164, ``client:…``, ``sip:…``."""
        ...

    async def announce(self, conference_sid: str, call_sid: str | None, *, kind: Announcement) -> None:
        """Have this spoken to one participant, while the others do not hear it, or to all (None). Returns when the
        network has taken it.

        Nobody says when it has been heard: ``domain.notice.spoken_within_s``.
        """
        ...

    async def dial(self, conference_sid: str, *, from_number: str, to_number: str, label: str) -> str:
        """Call this number into a conference in progress; returns the id of the call, which rings from now on.

        Never retried here: what has failed may have called all the same.
        """
        ...

    async def join_assistant(self, conference_sid: str, leg: AssistantLeg) -> str:
        """Bring a leg of ours into a conference in progress; returns the id of its call. Its TwiML may be asked for
        before this returns. Never retried here: what has failed may have come all the same.
        """
        ...

    async def remove(self, conference_sid: str, call_sid: str) -> None:
        """Put a leg of ours out of the conference, and hang it up. One that is gone is no error."""
        ...

    async def set_audience(self, conference_sid: str, call_sid: str, *, coached: str | None) -> None:
        """Let only this call hear a leg of ours (it coaches it), or everybody (None)."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...
