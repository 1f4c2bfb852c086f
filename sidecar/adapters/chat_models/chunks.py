"""The chunks of one answer, as OpenAI's chat completions stream them, put together. Pure; believes nothing.

Chunks are taken as they come from whatever server it is: fields may be missing, null or of another type.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sidecar.adapters.chat_models.thoughts import Thoughts
from sidecar.ports.chat_model import ToolCall, Usage


class Answer:
    """``begun``: there is a word to say, or a tool call. ``finish``: why it ended, "" before.

    ``characters``: of text, thoughts and tool calls so far.
    """

    def __init__(self) -> None:
        self._thoughts = Thoughts()
        self._half = ""  # a character of which the other half has not come
        self._calls: list[list[str]] = []  # id, name, arguments
        self._at: dict[int, int] = {}  # position in ``_calls`` by the index that the server gives
        self.begun = False
        self.finish = ""
        self.characters = 0
        self.usage: Usage | None = None

    def take(self, chunk: Any) -> str:
        """More of the text, perhaps none."""
        self.usage = _usage(getattr(chunk, "usage", None)) or self.usage
        text = ""
        for choice in _list(getattr(chunk, "choices", None)):
            self.finish = _text(getattr(choice, "finish_reason", None)) or self.finish
            delta = getattr(choice, "delta", None)
            content = _text(getattr(delta, "content", None)) or _text(getattr(delta, "refusal", None))
            self.characters += len(content)
            text += self._thoughts.without(self._whole(content))
            for fragment in _list(getattr(delta, "tool_calls", None)):
                self._take_call(fragment)
        self.begun = self.begun or bool(text or self._calls)
        return text

    def rest(self) -> str:
        """At the end: text that was held back."""
        return self._thoughts.rest()

    def calls(self) -> list[ToolCall]:
        """At the end: all tool calls. One without an id gets one, because the answer to it needs it."""
        return [
            ToolCall(id_ or f"call_{at}", _valid(name), _valid(arguments))
            for at, (id_, name, arguments) in enumerate(self._calls)
            if name
        ]

    def _whole(self, content: str) -> str:
        """Some servers tear characters beyond the basic plane, such as emoji, into two chunks."""
        content = self._half + content
        self._half = content[-1:] if "\ud800" <= content[-1:] <= "\udbff" else ""
        return _valid(content.removesuffix(self._half) if self._half else content)

    def _take_call(self, fragment: Any) -> None:
        """A fragment belongs to the call with its index.

        Some servers give no index, or the same one to every call: there a new id begins a new call.
        """
        index, id_ = getattr(fragment, "index", None), _text(getattr(fragment, "id", None))
        index = index if isinstance(index, int) else 0
        at = self._at.get(index)
        if at is None or (id_ and self._calls[at][0] not in ("", id_)):
            at = self._at[index] = len(self._calls)
            self._calls.append(["", "", ""])
        call, function = self._calls[at], getattr(fragment, "function", None)
        name, arguments = _text(getattr(function, "name", None)), _text(getattr(function, "arguments", None))
        self._calls[at] = [call[0] or id_, call[1] or name, call[2] + arguments]
        self.characters += len(name) + len(arguments)


def _valid(text: str) -> str:
    """Halves of characters are put together where they meet, and replaced where they do not: no file takes them."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _usage(usage: object) -> Usage | None:
    """Most servers tell it in the last chunk, some in every one."""
    asked, answered = getattr(usage, "prompt_tokens", None), getattr(usage, "completion_tokens", None)
    return Usage(asked, answered) if isinstance(asked, int) and isinstance(answered, int) else None
