"""What a conference is told, and what it asks for in return: input and output of ``machine``.

Facts come from the provider's callbacks, from the media sockets and from what the provider answers when asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from sidecar.domain.conference.values import Fork, Participant, Role


class NewsKind(StrEnum):
    """What a callback says. ``changed``: a participant is there, and its signs are as told."""

    STARTED = "started"
    JOINED = "joined"
    CHANGED = "changed"
    LEFT = "left"
    ENDED = "ended"


class Signs(msgspec.Struct, frozen=True, kw_only=True):
    """How a participant stands in the room. None: the provider did not say."""

    muted: bool | None = None
    hold: bool | None = None
    coaching: bool | None = None


class EndReason(StrEnum):
    """Why a media stream ended. ``lost``: without a stop from the network, so the call may well go on."""

    STOPPED = "stopped"
    CONFERENCE_ENDED = "conference_ended"
    LEFT = "participant_left"
    LOST = "stream_lost"
    SUPERSEDED = "superseded"
    SHUTDOWN = "service_stopping"


# After these the fork is over; after the others another stream of it goes on, here or in the next process.
FINAL = frozenset({EndReason.STOPPED, EndReason.CONFERENCE_ENDED, EndReason.LEFT})


# -- facts -----------------------------------------------------------------------------------------------------


class News(msgspec.Struct, frozen=True, kw_only=True):
    """A callback of the provider. ``provider_seq`` orders those of one conference; delivery may shuffle and repeat.

    ``call_sid`` and ``label``: of whom, with joined, changed and left. ``reason``: the provider's word, or "".
    """

    kind: NewsKind
    provider_seq: int
    call_sid: str | None = None
    reason: str = ""
    signs: Signs = Signs()
    label: str = ""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What the provider answered. ``asked_at``: ``Course.news`` of the moment of asking; later news is newer than this.

    ``ended_ms``: when a conference that is over ended, if that is known. ``present`` and ``labels``: by call_sid.
    ``after_restart``: the first answer of this process.
    """

    in_progress: bool
    asked_at: int
    started: bool = False
    ended_ms: int | None = None
    present: Mapping[str, Signs] = {}
    labels: Mapping[str, str] = {}
    after_restart: bool = False


class Attach(msgspec.Struct, frozen=True):
    """Somebody wants everybody in the conference to be heard, those too whose fork was stopped."""


class Met(msgspec.Struct, frozen=True, kw_only=True):
    """A stranger has a row now. ``fork`` None: it is never forked."""

    participant: Participant
    fork: Fork | None


class Corrected(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody knows better who a participant is. None: that stays as it is."""

    call_sid: str
    name: str | None = None
    role: Role | None = None


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """A call fetched its TwiML: its rows are made, and its fork waits for a stream.

    ``unheard``: it was let through without one, for this reason (a key of GAP_REASONS).
    """

    participant: Participant
    fork: Fork
    unheard: str | None = None


class StreamBound(msgspec.Struct, frozen=True, kw_only=True):
    """A media stream proved that it belongs to this fork.

    ``replaces_until_ms``: an older stream still ran, and its audio up to here is seen to.
    """

    participant: Participant
    fork: Fork
    replaces_until_ms: int | None = None


class StreamEnded(msgspec.Struct, frozen=True, kw_only=True):
    """The fork's stream is over, for the reason of ``Course.end_reason``. Up to ``until_ms`` all audio is seen to."""

    fork_id: str
    reason: EndReason
    until_ms: int


class ForkDone(msgspec.Struct, frozen=True, kw_only=True):
    """The last words of a stream that ended for good are stored. ``epoch``: which stream."""

    fork_id: str
    epoch: int
    reason: EndReason
    until_ms: int


class StreamRefused(msgspec.Struct, frozen=True, kw_only=True):
    """A stream was asked for and did not come. ``problem``: the provider's reason, for people.

    ``for_good``: the provider will not give it; otherwise the next try may bring it.
    """

    fork_id: str
    problem: str
    for_good: bool


class StreamFailed(msgspec.Struct, frozen=True, kw_only=True):
    """The provider could not open the stream of that name, which TwiML asked for."""

    fork_id: str
    name: str


class CallGone(msgspec.Struct, frozen=True, kw_only=True):
    """The provider says that the fork's call is over: no further stream can be had. ``problem``: in its words."""

    fork_id: str
    problem: str = ""


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody wants nothing to be transcribed until further notice. ``reason``: in their words, or ""."""

    by: str
    reason: str = ""


class Resume(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody wants transcription to go on."""

    by: str


class Restarted(msgspec.Struct, frozen=True):
    """The rows are of an earlier process; with it everything is gone that was not stored."""


class Tick(msgspec.Struct, frozen=True):
    """Time goes by."""


class StreamsOver(msgspec.Struct, frozen=True):
    """The conference ended, and all streams that were there are finished."""


FactOfFork = Expected | StreamBound | StreamEnded | ForkDone | StreamRefused | CallGone | StreamsOver
Fact = News | StreamFailed | Found | Attach | Met | Corrected | FactOfFork | Pause | Resume | Restarted | Tick


# -- orders ----------------------------------------------------------------------------------------------------


class Heed(msgspec.Struct, frozen=True, kw_only=True):
    """From now on: whether the fork rests (nothing of it to the recogniser), and whether it is a coach's whisper.

    ``heard_from_ms``: if it rested, what was said before this moment does so still, however late it comes.
    """

    fork_id: str
    rests: bool
    coaching: bool
    heard_from_ms: int = 0


class Reopen(msgspec.Struct, frozen=True, kw_only=True):
    """Ask the provider for another stream of this fork until one binds."""

    fork: Fork


class Meet(msgspec.Struct, frozen=True, kw_only=True):
    """A call is in the room that has no rows: make them, and tell that it is ``Met``."""

    call_sid: str
    label: str


class StopStream(msgspec.Struct, frozen=True, kw_only=True):
    """Have the provider end the fork's stream: its participant left, and the call goes on without the conference."""

    fork: Fork


class Inquire(msgspec.Struct, frozen=True, kw_only=True):
    """Ask the provider how it stands, and tell what was ``Found``. ``routine``: it matters only if it can be asked."""

    after_restart: bool
    routine: bool = False


class Close(msgspec.Struct, frozen=True):
    """The conference is over: end its streams, then complete the transcript."""


Order = Heed | Reopen | Meet | StopStream | Inquire | Close
