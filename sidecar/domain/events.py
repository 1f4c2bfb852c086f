"""The facts of a conference: one struct per event type, and the envelope they travel in.

The same envelope goes to the event log, SSE, exports and (later) webhooks. Durable events have a ``seq``, which
rises by one per conference; passing ones (``utterance.partial``, ``ping``) have none and are never stored.
All ``*_ms`` are milliseconds on the conference clock unless a docstring says otherwise.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

import msgspec

from sidecar.domain.alerts.events import AlertAcknowledged, AlertRaised
from sidecar.domain.assistant.events import (
    AssistantFailed,
    AssistantJoined,
    AssistantLeft,
    AssistantRequested,
    AssistantTurn,
)
from sidecar.domain.conference.values import Role
from sidecar.domain.event_data import EventData as EventData  # noqa: PLC0414 - part of the words of this module
from sidecar.domain.note_events import NoteAdded
from sidecar.domain.redaction.events import UtteranceRedacted


class ConferenceStarted(EventData, frozen=True, kw_only=True):
    """The provider says that the conference is in progress."""

    type: ClassVar[str] = "conference.started"
    room: str
    conference_sid: str | None


class ConferenceEnded(EventData, frozen=True, kw_only=True):
    """The conference is over; forks may still be finishing. ``reason``: the provider's word, or ours."""

    type: ClassVar[str] = "conference.ended"
    reason: str
    at_ms: int


class ParticipantJoined(EventData, frozen=True, kw_only=True):
    """A call entered the room. ``provider_seq``: the number of the provider's callback, None when another way told."""

    type: ClassVar[str] = "participant.joined"
    participant: str
    call_sid: str
    label: str
    name: str
    role: Role
    at_ms: int
    muted: bool = False
    hold: bool = False
    coaching: bool = False
    provider_seq: int | None = None


class ParticipantUpdated(EventData, frozen=True, kw_only=True):
    """What is known of a participant changed, or a later callback says it again; always all of it."""

    type: ClassVar[str] = "participant.updated"
    participant: str
    label: str
    name: str
    role: Role
    at_ms: int | None = None
    muted: bool = False
    hold: bool = False
    coaching: bool = False
    provider_seq: int | None = None


class ParticipantLeft(EventData, frozen=True, kw_only=True):
    """A call left the room."""

    type: ClassVar[str] = "participant.left"
    participant: str
    reason: str
    at_ms: int
    provider_seq: int | None = None


class ForkStarted(EventData, frozen=True, kw_only=True):
    """The first media stream of a fork is bound; its audio is being transcribed from ``at_ms`` on."""

    type: ClassVar[str] = "fork.started"
    fork: str
    participant: str
    stream_sid: str
    at_ms: int


class ForkInterrupted(EventData, frozen=True, kw_only=True):
    """The fork has no stream while its participant is on the call; one is being asked for, unless it was stopped.

    ``detail``: the provider's reason, for people, or "".
    """

    type: ClassVar[str] = "fork.interrupted"
    fork: str
    participant: str
    reason: str
    at_ms: int
    detail: str = ""


class ForkResumed(EventData, frozen=True, kw_only=True):
    """Another media stream of the same fork is bound. ``epoch`` counts its streams."""

    type: ClassVar[str] = "fork.resumed"
    fork: str
    participant: str
    stream_sid: str
    epoch: int
    at_ms: int


class ForkStopped(EventData, frozen=True, kw_only=True):
    """The fork is over: hang-up, stop, or given up."""

    type: ClassVar[str] = "fork.stopped"
    fork: str
    participant: str
    reason: str
    at_ms: int


class Word(msgspec.Struct, frozen=True):
    """One recognised word with its time and, where the engine tells, its confidence 0..1."""

    text: str
    start_ms: int
    end_ms: int
    confidence: float | None = None


class UtteranceFinal(EventData, frozen=True, kw_only=True):
    """Final text of one participant. ``(fork, session, result_index)`` makes storing it idempotent.

    ``lag_ms``: from the end of the speech to the moment the text was ready. ``words`` may be empty (engine gives none).
    ``coaching``: whispered to one participant, the others on the call did not hear it. ``late``: heard again after a
    recogniser had failed, while later speech was already being told. ``cut``: what the assistant had begun to say
    behind ``text`` and nobody heard, because it was interrupted. Its utterances have no fork (``""``).
    """

    type: ClassVar[str] = "utterance.final"
    id: str
    participant: str
    fork: str
    session: str
    result_index: int
    revision: int
    start_ms: int
    end_ms: int
    text: str
    engine: str
    lag_ms: int
    confidence: float | None = None
    words: list[Word] = msgspec.field(default_factory=list)
    coaching: bool = False
    late: bool = False
    cut: str = ""


class UtterancePartial(EventData, frozen=True, kw_only=True):
    """The whole present text of an utterance that is not final. Empty text: the utterance came to nothing, clear it."""

    type: ClassVar[str] = "utterance.partial"
    id: str
    participant: str
    start_ms: int
    end_ms: int
    text: str
    lag_ms: int
    coaching: bool = False


class ForkHealth(EventData, frozen=True, kw_only=True):
    """How a fork is being transcribed just now, told when that changes and again and again while it is not as usual.

    ``engine``: who listens, None: nobody does, and the audio waits. ``fallback``: not the engine that was chosen.
    ``behind_ms``: audio that waits to be heard.
    """

    type: ClassVar[str] = "fork.health"
    fork: str
    participant: str
    engine: str | None
    fallback: bool
    behind_ms: int


class TranscriptGap(EventData, frozen=True, kw_only=True):
    """Audio that was not transcribed: whose, from, to, and why (``reason``: a stable word from ``GAP_REASONS``).

    ``detail``: what the provider said to it, for people, or "".
    """

    type: ClassVar[str] = "transcript.gap"
    participant: str
    fork: str
    from_ms: int
    to_ms: int
    reason: str
    detail: str = ""


# Stable words for TranscriptGap.reason, with the sentence that people read.
GAP_REASONS = {
    "service_restarted": "service restarted",
    "stream_reconnected": "stream reconnected",
    "stream_lost": "stream lost",
    "stream_stopped": "audio was stopped",
    "not_forked": "audio was still being asked for",
    "stream_refused": "the telephone network gave no audio",
    "forks_full": "as many participants as allowed were being transcribed",
    "media_missing": "audio missing from the telephone network",
    "recogniser_failed": "recogniser failed",
    "recogniser_overloaded": "recogniser overloaded",
    "store_overloaded": "transcript could not be stored",
}


def gap_sentence(reason: str, detail: str) -> str:
    """Why audio was not transcribed, as people read it."""
    sentence = GAP_REASONS.get(reason, reason)
    return f"{sentence} ({detail})" if detail else sentence


class TranscriptPaused(EventData, frozen=True, kw_only=True):
    """Somebody paused transcription: from ``at_ms`` on nothing that anybody says is heard, and that is no gap.

    ``by``: the name of the user or key. ``reason``: in their words, or "".
    """

    type: ClassVar[str] = "transcript.paused"
    by: str
    at_ms: int
    reason: str = ""


class TranscriptResumed(EventData, frozen=True, kw_only=True):
    """Somebody ended the pause: what is said from ``at_ms`` on is transcribed again."""

    type: ClassVar[str] = "transcript.resumed"
    by: str
    at_ms: int


class TranscriptCompleted(EventData, frozen=True, kw_only=True):
    """The conference ended and every fork is finished. The manifest lets a reader check that nothing is missing.

    ``sha256``: hex digest over the lines ``seq,id,revision,text`` (each with ``\\n``, UTF-8, in order of seq) of all
    ``utterance.*`` events up to ``last_seq``.
    """

    type: ClassVar[str] = "transcript.completed"
    utterances: int
    gaps: int
    gap_ms: int
    last_seq: int
    sha256: str
    revision: int


class Ping(EventData, frozen=True, kw_only=True):
    """Heartbeat for pages: the server's time, and how many events wait because the store does not take them.

    ``unsaved_in`` says it per conference id, without those that wait for nothing; only on the event stream.
    """

    type: ClassVar[str] = "ping"
    time: datetime
    unsaved: int = 0
    unsaved_in: dict[str, int] = msgspec.field(default_factory=dict)


class Wallboard(EventData, frozen=True, kw_only=True):
    """State, not history: the rows that changed since the frame before, or all of them (``snapshot``).

    ``rows`` are ``domain.wallboard.WallboardRow``, each encoded once for all readers; ``removed``: conference ids.
    It belongs to no conference and travels without an envelope.
    """

    type: ClassVar[str] = "wallboard"
    snapshot: bool
    rows: list[msgspec.Raw]
    removed: list[str]


DURABLE: tuple[type[EventData], ...] = (
    ConferenceStarted,
    ConferenceEnded,
    ParticipantJoined,
    ParticipantUpdated,
    ParticipantLeft,
    ForkStarted,
    ForkInterrupted,
    ForkResumed,
    ForkStopped,
    UtteranceFinal,
    UtteranceRedacted,
    TranscriptGap,
    TranscriptPaused,
    TranscriptResumed,
    TranscriptCompleted,
    AssistantRequested,
    AssistantJoined,
    AssistantTurn,
    AssistantLeft,
    AssistantFailed,
    AlertRaised,
    AlertAcknowledged,
    NoteAdded,
)
_BY_TYPE = {cls.type: cls for cls in DURABLE}


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """The envelope. ``seq`` is None for passing events; ``id`` is then empty."""

    id: str
    type: str
    seq: int | None
    timestamp: datetime
    conference: str
    conference_sid: str | None
    tenant: str
    data: EventData


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A durable event that has no seq yet: what the runtime hands to the event log."""

    id: str
    conference: str
    timestamp: datetime
    data: EventData


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """Not an event: up to ``covered_ms`` all speech of the fork is stored. Written with the events, shown to nobody."""

    fork: str
    covered_ms: int


Entry = Draft | Coverage


def encode(event: Event) -> bytes:
    """The envelope as compact JSON, the same bytes for every subscriber. Times are RFC 3339 UTC."""
    return msgspec.json.encode(event)


def decode_data(type_: str, data: bytes | str) -> EventData:
    """The data of a stored durable event. KeyError for a type that this version does not know."""
    return msgspec.json.decode(data, type=_BY_TYPE[type_])
