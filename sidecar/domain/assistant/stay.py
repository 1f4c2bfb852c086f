"""The assistant as a value: who invited it, how it may speak, who hears it, and how its stay goes. Pure."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum

import msgspec

from sidecar.domain.errors import SidecarError

# Labels that begin so are of our own AI participant: it has a two-way stream, and its words are known without hearing.
ASSISTANT_LABEL = "assistant-"
PROMPT_MAX_CHARS = 2_000
SAY_MAX_CHARS = 600


class Speaks(StrEnum):
    """When it speaks: when addressed by name, only when asked by panel or API, or after every human's turn."""

    ADDRESSED = "addressed"
    ASKED = "asked"
    ALWAYS = "always"


class Announce(StrEnum):
    """How the call learns of it: by a line, by a question to which somebody has to say yes, or not at all."""

    ANNOUNCE = "announce"
    ASK = "ask"
    NONE = "none"


class Audience(StrEnum):
    """Who hears it: everybody, or the agent alone (it coaches)."""

    ALL = "all"
    AGENT = "agent"


class Stage(StrEnum):
    """How far its stay has come; ``left`` and ``failed`` are its ends."""

    REQUESTED = "requested"
    JOINED = "joined"
    LEFT = "left"
    FAILED = "failed"


class Doing(StrEnum):
    """What it does just now; told while it stays, never stored."""

    INVITING = "inviting"
    JOINING = "joining"
    LISTENING = "listening"
    THINKING = "thinking"
    SPEAKING = "speaking"
    LEAVING = "leaving"


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong while it was there: a note of ``assistant.state``, more to it, and when it was told."""

    note: str
    detail: str
    at_ms: int


# Notes that tell of one; others tell why it is silent although nothing is wrong.
PROBLEMS = frozenset({"failed", "gave_up", "no_room", "busy", "fallback", "model_lost", "model_gone"})


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """How an assistant is wanted. ``by``: the name of whoever invites it. ``prompt``: what only it is told, or ""."""

    by: str
    prompt: str = ""
    speaks: Speaks = Speaks.ADDRESSED
    announce: Announce = Announce.ANNOUNCE
    audience: Audience = Audience.ALL


class Assistant(msgspec.Struct, frozen=True, kw_only=True):
    """One stay of the AI participant in a conference.

    ``call_sid``: its leg at the provider, once that is known. ``renderings``: how often its TwiML was asked for since a
    line of it last held. ``dismissed``: it is to go, so its leg gets no further line. ``reason``, ``detail``: how it
    ended, as a stable word, and in the provider's words. ``speaking``: an answer that is being spoken, as far as it was
    heard; what a process leaves here when it dies, the next one puts into the transcript.
    """

    id: str
    conference_id: str
    participant_id: str
    tenant: str
    name: str
    by: str
    prompt: str
    speaks: Speaks
    announce: Announce
    audience: Audience
    requested_at: datetime
    stage: Stage = Stage.REQUESTED
    muted: bool = False
    call_sid: str | None = None
    joined_at: datetime | None = None
    ended_at: datetime | None = None
    renderings: int = 0
    dismissed: bool = False
    reason: str = ""
    detail: str = ""
    speaking: Spoken | None = None

    @property
    def live(self) -> bool:
        """Whether it is there or on its way."""
        return self.stage in (Stage.REQUESTED, Stage.JOINED)

    @property
    def label(self) -> str:
        """What its leg is called at the provider: never forked, and found again by it."""
        return f"{ASSISTANT_LABEL}{self.id}"


class Spoken(msgspec.Struct, frozen=True, kw_only=True):
    """An answer on its way: ``text`` as far as it is known, and ``heard``, the part of it that was proved played.

    Times are ms on the conference clock. ``utterance``: its id in the transcript.
    """

    utterance: str
    start_ms: int
    end_ms: int
    text: str
    heard: str
    why: str


class AssistantRefused(SidecarError):
    """An assistant, or something of one, is not to be had. ``code``: assistant_off, announcement_needed,
    agent_missing, assistant_gone, text_invalid."""

    code = "assistant_off"


class AssistantPresent(SidecarError):
    """There is one already, or on its way; ``present`` is it."""

    code = "assistant_present"

    def __init__(self, present: Assistant) -> None:
        super().__init__(
            f"Assistant {present.id} is in conference {present.conference_id} already.",
            next_step="Use it, or dismiss it first.",
        )
        self.present = present


class LineRefused(SidecarError):
    """A media socket may not become an assistant's line. ``code``: assistant_token_unknown, assistant_token_used,
    assistant_token_expired, assistant_token_other_call, assistant_gone."""

    code = "assistant_token_unknown"


def is_assistant(label: str) -> bool:
    """Whether this is our AI participant, which is never forked."""
    return label.startswith(ASSISTANT_LABEL)


def id_in_label(label: str) -> str:
    """The id of the assistant that a leg of this label belongs to."""
    return label.removeprefix(ASSISTANT_LABEL)


def check_wish(wish: Wish) -> None:
    """Raises AssistantRefused for what is never done: to speak to everybody without having been announced."""
    if wish.announce is Announce.NONE and wish.audience is not Audience.AGENT:
        raise AssistantRefused(
            "Who is spoken to by an assistant is told of it.",
            code="announcement_needed",
            next_step='announce "none" goes with audience "agent" only.',
        )


def check_text(text: str, most: int, *, name: str) -> str:
    """The text without blanks around it. Raises AssistantRefused for one that is empty, too long or unprintable."""
    stripped = text.strip()
    if not 0 < len(stripped) <= most or not all(c.isprintable() or c in "\n\t" for c in stripped):
        raise AssistantRefused(f"{name} has 1 to {most} printable characters.", code="text_invalid")
    return stripped


YES = frozenset({"yes", "yeah", "yep", "sure", "okay", "ok", "fine", "please", "absolutely", "alright"})
NO = frozenset({"no", "nope", "not", "dont", "never", "rather"})


def consent(words: Collection[str]) -> bool | None:
    """Whether these bare words agree to an assistant that asked; None: neither. A doubtful yes is a no."""
    said = set(words)
    if said & NO:
        return False
    return True if said & YES else None
