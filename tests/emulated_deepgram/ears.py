"""What the emulator hears in mu-law audio: numbers written into the bytes, or a word of a list for each bit of sound.

Numbered words are an oracle: a word is heard only if every one of its 2,400 bytes arrived in order, so a word that was
lost, doubled or moved is seen in the transcript.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from random import Random
from typing import Protocol

SILENCE = 0xFF
BYTES_PER_MS = 8
WORD_MS = 300
# Numbered speech: words with a breath between them, sentences with a pause between them.
BREATH_MS = 100
SENTENCE_WORDS = 8
PAUSE_MS = 1_200

_BEGIN = b"\x07\x87\x07\x07\x87\x87\x07\x87"
_END = b"\x09\x89\x09\x09\x89\x89\x09\x89"
_DIGITS = 8  # hexadecimal, one byte each
_FILLER = b"\x05\x85"  # as loud as it gets
_WORD_BYTES = WORD_MS * BYTES_PER_MS


@dataclass(frozen=True)
class Heard:
    """A word and where it lies in the audio of the connection."""

    text: str
    start_ms: int
    end_ms: int


class Ear(Protocol):
    """Takes audio in any pieces."""

    @property
    def settled_ms(self) -> int:
        """Up to here all words are known; behind it one may be under way."""
        ...

    def feed(self, audio: bytes) -> list[Heard]:
        """The words that this audio completes."""
        ...


def numbered_word(number: int) -> bytes:
    """300 ms of loud sound that say which number they are."""
    digits = bytes(0x10 + int(digit, 16) for digit in f"{number:0{_DIGITS}x}")
    filler = _WORD_BYTES - len(_BEGIN) - len(digits) - len(_END)
    return _BEGIN + digits + _FILLER * (filler // 2) + _END


def numbered_speech(first: int, count: int) -> bytes:
    """Words ``first`` and up, in sentences; it begins and ends with a pause."""
    silence = bytes([SILENCE])
    audio = bytearray(silence * (PAUSE_MS * BYTES_PER_MS))
    for n in range(count):
        audio += numbered_word(first + n)
        last = (n + 1) % SENTENCE_WORDS == 0 or n + 1 == count
        audio += silence * ((PAUSE_MS if last else BREATH_MS) * BYTES_PER_MS)
    return bytes(audio)


def places(first: int, count: int) -> list[Heard]:
    """Where the words of ``numbered_speech`` lie in its audio."""
    found: list[Heard] = []
    at_ms = PAUSE_MS
    for n in range(count):
        found.append(Heard(f"w{first + n}", at_ms, at_ms + WORD_MS))
        at_ms += WORD_MS + (PAUSE_MS if (n + 1) % SENTENCE_WORDS == 0 else BREATH_MS)
    return found


def number_of(text: str) -> int | None:
    """Which word this is, however it is written; None for one that nobody said."""
    found = re.fullmatch(r"\W*w(?:ord)?\W?(\d+)\W*", text, flags=re.IGNORECASE)
    return int(found[1]) if found else None


@dataclass(frozen=True)
class Manner:
    """How a session writes words and how far its times are off: no two sessions of a recogniser agree in that.

    ``wording``: with ``{}`` for the number. ``jitter_ms``: at most so much (half of a word), apart for beginning and
    end of each word; times stay in order, and none lies in the future. ``seed``: of the jitter.
    """

    wording: str = "w{}"
    jitter_ms: int = 0
    seed: int = 0


WORDINGS = ("w{}", "W{},", "word-{}", "w{}.")


def some_manner(random: Random, jitter_ms: int) -> Manner:
    """Another one for each session."""
    return Manner(random.choice(WORDINGS), jitter_ms, random.getrandbits(32))


class NumberedEar:
    """Hears ``w17`` in ``numbered_word(17)``, and nothing in anything else; ``manner`` says how it tells it."""

    def __init__(self, manner: Manner = Manner()) -> None:
        self._audio = bytearray()
        self._dropped = 0  # bytes that were looked at and let go
        self._manner = manner
        self._random = Random(manner.seed)
        self._last_end_ms = 0

    @property
    def settled_ms(self) -> int:
        begin = self._audio.find(_BEGIN)
        return (self._dropped + (begin if begin >= 0 else len(self._audio))) // BYTES_PER_MS

    def feed(self, audio: bytes) -> list[Heard]:
        self._audio += audio
        heard: list[Heard] = []
        while (begin := self._audio.find(_BEGIN)) >= 0 and len(self._audio) - begin >= _WORD_BYTES:
            word = bytes(self._audio[begin : begin + _WORD_BYTES])
            digits = word[len(_BEGIN) : len(_BEGIN) + _DIGITS]
            whole = all(0x10 <= digit < 0x20 for digit in digits)
            number = int("".join(f"{digit - 0x10:x}" for digit in digits), 16) if whole else 0
            if whole and word == numbered_word(number):
                start_ms = (self._dropped + begin) // BYTES_PER_MS
                heard.append(self._told(number, start_ms))
                self._drop(begin + _WORD_BYTES)
            else:
                self._drop(begin + 1)
        if begin < 0:
            self._drop(max(0, len(self._audio) - len(_BEGIN) + 1))
        return heard

    def _told(self, number: int, start_ms: int) -> Heard:
        jitter_ms, now_ms = self._manner.jitter_ms, (self._dropped + len(self._audio)) // BYTES_PER_MS
        start = max(self._last_end_ms, start_ms + self._random.randint(-jitter_ms, jitter_ms))
        end = min(now_ms, start_ms + WORD_MS + self._random.randint(-jitter_ms, jitter_ms))
        self._last_end_ms = max(start + 1, end)
        return Heard(self._manner.wording.format(number), start, self._last_end_ms)

    def _drop(self, count: int) -> None:
        del self._audio[:count]
        self._dropped += count


class SoundEar:
    """Hears the next word of a list, again and again from its beginning, in every 300 ms of sound."""

    _FRAME = 20 * BYTES_PER_MS
    _SHORTEST_MS = 100

    def __init__(self, words: Sequence[str]) -> None:
        self._words = cycle(words)
        self._rest = bytearray()
        self._now_ms = self._sound_ms = 0

    @property
    def settled_ms(self) -> int:
        return self._now_ms - self._sound_ms

    def feed(self, audio: bytes) -> list[Heard]:
        self._rest += audio
        heard: list[Heard] = []
        while len(self._rest) >= self._FRAME:
            frame = bytes(self._rest[: self._FRAME])
            del self._rest[: self._FRAME]
            loud = sum(code & 0x7F < 0x58 for code in frame) > len(frame) // 8
            over = self._sound_ms >= WORD_MS or (not loud and self._sound_ms >= self._SHORTEST_MS)
            if over:
                heard.append(Heard(next(self._words), self._now_ms - self._sound_ms, self._now_ms))
            self._sound_ms = 0 if over or not loud else self._sound_ms
            self._sound_ms += 20 if loud else 0
            self._now_ms += 20
        return heard
