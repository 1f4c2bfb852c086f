"""Regular expressions of alert rules, read into programs that a matcher can run in linear time.

The syntax is Python's (https://docs.python.org/3/library/re.html#regular-expression-syntax) without what cannot be
matched in linear time or makes no sense for speech: no back-references, no look-around, no flags, no lazy or possessive
repeats. Literals, ``.``, ``[…]``, ``\\d \\w \\s`` and their opposites, ``^ $ \\b \\B``, groups, ``|``, ``* + ? {m,n}``.
Upper and lower case are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from sidecar.domain.errors import SidecarError

PATTERN_MAX_CHARS = 200
# A higher count in braces would only make a program that is too long.
REPEAT_MOST = 100
GROUPS_DEEP_MOST = 20


class PatternRefused(SidecarError):
    """A regular expression that is none, or has something that is not supported; the message says what and where."""

    code = "pattern_invalid"


class Look(Enum):
    """What has to be so between two characters."""

    START = "^"
    END = "$"
    EDGE = "b"
    NO_EDGE = "B"


class Chars(NamedTuple):
    """A set of characters: single ones, ranges, classes (``d w s`` and their opposites in capitals)."""

    ranges: tuple[tuple[str, str], ...] = ()
    classes: str = ""
    negated: bool = False

    def has(self, char: str) -> bool:
        """Whether a character is one of them, in either case."""
        return any(self._lists(form) for form in {char, char.lower(), char.upper()}) is not self.negated

    def _lists(self, char: str) -> bool:
        if any(low <= char <= high for low, high in self.ranges):
            return True
        return any(_CLASSES[name.lower()](char) is name.islower() for name in self.classes)


def in_word(char: str) -> bool:
    """Whether words are made of it."""
    return char.isalnum() or char == "_"


_CLASSES: dict[str, Callable[[str], bool]] = {"d": str.isdecimal, "s": str.isspace, "w": in_word}
ANY = Chars(ranges=(("\n", "\n"),), negated=True)


class Take(NamedTuple):
    """Takes one character of a set, then goes on at the next step."""

    chars: Chars


class Fork(NamedTuple):
    """Goes on at each of these steps."""

    ways: tuple[int, ...]


class Check(NamedTuple):
    """Goes on at the next step if this is so here."""

    look: Look


class Done(NamedTuple):
    """The text so far is a match."""


Step = Take | Fork | Check | Done
Program = tuple[Step, ...]


def parse_pattern(pattern: str, *, steps_most: int) -> Program:
    """The program of a pattern. Raises PatternRefused, for one too that needs more than so many steps."""
    if not 0 < len(pattern) <= PATTERN_MAX_CHARS:
        raise PatternRefused(f"A pattern has 1 to {PATTERN_MAX_CHARS} characters.")
    steps = _Parser(pattern, steps_most).whole()
    return (*steps, Done())


_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v"}
_LOOKS = {"^": Look.START, "$": Look.END}


class _Parser:
    """Reads from left to right; a piece of program counts its steps from its own beginning."""

    def __init__(self, pattern: str, steps_most: int) -> None:
        self.pattern = pattern
        self.at = 0
        self.depth = 0
        self.steps_most = steps_most

    def whole(self) -> list[Step]:
        steps = self.alternatives()
        if self.at < len(self.pattern):
            raise self.refused("a parenthesis closes that was not opened")
        return steps

    def alternatives(self) -> list[Step]:
        ways = [self.sequence()]
        while self.peek() == "|":
            self.at += 1
            ways.append(self.sequence())
        if len(ways) == 1:
            return ways[0]
        starts, at = [], 1
        for way in ways:
            starts.append(at)
            at += len(way) + 1  # each ends in a jump to the end
        steps: list[Step] = [Fork(tuple(starts))]
        for way in ways:
            steps += _moved(way, len(steps))
            steps.append(Fork((at,)))
        return self.bounded(steps)

    def sequence(self) -> list[Step]:
        steps: list[Step] = []
        while self.peek() not in ("", "|", ")"):
            piece = self.repeated(self.atom())
            steps += _moved(piece, len(steps))
            self.bounded(steps)
        return steps

    def atom(self) -> list[Step]:
        char = self.next()
        match char:
            case "(":
                return self.group()
            case "[":
                return [Take(self.char_class())]
            case ".":
                return [Take(ANY)]
            case "^" | "$":
                return [Check(_LOOKS[char])]
            case "*" | "+" | "?":
                raise self.refused("there is nothing to repeat")
            case "\\":
                return [self.escape()]
            case _:
                return [Take(Chars(((char, char),)))]

    def group(self) -> list[Step]:
        if self.pattern.startswith("?:", self.at):
            self.at += 2
        elif self.peek() == "?":
            raise self.refused("look-around, names and flags are not supported")
        self.depth += 1
        if self.depth > GROUPS_DEEP_MOST:
            raise self.refused(f"groups are nested more than {GROUPS_DEEP_MOST} deep")
        steps = self.alternatives()
        self.depth -= 1
        if self.peek() != ")":
            raise self.refused("a parenthesis is not closed")
        self.at += 1
        return steps

    def escape(self) -> Step:
        char = self.next()
        if char and char in "bB":
            return Check(Look.EDGE if char == "b" else Look.NO_EDGE)
        return Take(self.escaped(char))

    def escaped(self, char: str) -> Chars:
        if char and char in "dDwWsS":
            return Chars(classes=char)
        if char in _ESCAPES:
            return Chars(((_ESCAPES[char], _ESCAPES[char]),))
        if not char or char.isalnum():
            raise self.refused(f"\\{char} is not supported" if char else "it ends in a backslash")
        return Chars(((char, char),))

    def char_class(self) -> Chars:
        negated = self.peek() == "^"
        self.at += negated
        ranges: list[tuple[str, str]] = []
        classes = ""
        first = True
        while first or self.peek() != "]":
            low = self.one_of_class()
            first = False
            if low.classes:
                classes += low.classes
                continue
            start = end = low.ranges[0][0]
            if self.peek() == "-" and self.pattern[self.at + 1 : self.at + 2] not in ("]", ""):
                self.at += 1
                high = self.one_of_class()
                end = high.ranges[0][0] if high.ranges else ""
                if end < start:
                    raise self.refused("a range in brackets ends before it begins")
            ranges.append((start, end))
        self.at += 1
        return Chars(tuple(ranges), classes, negated)

    def one_of_class(self) -> Chars:
        char = self.next()
        if not char:
            raise self.refused("a bracket is not closed")
        return self.escaped(self.next()) if char == "\\" else Chars(((char, char),))

    def repeated(self, piece: list[Step]) -> list[Step]:
        counts = self.counts()
        if counts is None:
            return piece
        if self.peek() in ("*", "+", "?") or self.braces() is not None:
            raise self.refused("a repeat of a repeat, lazy and possessive ones too, is not supported")
        least, most = counts
        steps: list[Step] = []
        for _ in range(least):
            steps += _moved(piece, len(steps))
            self.bounded(steps)
        if most is None:
            begin = len(steps)
            end = begin + len(piece) + 2
            return self.bounded([*steps, Fork((begin + 1, end)), *_moved(piece, begin + 1), Fork((begin,))])
        end = len(steps) + (most - least) * (len(piece) + 1)
        for _ in range(most - least):
            steps.append(Fork((len(steps) + 1, end)))
            steps += _moved(piece, len(steps))
            self.bounded(steps)
        return steps

    def counts(self) -> tuple[int, int | None] | None:
        simple: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
        if self.peek() in simple:
            return simple[self.next()]
        found = self.braces()
        if found is None:
            return None
        least, most, self.at = found
        if (most is not None and (most < least or most > REPEAT_MOST)) or least > REPEAT_MOST:
            raise self.refused(f"a repeat in braces goes from a lower to a higher number, {REPEAT_MOST} at most")
        return least, most

    def braces(self) -> tuple[int, int | None, int] | None:
        """The repeat in braces that begins here, and where it ends. Other braces are characters, as in Python."""
        end = self.pattern.find("}", self.at)
        if self.peek() != "{" or end < 0:
            return None
        low, comma, high = self.pattern[self.at + 1 : end].partition(",")
        digits = [part for part in (low, high) if part]
        if not digits or not all(part.isascii() and part.isdecimal() and len(part) <= 6 for part in digits):
            return None
        least = int(low or 0)
        most = (int(high) if high else None) if comma else least
        return least, most, end + 1

    def peek(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def next(self) -> str:
        char = self.peek()
        self.at += len(char)
        return char

    def bounded(self, steps: list[Step]) -> list[Step]:
        if len(steps) >= self.steps_most:
            raise self.refused("it is too long, with its repeats written out")
        return steps

    def refused(self, why: str) -> PatternRefused:
        return PatternRefused(f"The pattern cannot be used: {why} (at character {self.at}).")


def _moved(steps: list[Step], by: int) -> list[Step]:
    return [Fork(tuple(way + by for way in step.ways)) if isinstance(step, Fork) else step for step in steps]
