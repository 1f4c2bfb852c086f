"""Text to the words by which it is found: without case, accents and punctuation, the same for text and query.

Both databases index exactly these words, so a search finds the same on each. Pure; knows nothing of queries.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

import msgspec

# A longer word is cut: what a database takes as one word has a limit, and nobody says such words.
WORD_CHARS_MOST = 64

# Letters that Unicode does not take apart, and people type without.
_PLAIN = {"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ħ": "h", "ı": "i"}
# Scripts that put no blanks between words: each character is a word, and a word a phrase.
_UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x3040, 0x30FF),  # Hiragana, Katakana
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),  # Han
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)
_ASCII_WORD = re.compile("[a-z0-9]+")


class Word(msgspec.Struct, frozen=True):
    """A folded word, and where it stands in the text (offsets of characters, end exclusive)."""

    text: str
    start: int
    end: int


def words(text: str) -> list[Word]:
    """All words in order."""
    if text.isascii():
        found = _ASCII_WORD.finditer(text.lower())
        return [Word(match[0][:WORD_CHARS_MOST], match.start(), match.end()) for match in found]
    return list(_words_of_any_script(text))


def folded(text: str) -> list[str]:
    """The words only."""
    return [word.text for word in words(text)]


def _words_of_any_script(text: str) -> Iterator[Word]:
    gathered, start = "", 0
    for at, character in enumerate(text):
        letters, alone = _letters(character)
        if letters is None or alone:
            if gathered:
                yield Word(gathered[:WORD_CHARS_MOST], start, at)
            gathered = ""
            if letters:
                yield Word(letters, at, at + 1)
        elif gathered or letters:  # an accent that stands for itself begins no word
            start = start if gathered else at
            gathered += letters
    if gathered:
        yield Word(gathered[:WORD_CHARS_MOST], start, len(text))


@lru_cache(maxsize=4096)
def _letters(character: str) -> tuple[str | None, bool]:
    """What a character adds to a word, "" for an accent and None for what ends it; and whether it is a word alone."""
    taken_apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
    bare = unicodedata.normalize("NFC", "".join(part for part in taken_apart if not _is_accent(part)))
    if not bare:
        return "", False
    kept = "".join(_PLAIN.get(part, part) for part in bare if unicodedata.category(part)[0] in "LNM")
    if not kept:
        return None, False
    return kept, any(first <= ord(kept[0]) <= last for first, last in _UNSPACED)


def _is_accent(character: str) -> bool:
    """A mark above, below or through a letter, or a vowel point. Vowel signs and the marks of kana are letters."""
    kind = unicodedata.combining(character)
    return kind >= 200 or 10 <= kind <= 36 or kind == 1
