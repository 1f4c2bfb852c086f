"""What was said, as lines that a chat model is shown: ``[3:07] Maya Chen: Where is my order?``. Pure.

A line begins with a time or a name and holds no line break, so that nobody can put words into another's mouth by what
he says: text inside a line is data, whatever it looks like.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

_LINE = re.compile(r"\[(?P<minutes>\d+):(?P<seconds>\d\d)\] (?P<name>[^:\n]+): (?P<text>.*)")


class Said(msgspec.Struct, frozen=True):
    """Words of one participant. ``name``: with the role behind it where that helps, as in ``Maya (agent)``.

    ``start_ms``: on the conference clock.
    """

    name: str
    text: str
    start_ms: int


def line_of(said: Said) -> str:
    """One line, without a break at its end. Colons in names become spaces, as do all breaks."""
    minutes, seconds = divmod(max(0, said.start_ms) // 1000, 60)
    name = " ".join(said.name.replace(":", " ").split()) or "Somebody"
    return f"[{minutes}:{seconds:02}] {name}: {' '.join(said.text.split())}"


def lines_in(text: str) -> Iterable[Said]:
    """What was said, in order, of text that may hold other lines too. Times come back in whole seconds."""
    for line in text.splitlines():
        if found := _LINE.fullmatch(line):
            start_ms = (int(found["minutes"]) * 60 + int(found["seconds"])) * 1000
            yield Said(found["name"], found["text"], start_ms)
