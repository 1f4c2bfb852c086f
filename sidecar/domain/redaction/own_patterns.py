"""What else a tenant wants hidden: people's patterns, searched for in linear time (``domain.patterns``). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from sidecar.domain.patterns.matching import TEXT_MAX_CHARS, PatternTooCostly, SearchPattern, Work
from sidecar.domain.patterns.syntax import PatternRefused

PATTERNS_MOST = 20
# Steps of programs for one text, over all patterns: some tens of milliseconds.
STEPS_MOST = 200_000
# A longer text is searched in parts, which share so much: no match may be longer.
MATCH_MOST = 200
_LABEL = re.compile(r"\w[\w -]{0,39}")


class OwnPattern(msgspec.Struct, frozen=True):
    """What to look for, and what it is called: ``customer number`` is shown as ``[customer number]``."""

    label: str
    pattern: str


class OwnPatterns:
    """Ready to be searched for. Raises PatternRefused."""

    def __init__(self, patterns: tuple[OwnPattern, ...]) -> None:
        if len(patterns) > PATTERNS_MOST:
            raise PatternRefused(f"There are more than {PATTERNS_MOST} patterns.")
        self._patterns = [(_checked(one.label), SearchPattern(one.pattern)) for one in patterns]
        for (label, search), own in zip(self._patterns, patterns, strict=True):
            if search.search("", Work(STEPS_MOST)) is not None:
                raise PatternRefused(f"The pattern {own.pattern} of {label} fits nothing at all, so it is everywhere.")

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def found_in(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Where a text fits a pattern, and what that is called.

        A text that would take too long is hidden as a whole: what cannot be looked at must not be told.
        """
        work = Work(STEPS_MOST)
        for label, pattern in self._patterns:
            try:
                found = [(start, end, label) for start, end in _spans(pattern, text, work)]
            except PatternTooCostly:
                found = [(0, len(text), label)]
            yield from found


def _spans(pattern: SearchPattern, text: str, work: Work) -> Iterator[tuple[int, int]]:
    at = 0
    while at < len(text):
        span = pattern.search(text[at:], work)
        if span is not None and span.end > span.start:
            yield at + span.start, at + span.end
            at += span.end
        elif len(text) - at > TEXT_MAX_CHARS:
            at += TEXT_MAX_CHARS - MATCH_MOST
        else:
            return


def _checked(label: str) -> str:
    if not _LABEL.fullmatch(label):
        raise PatternRefused("What a pattern finds is called by letters, digits and blanks, at most 40.")
    return label
