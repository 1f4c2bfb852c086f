"""Words of people on a call that mean something to the assistant, and words that it says of its own accord. English.

What is compared are bare words, as ``words_of`` gives them: recognisers differ in case, punctuation and hyphens.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_APOSTROPHE = re.compile(r"[’'`]")
_WORD = re.compile(r"[^\W_]+")


def words_of(text: str) -> list[str]:
    """The bare words of a text: "Mm-hm, that's 5!" is mm, hm, thats, 5."""
    return _WORD.findall(_APOSTROPHE.sub("", text.casefold()))


def _phrases(text: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(words_of(phrase)) for phrase in text.split(","))


# Said while the assistant speaks, any of these stops it at once.
STOP = _phrases(
    "stop, wait, hold on, hang on, one moment, just a moment, one second, just a second, one sec, quiet, shut up,enough"
)
# Signs of listening: they never stop it, however many there are.
BACKCHANNELS = _phrases(
    "mm, mhm, mmhm, mmhmm, hm, hmm, uh, huh, uhhuh, um, umm, er, ah, aha, oh, okay, ok, right, yes, yeah, yep, yup,"
    "sure, alright, all right, good, great, fine, cool, perfect, exactly, indeed, i see, got it, thanks, thank you,"
    "makes sense"
)


def find(phrases: Sequence[Sequence[str]], words: Sequence[str]) -> int | None:
    """Where the first of the phrases begins in the words; None if none is there."""
    for at in range(len(words)):
        if any(list(words[at : at + len(phrase)]) == list(phrase) for phrase in phrases):
            return at
    return None


def without(phrases: Sequence[Sequence[str]], words: Sequence[str]) -> list[str]:
    """The words that belong to none of the phrases."""
    left, at = list[str](), 0
    while at < len(words):
        found = [len(phrase) for phrase in phrases if list(words[at : at + len(phrase)]) == list(phrase)]
        if not found:
            left.append(words[at])
        at += max(found, default=1)
    return left
