"""What the small Twilio knows: account, calls, conferences, participants, streams. Values, no I/O, no clock.

Who may change what: ``calls`` the calls, ``conferences`` the rooms, ``streams`` the streams.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum

import msgspec

# Finished calls, conferences and streams are kept for look-ups; beyond this many of a kind the oldest are forgotten.
MAX_KEPT = 2_000


class Account(msgspec.Struct, frozen=True):
    """The one account: its id (``AC…``) and the token that signs requests and opens the REST API."""

    sid: str
    auth_token: str


class CallStatus(StrEnum):
    """Twilio's words (https://www.twilio.com/docs/voice/api/call-resource#call-status-values)."""

    QUEUED = "queued"
    RINGING = "ringing"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def unanswered(self) -> bool:
        """Did nobody take the call that was dialled?"""
        return self in {CallStatus.BUSY, CallStatus.NO_ANSWER, CallStatus.FAILED}


class ConferenceStatus(StrEnum):
    """init: people wait in the room; in-progress: started; completed: over for good."""

    INIT = "init"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"


class StreamStatus(StrEnum):
    """connecting: asked for, not answered yet (REST shows it as in-progress). failed counts as stopped there."""

    CONNECTING = "connecting"
    LIVE = "live"
    STOPPED = "stopped"
    FAILED = "failed"

    @property
    def over(self) -> bool:
        """Will it never carry audio again?"""
        return self in {StreamStatus.STOPPED, StreamStatus.FAILED}


class StatusCallback(msgspec.Struct, frozen=True, kw_only=True):
    """Where to tell about events: ``events`` are selectors such as ``join``; ``method`` is GET or POST."""

    url: str
    method: str = "POST"
    events: frozenset[str] = frozenset()


class Direction(StrEnum):
    """inbound: an emulated person dialled in. outbound-api: somebody asked by REST to dial one."""

    INBOUND = "inbound"
    OUTBOUND = "outbound-api"


class Call(msgspec.Struct, kw_only=True):
    """One call leg. ``label`` is only the scenario's name for it; a conference has its own.

    ``queue_ms``: how long it was to wait until it was dialled. ``callback``: who is told of its progress, and how often
    that was done so far.
    """

    sid: str
    from_: str = msgspec.field(name="from")
    to: str
    label: str
    status: CallStatus
    created_at: datetime
    updated_at: datetime
    direction: Direction = Direction.INBOUND
    queue_ms: int = 0
    answered_at: datetime | None = None
    callback: StatusCallback | None = None
    callbacks_sent: int = 0
    ended_at: datetime | None = None
    failure: str | None = None

    @property
    def over(self) -> bool:
        """Has it ended, well or badly?"""
        return self.status in {CallStatus.COMPLETED, CallStatus.CANCELED} or self.status.unanswered


class Participant(msgspec.Struct, kw_only=True):
    """A call that is in a conference now. While ``coaching``, only the call ``call_sid_to_coach`` hears it."""

    call_sid: str
    label: str | None
    muted: bool
    hold: bool
    coaching: bool = False
    call_sid_to_coach: str | None = None
    start_on_enter: bool
    end_on_exit: bool
    joined_at: datetime
    updated_at: datetime


class Conference(msgspec.Struct, kw_only=True):
    """A room in use, or once in use. ``callback`` is that of the first participant; others' are ignored."""

    sid: str
    room: str
    status: ConferenceStatus
    callback: StatusCallback | None
    created_at: datetime
    updated_at: datetime
    participants: dict[str, Participant] = msgspec.field(default_factory=dict)
    sequence_number: int = 0
    reason_ended: str | None = None
    call_sid_ending: str | None = None


class StreamOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A stream somebody asks for. ``track`` is inbound_track, outbound_track or both_tracks.

    ``two_way``: asked for by <Connect>; what the service sends is played to whom the call is connected with.
    """

    url: str
    name: str | None = None
    track: str = "inbound_track"
    two_way: bool = False
    parameters: Mapping[str, str] = {}
    callback: StatusCallback | None = None


class Stream(msgspec.Struct, kw_only=True):
    """A media stream of one call. ``dropped``: frames lost because the service did not read."""

    sid: str
    call_sid: str
    order: StreamOrder
    status: StreamStatus
    updated_at: datetime
    frames: int = 0
    dropped: int = 0

    @property
    def name(self) -> str:
        """The name it can be stopped by; its id when it was given none."""
        return self.order.name or self.sid


class VoiceHook(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked when a call comes in, and who is told when it is over. ``url`` "": nobody."""

    url: str = ""
    method: str = "POST"
    status_callback: str = ""
    status_callback_method: str = "POST"


class Application(msgspec.Struct, kw_only=True):
    """A TwiML application (``AP…``): a hook that several numbers and calls can share."""

    sid: str
    friendly_name: str
    hook: VoiceHook
    created_at: datetime
    updated_at: datetime


class PhoneNumber(msgspec.Struct, kw_only=True):
    """A number of the account (``PN…``). With ``application_sid`` the application's hook counts, not its own."""

    sid: str
    phone_number: str
    friendly_name: str
    hook: VoiceHook
    application_sid: str | None
    created_at: datetime
    updated_at: datetime


class State(msgspec.Struct, kw_only=True):
    """Everything, by id, oldest first."""

    account: Account
    numbers: dict[str, PhoneNumber] = msgspec.field(default_factory=dict)
    applications: dict[str, Application] = msgspec.field(default_factory=dict)
    calls: dict[str, Call] = msgspec.field(default_factory=dict)
    conferences: dict[str, Conference] = msgspec.field(default_factory=dict)
    streams: dict[str, Stream] = msgspec.field(default_factory=dict)

    def hook_of(self, phone_number: str) -> VoiceHook:
        """What a call to that number meets; an empty hook when the account has no such number."""
        for number in self.numbers.values():
            if number.phone_number == phone_number:
                application = self.applications.get(number.application_sid or "")
                return number.hook if application is None else application.hook
        return VoiceHook()

    def live_conference(self, room: str) -> Conference | None:
        """The one conference of that room which is not over."""
        for conference in reversed(self.conferences.values()):
            if conference.room == room and conference.status is not ConferenceStatus.COMPLETED:
                return conference
        return None

    def conference_of(self, call_sid: str) -> Conference | None:
        """The conference that the call is in now."""
        for conference in reversed(self.conferences.values()):
            if call_sid in conference.participants:
                return conference
        return None

    def streams_of(self, call_sid: str) -> list[Stream]:
        """All streams of a call, oldest first, over or not."""
        return [stream for stream in self.streams.values() if stream.call_sid == call_sid]

    def forget_old(self) -> None:
        """Drop the oldest finished things beyond MAX_KEPT of a kind."""
        _forget(self.calls, [sid for sid, call in self.calls.items() if call.over])
        over = [sid for sid, room in self.conferences.items() if room.status is ConferenceStatus.COMPLETED]
        _forget(self.conferences, over)
        _forget(self.streams, [sid for sid, stream in self.streams.items() if stream.status.over])


def _forget(kept: dict[str, Call] | dict[str, Conference] | dict[str, Stream], finished: Iterable[str]) -> None:
    surplus = len(kept) - MAX_KEPT
    for sid in list(finished)[: max(0, surplus)]:
        del kept[sid]
