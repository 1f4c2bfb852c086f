"""What a text says in digits, written or spoken: "4111", "forty-one eleven", "double five oh nine". Pure.

English is read here, with the ways in which people say card numbers; other languages by text2num, which knows German,
French, Spanish, Portuguese, Italian and Dutch numbers ("einundvierzig elf"), without "double" and the like.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from text_to_num import find_numbers

# Languages whose spoken digits are known, besides English. https://github.com/allo-media/text2num
OTHER_LANGUAGES = frozenset({"de", "fr", "es", "pt", "it", "nl"})

ONES = {
    "zero": "0", "oh": "0", "o": "0", "nought": "0", "naught": "0", "one": "1", "two": "2", "three": "3", "four": "4",
    "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9", "niner": "9", "fife": "5",
}  # fmt: skip
TEENS = {
    "ten": "10", "eleven": "11", "twelve": "12", "thirteen": "13", "fourteen": "14", "fifteen": "15", "sixteen": "16",
    "seventeen": "17", "eighteen": "18", "nineteen": "19",
}  # fmt: skip
TENS = {
    "twenty": "2", "thirty": "3", "forty": "4", "fourty": "4", "fifty": "5", "sixty": "6", "seventy": "7",
    "eighty": "8", "ninety": "9",
}  # fmt: skip
TIMES = {"double": 2, "triple": 3, "treble": 3, "quadruple": 4}
# What recognisers write where somebody said a digit. They count between two single digits only.
SOUNDS_LIKE = {"for": "4", "fore": "4", "to": "2", "too": "2", "won": "1", "ate": "8", "tree": "3", "nein": "9"}

_TOKEN = re.compile(r"\d+|[^\W\d_]+(?:['’][^\W\d_]+)*|\S")
_SAYS_NUMBERS = re.compile(
    r"(\d)|\b(?:(" + "|".join(ONES) + ")|" + "|".join([*TEENS, *TENS, *TIMES, "hundred", "thousand"]) + r")\b",
    re.IGNORECASE,
)
# "quadruple five"
DIGITS_OF_A_WORD = 4


class Token(NamedTuple):
    """A word, a row of digits or a sign of a text, and where it stands."""

    text: str
    start: int
    end: int


class Piece(NamedTuple):
    """Part of a text that says digits: the tokens from ``first`` to ``last``.

    ``glued``: letters touch it, as in ``AB1234`` or ``26th``. ``doubtful``: a word that merely sounds like a digit.
    """

    first: int
    last: int
    digits: str
    spoken: bool = False
    glued: bool = False
    doubtful: bool = False


def may_say(digits: int, text: str, language: str = "en") -> bool:
    """Whether a text can say so many digits: quick, for most cannot, and need no closer look."""
    if language in OTHER_LANGUAGES:
        return bool(text)
    said = 0
    for found in _SAYS_NUMBERS.finditer(text):
        said += 1 if found.lastindex else DIGITS_OF_A_WORD
        if said >= digits:
            return True
    return False


def tokens_of(text: str) -> list[Token]:
    """Words, digits and signs, in order."""
    return [Token(found[0], found.start(), found.end()) for found in _TOKEN.finditer(text)]


def pieces_of(tokens: Sequence[Token], language: str = "en") -> list[Piece]:
    """All that the tokens say in digits, in order. ``language``: as ISO 639-1; unknown ones are English."""
    spoken = _other(tokens, language) if language in OTHER_LANGUAGES else _English(tokens).pieces()
    taken = {at for piece in spoken for at in range(piece.first, piece.last + 1)}
    written = [
        Piece(at, at, _ascii(token.text), glued=_glued(tokens, at))
        for at, token in enumerate(tokens)
        if at not in taken and token.text[0].isdecimal()
    ]
    return sorted([*spoken, *written])


def _ascii(digits: str) -> str:
    return "".join(str(unicodedata.decimal(digit)) for digit in digits)


def _glued(tokens: Sequence[Token], at: int) -> bool:
    here = tokens[at]
    before, after = tokens[at - 1 : at] if at else [], tokens[at + 1 : at + 2]
    touching = [t for t in before if t.end == here.start] + [t for t in after if t.start == here.end]
    return any(token.text[0].isalpha() or token.text == "_" for token in touching)


class _English:
    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._words = [token.text.lower() for token in tokens]

    def pieces(self) -> list[Piece]:
        found: list[Piece] = []
        at = 0
        while at < len(self._words):
            piece = self._number(at) or self._sounds_like(at)
            if piece is None:
                at += 1
                continue
            at = piece.last + 1
            if not piece.doubtful:
                piece = self._with_hundreds(piece)
                at = piece.last + 1
            found.append(piece)
        return found

    def _word(self, at: int) -> str:
        return self._words[at] if at < len(self._words) else ""

    def _number(self, at: int) -> Piece | None:
        """One word, "forty-one", or "double five"."""
        word = self._word(at)
        if word in ONES:
            return Piece(at, at, ONES[word], spoken=True)
        if word in TEENS:
            return Piece(at, at, TEENS[word], spoken=True)
        if word in TENS:
            unit = at + 2 if self._word(at + 1) == "-" else at + 1
            one = ONES.get(self._word(unit), "0")
            if one != "0":
                return Piece(at, unit, TENS[word] + one, spoken=True)
            return Piece(at, at, TENS[word] + "0", spoken=True)
        if word in TIMES:
            digit_at = at + 2 if self._word(at + 1) == "-" else at + 1
            digit = ONES.get(self._word(digit_at)) or self._written_digit(digit_at)
            return Piece(at, digit_at, digit * TIMES[word], spoken=True) if digit else None
        return None

    def _written_digit(self, at: int) -> str:
        word = self._word(at)
        return _ascii(word) if len(word) == 1 and word.isdecimal() else ""

    def _sounds_like(self, at: int) -> Piece | None:
        digit = SOUNDS_LIKE.get(self._word(at))
        return Piece(at, at, digit, spoken=True, doubtful=True) if digit else None

    def _with_hundreds(self, piece: Piece) -> Piece:
        """ "forty-five hundred" is 4500; "two hundred and six" 206, "four thousand one hundred eleven" 4111."""
        if self._word(piece.last + 1) == "thousand" and len(piece.digits) <= 3:
            rest = self._below(piece.last + 2, hundreds=True)
            digits, last = rest or ("", piece.last + 1)
            return piece._replace(last=last, digits=piece.digits + digits.rjust(3, "0"))
        if self._word(piece.last + 1) == "hundred" and len(piece.digits) <= 2:
            with_and = self._word(piece.last + 2) == "and"
            rest = self._below(piece.last + 2, hundreds=False) if with_and or len(piece.digits) == 1 else None
            digits, last = rest or ("", piece.last + 1)
            return piece._replace(last=last, digits=piece.digits + digits.rjust(2, "0"))
        return piece

    def _below(self, at: int, *, hundreds: bool) -> tuple[str, int] | None:
        """A number below a hundred, or a thousand, with or without "and" before it; its digits and last word."""
        piece = self._number(at + 1 if self._word(at) == "and" else at)
        if piece is None or len(piece.digits) > 2:
            return None
        if hundreds and len(piece.digits) == 1:
            piece = self._with_hundreds(piece)
        return piece.digits, piece.last


class _Spoken:
    """What text2num asks of a token."""

    def __init__(self, text: str) -> None:
        self._text = text

    def text(self) -> str:
        return self._text

    def nt_separated(self, _previous: object) -> bool:
        return False

    def not_a_number_part(self) -> bool:
        return False


def _other(tokens: Sequence[Token], language: str) -> list[Piece]:
    words = [token for token in tokens if not token.text[0].isdecimal()]
    places = [at for at, token in enumerate(tokens) if not token.text[0].isdecimal()]
    found = []
    for number in find_numbers([_Spoken(token.text) for token in words], language, 0):
        first, last = places[number.start], places[number.end - 1]
        if not number.is_ordinal and number.text.isdigit() and last - first == number.end - 1 - number.start:
            found.append(Piece(first, last, number.text, spoken=True))
    return found
