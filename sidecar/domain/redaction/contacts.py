"""E-mail addresses, written and spoken: "jane.doe@example.com", "jane dot doe at example dot com". Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

# Every repetition is bounded, and what follows it cannot begin with what it repeats: no text takes long.
_WRITTEN = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,4}\.[^\W\d_]{2,63}\b")
_SPOKEN = re.compile(
    r"\b(?P<name>[\w'+-]{1,40}(?:(?:\s+(?:dot|point|underscore|dash|hyphen|minus|plus)\s+|\.|\s+(?=\w\s))[\w'+-]{1,40}){0,12})"
    r"\s+at\s+(?P<place>[\w-]{1,40}(?:(?:\s+(?:dash|hyphen|minus)\s+)[\w-]{1,40}){0,3}"
    r"(?:(?:\s+dot\s+|\.)[\w-]{1,40}){0,3}(?:\s+dot\s+|\.)[^\W\d_]{2,40})\b",
    re.IGNORECASE,
)
# "Look at example dot com" is no address.
_NO_NAMES = frozenset({
    "look", "looked", "looking", "me", "us", "it", "him", "her", "them", "you", "is", "was", "be", "are", "here",
    "there", "that", "this", "back", "up", "down", "out", "go", "see", "find", "shop", "arrived", "available", "only",
    "buy", "bought", "order", "ordered", "online", "i", "we", "work", "works", "worked", "site",
})  # fmt: skip


def emails_in(text: str) -> Iterator[tuple[int, int]]:
    """Where a text holds e-mail addresses."""
    for found in _WRITTEN.finditer(text):
        yield found.span()
    if " at " in text.lower():
        for found in _SPOKEN.finditer(text):
            if found["name"].lower() not in _NO_NAMES:
                yield found.span()
