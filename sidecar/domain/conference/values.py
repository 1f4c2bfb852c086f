"""Conference, participant and fork as values, and the rules that name and place them.

Never talks to the telephone network or the store; ``ports.directory`` keeps these values as rows.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from datetime import datetime
from enum import StrEnum

import msgspec


class Role(StrEnum):
    """Who a participant is in the conversation. ``agent`` is always the human in a contact centre."""

    AGENT = "agent"
    CUSTOMER = "customer"
    ASSISTANT = "assistant"
    SUPERVISOR = "supervisor"
    OTHER = "other"


class ConferenceState(StrEnum):
    """waiting: a call is on its way or alone in the room. live: started. ended: over for good."""

    WAITING = "waiting"
    LIVE = "live"
    ENDED = "ended"


class ParticipantState(StrEnum):
    """expected: the call fetched its TwiML, but has not joined the room yet."""

    EXPECTED = "expected"
    JOINED = "joined"
    LEFT = "left"


class ForkState(StrEnum):
    """pending: a token waits for its media stream. interrupted: the stream died, another is wanted."""

    PENDING = "pending"
    LIVE = "live"
    INTERRUPTED = "interrupted"
    STOPPED = "stopped"


class Conference(msgspec.Struct, frozen=True, kw_only=True):
    """One conference. ``clock_zero`` is the zero of its clock: all ``*_ms`` of its events count from it (UTC).

    ``sid`` is the provider's id (``CF…``) once it is known; ``room`` is its friendly name there.
    ``seq`` is the number of its newest event. ``paused_ms``, ``resumed_ms``: when transcription was paused last, and
    when it went on; of a pause that lasts there is no end.
    """

    id: str
    tenant: str
    room: str
    sid: str | None
    state: ConferenceState
    clock_zero: datetime
    ended_at: datetime | None
    seq: int
    paused_ms: int | None = None
    resumed_ms: int | None = None

    @property
    def paused(self) -> bool:
        """Whether transcription is paused: nothing that anybody says is written down."""
        return self.paused_ms is not None and self.resumed_ms is None

    def clock_ms(self, moment: datetime) -> int:
        """The moment (UTC) on the conference clock, in ms; never negative."""
        return max(0, round((moment - self.clock_zero).total_seconds() * 1000))


class Participant(msgspec.Struct, frozen=True, kw_only=True):
    """One call leg in a conference; ``call_sid`` is the provider's id (``CA…``). ``label`` is unique in its room.

    ``muted``, ``hold``, ``coaching``: as the provider told last. ``provider_seq``: the number of the callback that told
    it, 0 before the first; an older one says nothing any more.
    """

    id: str
    conference_id: str
    call_sid: str
    label: str
    name: str
    role: Role
    state: ParticipantState
    muted: bool = False
    hold: bool = False
    coaching: bool = False
    provider_seq: int = 0

    @property
    def rests(self) -> bool:
        """Muted or held: what the line carries is not said on the call, so nobody transcribes it."""
        return self.muted or self.hold


class Fork(msgspec.Struct, frozen=True, kw_only=True):
    """One participant's one-way audio feed. It outlives media streams; ``epoch`` counts the streams asked for.

    ``covered_ms``: on the conference clock; all speech before it is stored as utterances or gaps.
    ``stream_sid``: the newest stream that bound (``MZ…``).
    """

    id: str
    conference_id: str
    participant_id: str
    call_sid: str
    state: ForkState
    epoch: int
    stream_sid: str | None
    covered_ms: int


def on_hold(here: Iterable[tuple[Role, bool]]) -> bool:
    """Whether a call is on hold: its customer, or all of several, are. ``here``: role and hold of those on the call.

    Without anybody in the role of a customer it is the callers whose role nobody knows.
    """
    holds: dict[Role, list[bool]] = {}
    for role, hold in here:
        holds.setdefault(role, []).append(hold)
    waiting = holds.get(Role.CUSTOMER) or holds.get(Role.OTHER) or [False]
    return all(waiting)


def stream_name(fork: Fork) -> str:
    """The provider-side name of a fork's present stream; never the same twice, so that an old one can be stopped."""
    return f"{fork.id}-{fork.epoch}"


# What makes a label unique.
_NUMBER = re.compile(r"-[0-9]+$")


def role_of(*, parameter: str | None, label: str | None, address: str) -> Role:
    """The role by the rule of precedence: explicit parameter, then label (``agent``, ``agent-2``), then address.

    ``address`` is the caller as the provider names it: ``client:…`` and ``sip:…`` are agents, the telephone
    network (E.164) is a customer. An unknown parameter value is ignored, not an error: a call must not fail for it.
    """
    for candidate in (parameter, label):
        word = _NUMBER.sub("", (candidate or "").strip().lower())
        if word in set(Role):
            return Role(word)
    if address.startswith(("client:", "sip:")):
        return Role.AGENT
    if address.startswith("+"):
        return Role.CUSTOMER
    return Role.OTHER


# Twilio: at most 128 characters, no "/", not of the form of a call's id (twilio.com/docs/voice/twiml/conference).
LABEL_MAX_CHARS = 64


def unique_label(wanted: str, taken: Collection[str]) -> str:
    """A label that nobody in the room has: the wanted one, or with ``-2``, ``-3`` … behind it."""
    base = (
        "".join(c if c.isalnum() or c in " ._-" else "-" for c in wanted.strip())[:LABEL_MAX_CHARS].strip() or "caller"
    )
    if base[:2] == "CA" and len(base) == 34:
        base = f"x-{base}"
    label, n = base, 1
    while label in taken:
        n += 1
        label = f"{base}-{n}"
    return label


def unique_name(wanted: str, taken: Collection[str]) -> str:
    """A name that nobody in the room has: the wanted one, or with `` 2``, `` 3`` … behind it."""
    name, n = wanted, 1
    while name in taken:
        n += 1
        name = f"{wanted} {n}"
    return name
