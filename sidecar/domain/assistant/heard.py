"""Which words of a turn lie in how much of its audio. Positions are bytes of mu-law since the turn began (8 are 1 ms).

Voices do not tell when which word is spoken, so a piece's time is shared out among its characters, and a word counts
when all of it does. Pure.
"""

from __future__ import annotations

import re

import msgspec

from sidecar.domain.replay import BYTES_PER_MS

# How long a character lasts while nobody knows yet how long its piece will be: voices need some 55 to 75 ms for one.
SLOW_MS_PER_CHARACTER = 100  # for what must not be claimed too early
QUICK_MS_PER_CHARACTER = 50  # for what must not be noticed too late

_WORD = re.compile(r"\S+")


class Piece(msgspec.Struct):
    """Text and the audio of it. ``complete``: no more of either will come, so that its length says how fast it is."""

    text: str
    begins: int
    size: int = 0
    complete: bool = False

    def words_until(self, position: int, ms_per_character: int) -> int:
        """How many of its words lie before a position. ``ms_per_character``: what to assume of an incomplete piece."""
        into = min(position - self.begins, self.size)
        if into <= 0:
            return 0
        whole = self.size if self.complete else len(self.text) * ms_per_character * BYTES_PER_MS
        return sum(word.end() * whole <= into * len(self.text) for word in _WORD.finditer(self.text))


class Script:
    """The pieces of one turn, in order. Text and audio always belong to the newest piece."""

    def __init__(self) -> None:
        self._pieces: list[Piece] = []
        self._size = 0
        self._told = 0  # words that ``news`` gave out

    @property
    def complete(self) -> bool:
        """Whether the audio of all text is here."""
        return all(piece.complete for piece in self._pieces)

    def open(self, text: str) -> None:
        """A further piece; the one before is complete."""
        self.close()
        self._pieces.append(Piece(text, self._size))

    def add(self, *, text: str = "", audio_bytes: int = 0) -> None:
        """More of the newest piece; without one, or after it is complete, of a new one."""
        if not self._pieces or self._pieces[-1].complete:
            self.open("")
        self._pieces[-1].text += text
        self._pieces[-1].size += audio_bytes
        self._size += audio_bytes

    def close(self) -> None:
        """The newest piece is complete."""
        if self._pieces:
            self._pieces[-1].complete = True

    def split(self, position: int) -> tuple[str, str]:
        """What was heard when everything before ``position`` was played, and the rest. Rather a word too few."""
        counts = [piece.words_until(position, SLOW_MS_PER_CHARACTER) for piece in self._pieces]
        heard = [word for piece, n in zip(self._pieces, counts, strict=True) for word in piece.text.split()[:n]]
        unheard = [word for piece, n in zip(self._pieces, counts, strict=True) for word in piece.text.split()[n:]]
        return " ".join(heard), " ".join(unheard)

    def news(self, position: int) -> str:
        """The words before ``position`` that were not given out yet. Rather a word too many."""
        words = [
            word
            for piece in self._pieces
            for word in piece.text.split()[: piece.words_until(position, QUICK_MS_PER_CHARACTER)]
        ]
        told, self._told = self._told, max(self._told, len(words))
        return " ".join(words[told:])
