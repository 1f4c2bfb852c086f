"""A model that answers: messages in, text and tool calls out while they are thought of.

What it says is not trusted: tool calls are requests, and a policy outside the model decides about them.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any, Literal, Protocol

import msgspec


class ToolCall(msgspec.Struct, frozen=True):
    """The model asks for a tool. ``arguments``: JSON text as the model wrote it, which may be no JSON at all."""

    id: str
    name: str
    arguments: str


class ChatMessage(msgspec.Struct, frozen=True):
    """One message of a conversation.

    ``tool_calls``: what an assistant's message asked for. Each needs one message of role ``tool`` behind it, with its
    ``tool_call_id`` and the tool's answer as ``text``.
    """

    role: Literal["system", "user", "assistant", "tool"]
    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


class Tool(msgspec.Struct, frozen=True):
    """What the model may ask for. ``parameters``: a JSON schema of an object."""

    name: str
    description: str
    parameters: dict[str, Any]


class TextPiece(msgspec.Struct, frozen=True):
    """More of the answer: some characters, never none; white space counts. All pieces joined are the answer."""

    text: str


class Usage(msgspec.Struct, frozen=True):
    """What an answer cost, where the vendor tells."""

    input_tokens: int
    output_tokens: int


Piece = TextPiece | ToolCall | Usage


class ChatModel(Protocol):
    """An engine that answers. Built once per process; several answers may be under way at once."""

    @property
    def engine(self) -> str:
        """Short stable name, stored with each turn: ``openai-compatible``, ``scripted``."""
        ...

    def answer(self, messages: Sequence[ChatMessage], *, tools: Sequence[Tool] = ()) -> AsyncGenerator[Piece, None]:
        """One answer: pieces of text as they come, each tool call whole, Usage at most once and last.

        Nothing happens before the first iteration. ``aclose`` stops the vendor at once, and so does cancelling whoever
        iterates. Raises ChatModelFailed, behind the pieces that came before; every wait inside is bounded.
        """
        ...

    async def close(self) -> None:
        """Free connections. Answers must have ended before. May be called twice."""
        ...
