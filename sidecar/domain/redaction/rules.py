"""What must not be told of what was said, and the text without it. Pure; the runtime decides when to ask.

A text is judged alone or together with the ones before it: a number may be said in two or three goes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

import msgspec

from sidecar.domain.events import Word
from sidecar.domain.redaction import contacts, numbers
from sidecar.domain.redaction.number_words import may_say
from sidecar.domain.redaction.numbers import NOTHING_ASKED, Asked
from sidecar.domain.redaction.own_patterns import OwnPattern, OwnPatterns
from sidecar.domain.redaction.runs import LEAD_INS, Run, joins, runs_of

# Partials show no run of so many digits or more; a final that ends in one waits for what follows.
RUN_DIGITS = 4
# Fewer are nothing that is looked for.
FEWEST_DIGITS = 3
# Of a run that is longer nobody waits for more.
OPEN_RUN_MOST = 22


class Kind(StrEnum):
    """What is looked for. ``own``: one of the patterns that people wrote themselves."""

    CARD = "card"
    SSN = "ssn"
    EMAIL = "email"
    PHONE = "phone"
    OWN = "own"


# Those that are made of digits.
NUMBERS = frozenset({Kind.CARD, Kind.SSN, Kind.PHONE})
LABELS = {
    Kind.CARD: "card number",
    Kind.SSN: "social security number",
    Kind.EMAIL: "email address",
    Kind.PHONE: "phone number",
}
# The code on the back of a card, and when it expires.
CARD_DETAILS = "card details"
# What a partial shows instead of a run of digits: it may turn out to be anything.
ANY_NUMBER = "number"


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What a tenant wants redacted. ``region``: whose telephone numbers are written without a country, ISO 3166."""

    kinds: frozenset[Kind] = frozenset({Kind.CARD, Kind.SSN})
    region: str = "US"
    patterns: tuple[OwnPattern, ...] = ()

    @property
    def on(self) -> bool:
        """Whether anything is redacted at all."""
        return bool(self.kinds or self.patterns)

    @property
    def hides_numbers(self) -> bool:
        """Whether digits may have to be hidden, so that it matters how they go on. An own pattern may want any."""
        return bool(self.kinds & NUMBERS or self.patterns)


class Finding(NamedTuple):
    """Characters of a text, from ``start`` to before ``end``, that must not be told."""

    start: int
    end: int
    kind: Kind
    label: str


class Tail(NamedTuple):
    """How a text ends: from its last digits on, and how many they are."""

    text: str
    digits: int


NO_TAIL = Tail("", 0)
Claim = tuple[Kind, str, Iterator[numbers.Place]]


class Rules:
    """A policy, ready to be used. Raises PatternRefused for a pattern that is none."""

    def __init__(self, policy: Policy, *, language: str = "en") -> None:
        self.policy = policy
        self._language = language.partition("-")[0].lower()
        self._own = OwnPatterns(policy.patterns)

    def findings(self, text: str, asked: Asked = NOTHING_ASKED) -> list[Finding]:
        """Where a text holds what must not be told, in order, without overlap. ``asked``: what was asked before."""
        if not self.policy.on or not text:
            return []
        found = self._number_findings(text, asked)
        if Kind.EMAIL in self.policy.kinds:
            found += [Finding(*span, Kind.EMAIL, LABELS[Kind.EMAIL]) for span in contacts.emails_in(text)]
        found += self._own_findings(text)
        return _in_order(found)

    def masked(self, text: str, findings: Sequence[Finding]) -> str:
        """The text with a label in place of each finding."""
        for finding in reversed(findings):
            text = f"{text[: finding.start]}[{finding.label}]{text[finding.end :]}"
        return text

    def masked_partial(self, text: str, asked: Asked = NOTHING_ASKED) -> str:
        """A text that still grows: without findings; where numbers are hidden, without runs of four digits or more."""
        masked = self.masked(text, self.findings(text, asked))
        return self.without_runs(masked) if self.policy.hides_numbers else masked

    def without_runs(self, text: str) -> str:
        """The text without any run of four or more digits, spoken ones too."""
        return self.masked(text, self._long_runs(text))

    def words_without_runs(self, words: Sequence[Word]) -> list[Word]:
        """The same of words."""
        return masked_words(words, self._long_runs(" ".join(word.text for word in words)))

    def tail(self, text: str, asked: Asked = NOTHING_ASKED) -> Tail:
        """The digits in which a text ends, if they may go on in the next one. A number that is whole does not.

        None where no numbers are hidden: then nothing has to wait for its continuation.
        """
        if not self.policy.hides_numbers or not may_say(1, text, self._language):
            return NO_TAIL
        tokens, runs = runs_of(text, self._language)
        run = runs[-1] if runs else None
        if run is None or not run.closes or len(run.digits) > OPEN_RUN_MOST:
            return NO_TAIL
        end = tokens[run.pieces[-1].last].end
        if any(finding.end >= end for finding in self.findings(text, asked)):
            return NO_TAIL
        return Tail(text[tokens[run.pieces[0].first].start :], len(run.digits))

    def leads_on(self, text: str) -> bool | None:
        """Whether a text begins with digits, which may continue those before it. None: too early to say."""
        tokens, runs = runs_of(text, self._language)
        if runs and runs[0].opens:
            return True
        return None if joins(tokens, 0, len(tokens), LEAD_INS) is not None else False

    def _number_findings(self, text: str, asked: Asked) -> list[Finding]:
        if not may_say(FEWEST_DIGITS, text, self._language):
            return []
        found: list[Finding] = []
        tokens, runs = runs_of(text, self._language)
        for run in runs:
            before = text[: tokens[run.pieces[0].first].start]
            behind_card = any(finding.label == LABELS[Kind.CARD] for finding in found)
            for kind, label, places in self._claims(run, before, asked, behind_card=behind_card):
                spans = [(tokens[place.first].start, tokens[place.last].end) for place in places]
                found += [Finding(*span, kind, label) for span in spans]
                if spans:
                    # Another number of that length is another one, or the same said anew.
                    asked |= Asked(card=kind is Kind.CARD, ssn=kind is Kind.SSN)
                    break
        return found

    def _claims(self, run: Run, before: str, asked: Asked, *, behind_card: bool) -> Iterator[Claim]:
        """What a run may be, the worst first."""
        kinds = self.policy.kinds
        if Kind.CARD in kinds:
            yield Kind.CARD, LABELS[Kind.CARD], numbers.card_in(run, before, asked)
        if Kind.SSN in kinds:
            yield Kind.SSN, LABELS[Kind.SSN], numbers.ssn_in(run, before, asked)
        if Kind.CARD in kinds:
            yield Kind.CARD, CARD_DETAILS, numbers.code_in(run, before, asked, behind_card=behind_card)
        if Kind.PHONE in kinds:
            yield Kind.PHONE, LABELS[Kind.PHONE], numbers.phone_in(run, self.policy.region)

    def _long_runs(self, text: str) -> list[Finding]:
        if not may_say(RUN_DIGITS, text, self._language):
            return []
        tokens, runs = runs_of(text, self._language, strict=False)
        return [
            Finding(tokens[run.pieces[0].first].start, tokens[run.pieces[-1].last].end, Kind.OWN, ANY_NUMBER)
            for run in runs
            if len(run.digits) >= RUN_DIGITS
        ]

    def _own_findings(self, text: str) -> list[Finding]:
        """By the patterns, in the text as it is and with spoken digits written as digits."""
        if not self._own:
            return []
        found = [Finding(start, end, Kind.OWN, label) for start, end, label in self._own.found_in(text)]
        digits, places = as_digits(text, self._language)
        if digits != text:
            found += [
                Finding(places[start][0], places[end - 1][1], Kind.OWN, label)
                for start, end, label in self._own.found_in(digits)
            ]
        return found


def as_digits(text: str, language: str) -> tuple[str, list[tuple[int, int]]]:
    """The text with what it says in digits written as digits, and where each character of that comes from."""
    tokens, runs = runs_of(text, language)
    written, places, at = "", list[tuple[int, int]](), 0
    for run in runs:
        start, end = tokens[run.pieces[0].first].start, tokens[run.pieces[-1].last].end
        written += text[at:start] + run.digits
        places += [(i, i + 1) for i in range(at, start)]
        for piece in run.pieces:
            places += [(tokens[piece.first].start, tokens[piece.last].end)] * len(piece.digits)
        at = end
    return written + text[at:], places + [(i, i + 1) for i in range(at, len(text))]


def apart(texts: Sequence[str], findings: Sequence[Finding]) -> list[list[Finding]]:
    """Findings in the texts joined by spaces, as findings in each text."""
    of_each: list[list[Finding]] = []
    start = 0
    for text in texts:
        end = start + len(text)
        of_each.append(
            [
                finding._replace(start=max(finding.start, start) - start, end=min(finding.end, end) - start)
                for finding in findings
                if finding.start < end and finding.end > start
            ]
        )
        start = end + 1
    return of_each


def masked_words(words: Sequence[Word], findings: Sequence[Finding]) -> list[Word]:
    """Words whose texts, joined by spaces, were judged: those of a finding keep their times and lose their text."""
    masked, at = [], 0
    for word in words:
        end = at + len(word.text)
        label = next((finding.label for finding in findings if finding.start < end and finding.end > at), None)
        masked.append(word if label is None else msgspec.structs.replace(word, text=f"[{label}]"))
        at = end + 1
    return masked


def _in_order(found: list[Finding]) -> list[Finding]:
    """Sorted; of those that overlap one that covers both, named after the one that begins first and is longer."""
    ordered: list[Finding] = []
    for finding in sorted(found, key=lambda one: (one.start, -one.end)):
        if ordered and finding.start < ordered[-1].end:
            ordered[-1] = ordered[-1]._replace(end=max(ordered[-1].end, finding.end))
        else:
            ordered.append(finding)
    return ordered
