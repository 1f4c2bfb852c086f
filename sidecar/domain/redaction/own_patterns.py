"""Patterns that people write themselves: a small, well-known part of regular expressions that is never slow. Pure.

A regular expression can take longer than the age of the universe for a line of text. So a pattern is read first, and
counted in how many ways it could be tried at one place: at most ``TRIES_MOST``, whatever the text. Not known here are
look-arounds, back-references, and everything else that begins with ``(?``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from sidecar.domain.errors import SidecarError

PATTERN_MOST = 200  # characters
TRIES_MOST = 2_000
# As far as "one or more" reaches.
REPEATED_MOST = 500
LABEL_MOST = 40
_ESCAPES = frozenset("dDwWsSbB")
_LABEL = re.compile(r"\w[\w -]{0,39}")
_COUNTED = re.compile(r"\{(\d{1,3})(,(\d{0,3}))?\}")


class PatternRefused(SidecarError):
    """A pattern is not one, or could take too long. ``position``: where in it, from 0."""

    code = "pattern_invalid"

    def __init__(self, message: str, position: int, *, next_step: str = "") -> None:
        super().__init__(message, next_step=next_step)
        self.position = position


class OwnPattern(msgspec.Struct, frozen=True):
    """What to look for, and what it is called: ``customer number`` is shown as ``[customer number]``."""

    label: str
    pattern: str


class _Cost(NamedTuple):
    """In how many ways it can match at one place at most, and how many characters it takes at least."""

    ways: int
    least: int


def compiled(own: OwnPattern) -> re.Pattern[str]:
    """Ready to be used, upper and lower case alike. Raises PatternRefused."""
    if not _LABEL.fullmatch(own.label):
        raise PatternRefused(f"A name has letters, digits and spaces, at most {LABEL_MOST}.", 0)
    if not own.pattern or len(own.pattern) > PATTERN_MOST:
        raise PatternRefused(f"A pattern has 1 to {PATTERN_MOST} characters.", 0)
    reader = _Reader(own.pattern)
    cost = reader.read()
    if cost.least == 0:
        raise PatternRefused("The pattern would be found everywhere, for it fits nothing at all.", 0)
    try:
        return re.compile(reader.bounded, re.IGNORECASE)
    except re.error as error:
        raise PatternRefused(f"The pattern cannot be read: {error.msg}.", error.pos or 0) from error


def found_in(pattern: re.Pattern[str], text: str) -> Iterator[tuple[int, int]]:
    """Where a text fits the pattern."""
    for found in pattern.finditer(text):
        yield found.span()


class _Reader:
    """Reads a pattern, adds up what it costs, and writes it down again with every repetition bounded."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self.bounded = ""

    def read(self) -> _Cost:
        cost = self._choice()
        if self._at < len(self._pattern):
            raise self._refused("There is a ) too many")
        return cost

    def _choice(self) -> _Cost:
        ways, least = 0, REPEATED_MOST
        while True:
            branch = self._sequence()
            ways, least = ways + branch.ways, min(least, branch.least)
            if self._peek() != "|":
                return self._affordable(_Cost(ways, least))
            self._take()

    def _sequence(self) -> _Cost:
        cost = _Cost(1, 0)
        while self._peek() not in {"", "|", ")"}:
            one = self._repeated()
            cost = self._affordable(_Cost(cost.ways * one.ways, cost.least + one.least))
        return cost

    def _repeated(self) -> _Cost:
        start = len(self.bounded)
        one = self._atom()
        mark = self._peek()
        if mark not in {"?", "*", "+", "{"}:
            return one
        low, high = self._bounds()
        if one.least == 0:
            raise self._refused("Something that may be nothing cannot be repeated")
        atom = self.bounded[start:]
        self.bounded = f"{self.bounded[:start]}(?:{atom}){{{low},{high}}}"
        if self._peek() == "?":
            self.bounded += self._take()
        if self._peek() in {"?", "*", "+", "{"}:
            raise self._refused("Something that is repeated cannot be repeated again")
        ways = 0
        for times in range(low, high + 1):
            ways += one.ways**times
            self._affordable(_Cost(ways, 0))
        return _Cost(ways, one.least * low)

    def _bounds(self) -> tuple[int, int]:
        mark = self._pattern[self._at]
        if mark != "{":
            self._at += 1
            return {"?": (0, 1), "*": (0, REPEATED_MOST), "+": (1, REPEATED_MOST)}[mark]
        counted = _COUNTED.match(self._pattern, self._at)
        if counted is None:
            raise self._refused(r"A { begins how often: {3} or {3,5}; the sign itself is \{")
        self._at = counted.end()
        low = int(counted[1])
        high = low if counted[2] is None else int(counted[3] or REPEATED_MOST)
        if not low <= high <= REPEATED_MOST or high == 0:
            raise self._refused(f"How often goes up to {REPEATED_MOST}, the smaller number first")
        return low, high

    def _atom(self) -> _Cost:
        sign = self._peek()
        if sign == "(":
            self._take()
            if self._peek() == "?":
                raise self._refused(r"What begins with (? is not known here")
            cost = self._choice()
            if self._peek() != ")":
                raise self._refused("A ) is missing")
            self._take()
            return cost
        if sign == "[":
            return self._letters()
        if sign in {"?", "*", "+", "{"}:
            raise self._refused(f"There is nothing before {sign} that could be repeated")
        if sign == "\\":
            return self._escape()
        self._take()
        return _Cost(1, 0 if sign in {"^", "$"} else 1)

    def _escape(self) -> _Cost:
        self._take()
        sign = self._peek()
        if not sign:
            raise self._refused(r"The pattern ends with \ ")
        if sign.isalnum() and sign not in _ESCAPES:
            raise self._refused(rf"\{sign} is not known here")
        self._take()
        return _Cost(1, 0 if sign in "bB" else 1)

    def _letters(self) -> _Cost:
        self._take()
        if self._peek() == "^":
            self._take()
        first = True
        while first or self._peek() != "]":
            sign = self._peek()
            if not sign:
                raise self._refused("A ] is missing")
            if sign == "[":
                raise self._refused(r"A [ within [ ] is written \[")
            if sign == "\\":
                if self._pattern[self._at + 1 : self._at + 2] in {"b", "B"}:
                    raise self._refused(r"\b is not for within [ ]")
                self._escape()
            else:
                self._take()
            first = False
        self._take()
        return _Cost(1, 1)

    def _affordable(self, cost: _Cost) -> _Cost:
        if cost.ways > TRIES_MOST:
            raise self._refused(
                "The pattern could take too long",
                next_step=r"Say how often at most: \d{4,12} instead of \d+; and repeat nothing that repeats.",
            )
        return cost

    def _peek(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _take(self) -> str:
        sign = self._peek()
        self._at += 1
        self.bounded += sign
        return sign

    def _refused(self, message: str, *, next_step: str = "") -> PatternRefused:
        return PatternRefused(f"{message}, at character {self._at + 1}.", self._at, next_step=next_step)
