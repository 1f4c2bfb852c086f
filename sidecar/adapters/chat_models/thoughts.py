"""What a reasoning model thinks before it speaks, taken out of its text. Pure.

Servers without a parser of their own for a model's thoughts (Ollama and vLLM with some models) give them as text, in
``<think>`` tags in front of the answer. Nobody on a call wants to hear that.
"""

from __future__ import annotations

OPEN, CLOSE = "<think>", "</think>"


class Thoughts:
    """Feed it an answer in pieces. Only thoughts at the very beginning are taken out."""

    def __init__(self) -> None:
        self._held = ""
        self._state = "undecided"  # "thinking", "speaking"

    def without(self, text: str) -> str:
        """What of the text so far is sure to be spoken; perhaps nothing."""
        if self._state == "speaking":
            return text
        self._held += text
        if self._state == "undecided":
            begun = self._held.lstrip()
            if begun.startswith(OPEN):
                self._state, self._held = "thinking", begun.removeprefix(OPEN)
            elif not OPEN.startswith(begun):
                self._state = "speaking"
                return self._held
        if self._state == "thinking":
            before, close, after = self._held.partition(CLOSE)
            if close:
                self._state = "speaking"
                return after.lstrip()
            self._held = before[1 - len(CLOSE) :]  # the tag may be torn apart
        return ""

    def rest(self) -> str:
        """At the end of the answer: what was held back and is no thought after all."""
        return self._held if self._state == "undecided" else ""
