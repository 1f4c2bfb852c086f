"""What happens to the assistant, as events: one struct per type, as in ``domain.events``.

All ``*_ms`` are milliseconds on the conference clock.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from sidecar.domain.assistant.stay import Announce, Audience, Doing, Speaks
from sidecar.domain.event_data import EventData


class AssistantRequested(EventData, frozen=True, kw_only=True):
    """Somebody invited the assistant. ``by``: the name of the user or key. ``prompt``: what only it is told, or ""."""

    type: ClassVar[str] = "assistant.requested"
    assistant: str
    participant: str
    name: str
    by: str
    prompt: str
    speaks: Speaks
    announce: Announce
    audience: Audience
    at_ms: int


class AssistantJoined(EventData, frozen=True, kw_only=True):
    """The assistant is in the conference, and its line is open."""

    type: ClassVar[str] = "assistant.joined"
    assistant: str
    participant: str
    call_sid: str
    label: str
    name: str
    at_ms: int


class ToolUse(msgspec.Struct, frozen=True, kw_only=True):
    """The model asked for a tool. ``outcome``: done, refused (by the policy outside the model) or failed."""

    name: str
    outcome: str


class TurnLatency(msgspec.Struct, frozen=True, kw_only=True):
    """How long each stage of an answer took, in ms; None where it was not needed.

    ``model``: from being meant to its first words. ``voice``: from there to their first audio. ``waited``: from there
    until there was room. ``sent``: from there to the line. ``total``: from being meant to the line.
    """

    model: int | None = None
    voice: int | None = None
    waited: int | None = None
    sent: int | None = None
    total: int | None = None


class AssistantTurn(EventData, frozen=True, kw_only=True):
    """One answer of the assistant is over. ``text``: all of it that was ready; ``heard``: the part that was played.

    ``utterance``: its line in the transcript, None if nothing of it was heard. ``why``: what it answered to, a stable
    word. ``outcome``: completed, or why it ended early. ``to``: the participant whom it answered, or None.
    """

    type: ClassVar[str] = "assistant.turn"
    assistant: str
    participant: str
    utterance: str | None
    start_ms: int
    end_ms: int
    text: str
    heard: str
    why: str
    outcome: str
    to: str | None = None
    tools: list[ToolUse] = msgspec.field(default_factory=list)
    latency: TurnLatency = TurnLatency()
    chat_model: str = ""
    voice: str = ""


class AssistantLeft(EventData, frozen=True, kw_only=True):
    """The assistant is out of the conference. ``reason``: a stable word; ``by``: who dismissed it, or ""."""

    type: ClassVar[str] = "assistant.left"
    assistant: str
    participant: str
    reason: str
    at_ms: int
    by: str = ""


class AssistantFailed(EventData, frozen=True, kw_only=True):
    """The assistant did not come, or could not stay. ``reason``: a stable word; ``detail``: the provider's, or ""."""

    type: ClassVar[str] = "assistant.failed"
    assistant: str
    participant: str
    reason: str
    at_ms: int
    detail: str = ""


class AssistantDoing(EventData, frozen=True, kw_only=True):
    """What the assistant does just now. ``note``: a stable word for what the people at the panel should know, or "";
    ``detail``: more to it, for people. ``speaks``, ``audience``: as they are now.
    """

    type: ClassVar[str] = "assistant.state"
    assistant: str
    participant: str
    state: Doing
    muted: bool
    speaks: Speaks
    audience: Audience
    at_ms: int
    note: str = ""
    detail: str = ""
