"""What the floor knows of people and wishes, and what it orders: input and output of ``floor`` and ``turn_taking``."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from sidecar.domain.assistant.stay import Audience, Speaks
from sidecar.domain.conference.values import Role


class Manners(msgspec.Struct, frozen=True, kw_only=True):
    """How the assistant behaves on this call. ``leave_at_ms``: its time limit, or None."""

    name: str = "Ava"
    speaks: Speaks = Speaks.ADDRESSED
    audience: Audience = Audience.ALL
    muted: bool = False
    leave_at_ms: int | None = None


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody on the call. ``coaching``: heard by one participant only; ``rests``: muted or on hold."""

    participant: str
    name: str
    role: Role
    coaching: bool = False
    rests: bool = False


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody wants a turn, by panel or API: an answer to a private prompt or, with ``exact``, these very words."""

    by: str
    text: str
    exact: bool = False


class Why(StrEnum):
    """Why the assistant answers."""

    ADDRESSED = "addressed"
    FOLLOW_UP = "follow_up"
    ALWAYS = "always"
    ASKED = "asked"


class Dropped(StrEnum):
    """Why a turn that had not begun to sound is given up."""

    ANSWERED_BY_HUMAN = "answered_by_human"
    MORE_WAS_SAID = "more_was_said"
    CALLED_OFF = "called_off"
    NOT_MEANT = "not_meant"
    ASKED_OTHERWISE = "asked_otherwise"
    MUTED = "muted"
    NO_ROOM = "no_room"
    LEAVING = "leaving"


class Ended(StrEnum):
    """What ended a turn that sounded before it was over."""

    STOP_WORD = "stop_word"
    WORDS = "words"
    STOPPED = "stopped"
    MUTED = "muted"
    LEAVING = "leaving"


class Note(StrEnum):
    """What the panel says to those who wonder why the assistant is silent."""

    MUTED = "muted"
    BUSY = "busy"
    NO_ROOM = "no_room"
    GAVE_UP = "gave_up"
    FAILED = "failed"


class Leaving(StrEnum):
    """Why the assistant leaves by itself."""

    NOT_WANTED = "not_wanted"
    LAST_HUMAN_LEFT = "last_human_left"
    TIME_LIMIT = "time_limit"


# -- orders ----------------------------------------------------------------------------------------------------


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Begin to think: ask model and voice, and tell ``ready`` when the first audio is there. ``Speak`` sends it.

    ``asked_by``: the participant who addressed it, or who used the panel. ``prompt``: what was said or asked;
    ``private``: on the call nobody said it; ``exact``: say just these words, no model is needed.
    """

    turn: str
    why: Why
    asked_by: str
    prompt: str
    private: bool = False
    exact: bool = False


class Speak(msgspec.Struct, frozen=True):
    """There is room: what is ready of this turn may sound, and what follows."""

    turn: str


class Filler(msgspec.Struct, frozen=True):
    """Thinking takes long: say something short, as the first piece of this turn."""

    turn: str


class Drop(msgspec.Struct, frozen=True):
    """Stop thinking about a turn. Of its answer nothing sounds; a filler that does ends with it."""

    turn: str
    why: Dropped


class GiveUp(msgspec.Struct, frozen=True):
    """Stop thinking about a turn, as with ``Drop``: it takes too long."""

    turn: str


class HoldPlayback(msgspec.Struct, frozen=True):
    """Somebody may be interrupting: send nothing more for now."""

    turn: str


class GoOnPlaying(msgspec.Struct, frozen=True):
    """It was nothing: go on where it stopped."""

    turn: str


class Cut(msgspec.Struct, frozen=True):
    """End a turn at once, at what was heard. ``by``: who interrupted, or ""."""

    turn: str
    why: Ended
    by: str = ""


class SayGoodbyeAndLeave(msgspec.Struct, frozen=True):
    """Say goodbye, and leave when its last mark is back."""

    why: Leaving


class Leave(msgspec.Struct, frozen=True):
    """Leave at once, without a word."""

    why: Leaving


class TellPanel(msgspec.Struct, frozen=True):
    """Say in the panel why nothing is heard. ``by``: whom it concerns."""

    note: Note
    by: str = ""


Order = (
    Answer | Speak | Filler | Drop | GiveUp | HoldPlayback | GoOnPlaying | Cut | SayGoodbyeAndLeave | Leave | TellPanel
)
