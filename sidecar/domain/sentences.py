"""Text that comes in bits, cut into pieces that can be spoken while the rest is not there yet. English. Pure.

The first piece is short, so that sound begins soon; later ones are whole sentences, which sound better.
"""

from __future__ import annotations

import re

# A first piece may end at a comma from here on; without any end, a piece is cut at a space before the most.
FIRST_CLAUSE_CHARS = 30
MOST_CHARS = 220
# Shorter sentences ("Yes.", "Right.") are spoken with the next.
FEWEST_CHARS = 12

_END = re.compile(r"[.!?…]+[\"”')\]]*(?=\s)|\n")
_CLAUSE = re.compile(r"[,;:](?=\s)|\s[–—](?=\s)")
_ABBREVIATION = re.compile(
    r"(?:\b(?:mr|mrs|ms|dr|prof|st|no|vs|etc|e\.g|i\.e|approx|dept|inc|ltd|jr|sr)|\b[a-z](?:\.[a-z])*)\.$", re.I
)
# What a model writes for eyes: emphasis, code, headings, bullets, links.
_MARKUP = re.compile(r"\[([^\]\n]*)\]\([^)\n]*\)|[*_`~#]+|^\s*(?:[-•]|\d+\.)\s+", re.M)


class Sentences:
    """Feed it with bits; what it gives joined with spaces is the text, without markup."""

    def __init__(self) -> None:
        self._rest = ""
        self._gave = False

    def add(self, bit: str) -> list[str]:
        """The pieces that are complete by now."""
        self._rest += bit
        pieces = []
        while (end := self._end()) is not None:
            piece, self._rest = self._rest[:end], self._rest[end:]
            if plain := plain_text(piece):
                pieces.append(plain)
                self._gave = True
        return pieces

    def close(self) -> list[str]:
        """The last piece, if anything is left."""
        rest, self._rest = plain_text(self._rest), ""
        return [rest] if rest else []

    def _end(self) -> int | None:
        for found in _END.finditer(self._rest):
            end = found.end()
            if end >= FEWEST_CHARS and not _ABBREVIATION.search(self._rest[:end]):
                return end
        if not self._gave:
            clauses = [found.end() for found in _CLAUSE.finditer(self._rest) if found.end() >= FIRST_CLAUSE_CHARS]
            if clauses:
                return clauses[0]
        if len(self._rest) > MOST_CHARS:
            return self._rest.rfind(" ", 1, MOST_CHARS) if " " in self._rest[1:MOST_CHARS] else MOST_CHARS
        return None


def plain_text(text: str) -> str:
    """Without markup and double blanks."""
    return " ".join(_MARKUP.sub(lambda found: found[1] or "", text).split())
