"""How well numbers are found in what people say: figures over two written corpora, the same as in docs/redaction.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from sidecar.domain.redaction.numbers import NOTHING_ASKED, Asked, asked_in
from sidecar.domain.redaction.rules import Policy, Rules, apart

GOLDEN = Path(__file__).parents[3] / "golden" / "redaction"
PAGE = Path(__file__).parents[4] / "docs" / "redaction.md"
# As measured. Better is welcome: then these rise.
FOUND, SAID = 235, 238
HARMED, HARMLESS = 3, 339

RULES = Rules(Policy())


class Said(NamedTuple):
    """One number that somebody says, in one final or several; each text has what must go in braces."""

    kind: str
    asked: Asked
    marked: list[str]


def lines(name: str) -> list[str]:
    return [line for line in (GOLDEN / f"{name}.txt").read_text().splitlines() if line and not line.startswith("#")]


def said(line: str) -> Said:
    kind, _, rest = line.partition(": ")
    question, _, answer = rest.rpartition(" > ")
    return Said(kind, asked_in(question) if question else NOTHING_ASKED, answer.split(" / "))


def is_found(one: Said) -> bool:
    """All that must go is gone, and everything else is as it was."""
    texts = [re.sub("[{}]", "", text) for text in one.marked]
    findings = apart(texts, RULES.findings(" ".join(texts), one.asked))
    redacted = [RULES.masked(text, found) for text, found in zip(texts, findings, strict=True)]
    expected = [re.sub(r"\\\{.*?\\\}", r"\\[[a-z ]+\\]", re.escape(text)) for text in one.marked]
    return all(re.fullmatch(want, got) for want, got in zip(expected, redacted, strict=True))


def test_nearly_every_number_is_found_and_nothing_around_it_is_lost() -> None:
    positives = [said(line) for line in lines("positive")]
    missed = [one.marked for one in positives if not is_found(one)]
    assert len(positives) == SAID >= 200
    assert SAID - len(missed) >= FOUND, missed


def test_nearly_nothing_else_is_taken_for_one() -> None:
    negatives = lines("negative")
    harmed = [text for text in negatives if RULES.findings(text)]
    assert len(negatives) == HARMLESS >= 300
    assert len(harmed) <= HARMED, harmed


def test_the_page_has_these_figures() -> None:
    recall, precision = 100 * FOUND / SAID, 100 * FOUND / (FOUND + HARMED)
    page = PAGE.read_text()
    assert f"{FOUND} of {SAID}" in page
    assert f"{HARMED} of {HARMLESS}" in page
    assert f"**recall {recall:.1f} %** and **precision {precision:.1f} %**" in page


@pytest.mark.parametrize("line", lines("positive"))
def test_no_partial_shows_more_of_it_than_three_digits_in_a_row(line: str) -> None:
    """However far the text has grown."""
    text = re.sub("[{}]", "", said(line).marked[0])
    words = text.split()
    for count in range(1, len(words) + 1):
        shown = RULES.masked_partial(" ".join(words[:count]))
        assert not re.search(r"(?:\d[ .,-]*){4}", shown), shown
