"""Text cut into pieces that a voice can take: at sentences, else at clauses, else at words. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+")
# Where a speaker may pause, best first; what follows begins the next piece.
_PAUSES = (re.compile(r"(?<=[;:])\s+|\s+(?=[–—-]\s)"), re.compile(r"(?<=,)\s+"), re.compile(r"\s+"))


def sentences(text: str, *, most: int) -> Iterator[str]:
    """One sentence after another, none empty; one of more than ``most`` characters in parts."""
    for sentence in _SENTENCE_END.split(text.strip()):
        yield from _parts(sentence.strip(), most)


def pieces(text: str, *, most: int) -> Iterator[str]:
    """As few pieces of at most ``most`` characters as whole sentences allow, none empty."""
    gathered = ""
    for sentence in sentences(text, most=most):
        if gathered and len(gathered) + 1 + len(sentence) > most:
            yield gathered
            gathered = sentence
        else:
            gathered = f"{gathered} {sentence}".strip()
    if gathered:
        yield gathered


def _parts(sentence: str, most: int) -> Iterator[str]:
    rest = sentence
    while len(rest) > most:
        end = _pause_before(rest, most)
        yield rest[:end].rstrip()
        rest = rest[end:].lstrip()
    if rest:
        yield rest


def _pause_before(text: str, most: int) -> int:
    """Where to cut: the last good pause of the second half, the last space at all, or right through a word."""
    for pause in _PAUSES:
        ends = [found.start() for found in pause.finditer(text[: most + 1]) if found.start() > most // 2]
        if ends:
            return ends[-1]
    return max((found.start() for found in _PAUSES[-1].finditer(text[: most + 1])), default=most) or most
