"""What the model prints when nobody said anything, taken out by rule; words that were said stay.

The rules come from feeding it clicks, breath, laughter, hum, beeps, ringing tones and music, and 24 short words spoken
alone at four speeds: none of those words met a rule. Never judges whether a text is *right*.
"""

from __future__ import annotations

import re

from sidecar.domain.redaction.number_words import ONES

# Printed for a click, a breath or a ringing tone, just like this. A "you" that somebody says alone gets a full stop or
# a question mark from the model.
_CLICK = "You"
# Left over from the films it was trained on; printed for laughter and beeps. Nobody says it on the telephone.
_CREDITS = re.compile(r"(thanks|thank you) for watching\W*", re.IGNORECASE)
# A sung or shouted vowel: "Ahhhhhhhh". No English word has one letter four times in a row.
_LONG_LETTER = re.compile(r"([^\W\d_])\1{3,}", re.IGNORECASE)
_DIGITS = {*ONES, *"0123456789"}
# A decoder that runs in circles, until its budget of tokens is spent: one word twelve times or more in a row, or three
# to eight words four times or more, is kept once. Fewer is how people speak ("no no no", "thank you, thank you").
_ONE_WORD = re.compile(r"\b([^\W\d]+)(?:\W+\1\b){11,}", re.IGNORECASE)
_PHRASE = re.compile(r"\b((?:[\w']+\W+){2,7}?[\w']+)(?:\W+\1\b){3,}", re.IGNORECASE)


def without_hallucination(text: str) -> str:
    """The text without what nobody said; empty when no English letter or digit is left (music notes, a lone sign)."""
    text = text.strip()
    if text == _CLICK or _CREDITS.fullmatch(text) or not any(c.isalnum() and c.isascii() for c in text):
        return ""
    text = _LONG_LETTER.sub(r"\1", text)
    for loop in (_ONE_WORD, _PHRASE):
        text = loop.sub(_once, text)
    return text


def _once(loop: re.Match[str]) -> str:
    """One digit over and over stays whole: numbers of accounts and cards have so many zeros or ones."""
    words = set(re.findall(r"\w+", loop.group(1).lower()))
    return loop.group(0) if len(words) == 1 and words <= _DIGITS else loop.group(1)
