"""A model that hears and speaks: the call's audio in, spoken answers out. When it answers, we decide, never the model.

A session holds a conversation. It may be lost and found again underneath: each time the model is told anew what it has
to know, from a Brief that whoever opened the session composes then.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import msgspec

from sidecar.ports.chat_model import ChatMessage, TextPiece, Tool, ToolCall, Usage
from sidecar.ports.recogniser import Figure


class Brief(msgspec.Struct, frozen=True):
    """All that a model has to know that has heard nothing yet. ``history``: in order, tools' answers behind calls."""

    instructions: str
    history: tuple[ChatMessage, ...] = ()
    tools: tuple[Tool, ...] = ()


class AudioPiece(msgspec.Struct, frozen=True):
    """More audio of an answer: mu-law, 8 kHz, never empty."""

    audio: bytes


RealtimePiece = AudioPiece | TextPiece | ToolCall | Usage
"""Text is what the audio says, in pieces that come about when their audio does, rather before."""


class Lost(msgspec.Struct, frozen=True):
    """The model hears nothing any more. ``permanent``: it will not be tried again, somebody has to see to it."""

    code: str
    message: str
    permanent: bool = False


class Found(msgspec.Struct, frozen=True):
    """It hears again, and was given a new Brief."""

    away_ms: int


class RealtimeSession(Protocol):
    """One conversation. Not for two tasks at once, but for ``hear``, ``tell`` and ``news`` beside an answer."""

    def hear(self, audio: bytes) -> None:
        """More of what the leg hears: mu-law, 8 kHz, any length, in real time. Never waits.

        What cannot be sent in time is dropped: a model that hears the past answers the past.
        """
        ...

    def tell(self, message: ChatMessage) -> None:
        """A message of the conversation: who said what, or what a tool answered. Never waits.

        While the model is lost nothing is kept: the next Brief has to hold it.
        """
        ...

    def answer(self, *, instructions: str = "") -> AsyncGenerator[RealtimePiece, None]:
        """One answer to what was heard and told so far; ``instructions`` for this one are added to those of the Brief.

        Audio comes faster than it is played. ``aclose`` stops the model at once, and so does cancelling whoever
        iterates. One at a time. Raises RealtimeFailed, behind the pieces that came before; every wait is bounded.
        """
        ...

    def heard(self, ms: int) -> None:
        """Of all that was answered since the last call of this, only so much audio was played: the model forgets that
        it said the rest. To be called once per turn, whatever became of it, behind its last answer. Never waits.
        """
        ...

    def news(self) -> AsyncIterator[Lost | Found]:
        """What becomes of the session, as it happens; ends with it. To be iterated once."""
        ...


class RealtimeModel(Protocol):
    """An engine. Built once per process."""

    @property
    def engine(self) -> str:
        """Short stable name, stored with each turn: ``openai-realtime``."""
        ...

    def figures(self) -> Sequence[Figure]:
        """What this engine counts, for operators; the names are those of its metrics."""
        ...

    def open(self, brief: Callable[[int], Brief]) -> AbstractAsyncContextManager[RealtimeSession]:
        """A session while it is entered. Entering raises RealtimeFailed when the model cannot be reached.

        ``brief`` is called for each connection, with the time in ms for which the model heard nothing, 0 at first.
        """
        ...

    async def close(self) -> None:
        """Sessions must be closed before. May be called twice."""
        ...
