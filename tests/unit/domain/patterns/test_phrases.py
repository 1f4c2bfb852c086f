"""Phrases of alert rules: what they mean, where they stand, and that many of them cost no more than one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.patterns import phrases
from sidecar.domain.patterns.phrases import PhraseBook, PhraseRefused, parse_phrase, stem


def found(phrase: str, text: str) -> str | None:
    span = PhraseBook([("rule", parse_phrase(phrase))]).find(text).get("rule")
    return None if span is None else text[span.start : span.end]


@pytest.mark.parametrize(
    ("phrase", "text", "quote"),
    [
        ("cancel", "I want to CANCEL my order.", "CANCEL"),
        ("cancel", "You cancelled it, didn't you?", "cancelled"),
        ("cancel", "After cancelling, yes", "cancelling"),
        ("cancel", "a cancellation", None),
        ("cancel*", "a cancellation", "cancellation"),
        ("refund", "the refunds", "refunds"),
        ('"refund"', "the refunds", None),
        ('"refund"', "the Refund.", "Refund"),
        ("close my account", "please close, my account", "close, my account"),
        ("close my account", "close his account", None),
        ("close ... account", "closing this old account now", "closing this old account"),
        ("close ... account", "close account", "close account"),
        ("close ... account", "close it and then see to the account", None),
        ("close…account", "close the account", "close the account"),
        ('speak to ... "manager"', "can I speak to your manager", "speak to your manager"),
        ("don't want", "I dont want it", "dont want"),
        ("dont want", "I don’t want it", "don’t want"),
        ("price", "pricing", "pricing"),
        ("complain", "he complained", "complained"),
        ("meeting", "two meetings", "meetings"),
        ("Beschwerde", "eine BESCHWERDE, bitte", "BESCHWERDE"),
        ("größe", "die GRÖßE", "GRÖßE"),
    ],
)
def test_a_phrase_finds_its_words_and_their_regular_forms(phrase: str, text: str, quote: str | None) -> None:
    assert found(phrase, text) == quote


@pytest.mark.parametrize("phrase", ["", "  ", "...", "*", "ab*", '"open', "!?", "a b c d e f g h i j k", "x" * 101])
def test_a_phrase_that_nobody_can_say_or_that_is_too_long_is_refused(phrase: str) -> None:
    with pytest.raises(PhraseRefused):
        parse_phrase(phrase)


@pytest.mark.parametrize(
    "word", ["walk", "cancel", "charge", "try", "reply", "stop", "need", "fix", "match", "agree", "bill"]
)
def test_regular_forms_of_a_word_are_told_alike(word: str) -> None:
    spelt = {
        "walk": "walks walked walking", "cancel": "cancels canceled cancelled canceling cancelling",
        "charge": "charges charged charging", "try": "tries tried trying", "reply": "replies replied replying",
        "stop": "stops stopped stopping", "need": "needs", "fix": "fixes fixed fixing",
        "match": "matches matched matching", "agree": "agrees", "bill": "bills billed billing",
    }  # fmt: skip
    assert {stem(form) for form in spelt[word].split()} == {stem(word)}


def test_words_that_only_look_alike_are_not_mixed_up() -> None:
    words = ("thing", "string", "this", "bus", "red", "bed", "need", "news", "canal", "cancel", "custom", "customer",
             "bill", "ball", "complaint", "complain")  # fmt: skip
    assert len({stem(word) for word in words}) == len(words)


@given(st.text(max_size=200))
def test_a_match_is_a_part_of_the_text_that_has_the_phrase_itself(text: str) -> None:
    book = PhraseBook([(n, parse_phrase(one)) for n, one in enumerate(["cancel", "a ... b", "ref*", '"no"', "don't"])])
    for key, span in book.find(text).items():
        assert 0 <= span.start < span.end <= len(text)
        again = book.find(text[span.start : span.end])
        assert key in again


@given(st.text(max_size=60))
def test_any_text_is_a_phrase_or_refused(text: str) -> None:
    try:
        terms = parse_phrase(text)
    except PhraseRefused:
        return
    assert not terms[0].gap
    assert PhraseBook([("rule", terms)]).find(text) or "*" in text or "..." in text or "…" in text or '"' in text


def test_of_a_thousand_rules_an_utterance_asks_only_those_whose_first_word_is_in_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    whole = phrases._ends_at

    def asking(words: Any, at: int, terms: Any) -> int | None:
        asked.append(terms[0].text)
        return whole(words, at, terms)

    monkeypatch.setattr(phrases, "_ends_at", asking)
    book = PhraseBook([(n, parse_phrase(f"word{n} and more")) for n in range(1_000)])
    assert set(book.find("so word7 and more of word8 and nothing")) == {7}
    assert asked == ["word7", "word8"]
