"""The rules of one tenant, made ready once per change: which of them a text is for, and what matched."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from sidecar.domain.alerts.rules import (
    AlertRule,
    AssistantFailure,
    Overtalk,
    PatternOf,
    Phrases,
    RecogniserFailure,
    Silence,
)
from sidecar.domain.patterns.matching import PatternTooCostly, SearchPattern, Work
from sidecar.domain.patterns.phrases import PhraseBook, Span, parse_phrase

# Steps of patterns per utterance (some 50 ms at the very worst), and of those for one pattern: a costly one starves
# few others.
STEPS_PER_UTTERANCE = 200_000
STEPS_PER_PATTERN = 20_000


class Hit(msgspec.Struct, frozen=True):
    """A rule and the part of the text that it is about."""

    rule: AlertRule
    span: Span


class RuleBook:
    """Rules that are switched on, of one tenant. ``too_costly`` counts how often a pattern was given up."""

    def __init__(self, rules: Iterable[AlertRule]) -> None:
        self.rules = {rule.id: rule for rule in rules if rule.enabled}
        self.too_costly = 0
        self._phrases: PhraseBook[str] = PhraseBook(
            (rule.id, parse_phrase(phrase))
            for rule in self.rules.values()
            if isinstance(rule.when, Phrases)
            for phrase in rule.when.phrases
        )
        self._patterns = [
            (rule, SearchPattern(rule.when.pattern)) for rule in self.rules.values() if isinstance(rule.when, PatternOf)
        ]
        self.silences = self._of(Silence)
        self.overtalks = self._of(Overtalk)
        self.recognisers = self._of(RecogniserFailure)
        self.assistants = self._of(AssistantFailure)

    def _of(self, kind: type) -> Sequence[AlertRule]:
        return [rule for rule in self.rules.values() if isinstance(rule.when, kind)]

    def hear(self, text: str) -> list[Hit]:
        """The rules that have something to say about what somebody said, each with its first match."""
        hits = [Hit(self.rules[rule], span) for rule, span in self._phrases.find(text).items()]
        left = STEPS_PER_UTTERANCE
        for rule, pattern in self._patterns:
            granted = min(STEPS_PER_PATTERN, left)
            work = Work(granted)
            try:
                span = pattern.search(text, work)
            except PatternTooCostly:
                span = None
                self.too_costly += 1
            left -= granted - max(0, work.left)
            if span is not None and span.start < span.end:
                hits.append(Hit(rule, span))
        return hits
