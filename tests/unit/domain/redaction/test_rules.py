"""What is hidden by which switch; every text is taken, and no pattern that people write makes it slow."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.events import UtteranceFinal, Word
from sidecar.domain.patterns.matching import TEXT_MAX_CHARS
from sidecar.domain.patterns.syntax import PatternRefused
from sidecar.domain.redaction.own_patterns import PATTERNS_MOST, STEPS_MOST, OwnPattern, OwnPatterns
from sidecar.domain.redaction.redact import redact
from sidecar.domain.redaction.rules import Kind, Policy, Rules

DEFAULT = Rules(Policy())
ALL = Rules(Policy(kinds=frozenset(Kind)))
NONE = Rules(Policy(kinds=frozenset[Kind]()))


def redacted(rules: Rules, text: str) -> str:
    return rules.masked(text, rules.findings(text))


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("write to jane.doe+x@example.co.uk please", "write to [email address] please"),
        ("it's jane dot doe at example dot com", "it's [email address]"),
        ("j a n e underscore 5 at my dash shop dot com", "[email address]"),
        ("jane doe at gmail.com, thanks", "jane [email address], thanks"),
        ("call 415 555 2671 today", "call [phone number] today"),
        ("it's four one five five five five two six seven one", "it's [phone number]"),
        ("my mobile is +44 7911 123456", "my mobile is [phone number]"),
        ("plus four nine one five one two three four five six seven eight nine", "[phone number]"),
        ("4111 1111 1111 1111 or 415 555 2671, jane@example.com", "[card number] or [phone number], [email address]"),
    ],
)
def test_addresses_and_telephone_numbers_are_hidden_where_somebody_wants_it(text: str, left: str) -> None:
    assert redacted(ALL, text) == left
    assert redacted(DEFAULT, text) == text or "card" in left
    assert redacted(NONE, text) == text


@pytest.mark.parametrize(
    "text", ["look at example dot com", "meet me at five dot com", "I am at home. Com on!", "5 at 3 dot 2", "a@b"]
)
def test_not_everything_with_an_at_is_an_address(text: str) -> None:
    assert redacted(ALL, text) == text


def test_telephone_numbers_without_a_country_are_those_of_the_tenant_s() -> None:
    text = "call 020 7946 0018"
    assert redacted(Rules(Policy(kinds=frozenset({Kind.PHONE}), region="GB")), text) == "call [phone number]"
    assert redacted(Rules(Policy(kinds=frozenset({Kind.PHONE}), region="US")), text) == text


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de", "vier eins eins eins eins eins eins eins eins eins eins eins eins eins eins eins"),
        ("de-AT", "einundvierzig elf elf elf elf elf elf elf"),
        ("fr", "quarante et un onze onze onze onze onze onze onze"),
        ("es", "cuatro uno uno uno uno uno uno uno uno uno uno uno uno uno uno uno"),
        ("pt", "quatro um um um um um um um um um um um um um um um"),
        ("it", "quattro uno uno uno uno uno uno uno uno uno uno uno uno uno uno uno"),
        ("nl", "vier een een een een een een een een een een een een een een een"),
        ("xx", "4111 1111 1111 1111"),
    ],
)
def test_digits_are_heard_in_seven_languages(language: str, text: str) -> None:
    rules = Rules(Policy(), language=language)
    assert redacted(rules, text) == "[card number]"
    assert rules.masked_partial(" ".join(text.split()[:5])).endswith("number]")


def own(*patterns: tuple[str, str]) -> Rules:
    return Rules(Policy(kinds=frozenset[Kind](), patterns=tuple(OwnPattern(*one) for one in patterns)))


def test_own_patterns_are_found_in_what_is_written_and_in_what_is_spoken() -> None:
    rules = own(("order number", r"\bSO-?\d{6}\b"), ("member", r"member \d{5}"), ("code word", "swordfish"))
    assert redacted(rules, "it's so-123456, SWORDFISH") == "it's [order number], [code word]"
    assert redacted(rules, "I am member one two double three four okay") == "I am [member] okay"
    assert redacted(rules, "4111 1111 1111 1111") == "4111 1111 1111 1111"
    assert rules.masked_partial("the word is swordfish") == "the word is [code word]"


@pytest.mark.parametrize(
    ("label", "pattern"),
    [
        ("x", "("), ("x", "[a"), ("x", "a**"), ("x", r"(a)\1"), ("x", "(?=a)"), ("x", ""), ("x", "a*"), ("x", "a|"),
        ("x", "a" * 201), ("x", "(" * 30 + "a" + ")" * 30), ("x", "(a{100}){100}"), ("", "a"), ("a[b", "a"),
        ("x" * 41, "a"),
    ],
)  # fmt: skip
def test_a_pattern_that_is_none_is_refused_when_it_is_written(label: str, pattern: str) -> None:
    with pytest.raises(PatternRefused):
        own((label, pattern))


def test_there_is_a_limit_to_patterns() -> None:
    with pytest.raises(PatternRefused):
        own(*[("x", "a")] * (PATTERNS_MOST + 1))


EVIL = [
    "(a+)+b", "(a|a)*b", "(a|aa)+b", "(a*a*)*b", r"(\w+\s?)*x!", "(.*)(.*)(.*)(.*)b", "a?a?a?a?a?a?a?a?a?a?aaaaaaaaaab",
    r"([a-z]+)*\d", "(x+x+)+y", r"^(([a-z])+.)+[A-Z]([a-z])+$",
]  # fmt: skip


@pytest.mark.parametrize("pattern", EVIL)
def test_evil_patterns_cost_a_number_of_steps_and_no_more(pattern: str) -> None:
    """Python's own matcher would take years for some."""
    rules = own(*[("evil", pattern)] * PATTERNS_MOST)
    text = ("a" * 30 + " ") * 60
    assert redacted(rules, text) in {text, "[evil]"} or "[evil]" in redacted(rules, text)


def test_what_would_take_too_long_is_hidden_as_a_whole() -> None:
    """What could not be looked at must not be told."""
    heavy = "(" + "|".join(f".{{{n}}}z" for n in range(20, 33)) + ")"
    patterns = OwnPatterns(tuple(OwnPattern(f"p{n}", heavy) for n in range(PATTERNS_MOST)))
    text = "".join(chr(0x4E00 + n) for n in range(TEXT_MAX_CHARS))
    found = list(patterns.found_in(text))
    assert found
    assert all((start, end) == (0, len(text)) for start, end, _ in found), STEPS_MOST


def test_a_long_text_is_searched_to_its_end() -> None:
    text = "x " * TEXT_MAX_CHARS + "swordfish"
    assert redacted(own(("word", "swordfish")), text).endswith("x [word]")


@given(st.text(max_size=80))
def test_any_text_is_taken_and_no_partial_has_four_digits_in_a_row(text: str) -> None:
    assert all(0 <= found.start < found.end <= len(text) for found in ALL.findings(text))
    assert not re.search(r"\d{4}", DEFAULT.masked_partial(text))


SPOKEN = st.sampled_from(
    ["four", "one", "oh", "double", "41", "eleven", "no", "sorry", "uh", "hello", ",", "-", "4111"]
)


@given(st.lists(SPOKEN, max_size=30).map(" ".join))
def test_what_is_said_in_digits_is_judged_the_same_in_text_and_words(text: str) -> None:
    """Words of an engine that writes otherwise than its text: what only one shows costs the other its numbers."""
    words = [Word(word, n, n + 1) for n, word in enumerate(text.split())]
    line = UtteranceFinal(
        id="utt_1", participant="par_1", fork="frk_1", session="ses_1", result_index=0, revision=1, start_ms=0,
        end_ms=1, text=text, engine="local", lag_ms=0, words=words,
    )  # fmt: skip
    [left], _ = redact([line], DEFAULT)
    assert [(word.start_ms, word.end_ms) for word in left.words] == [(word.start_ms, word.end_ms) for word in words]
    shown = " ".join(word.text for word in left.words)
    assert DEFAULT.findings(left.text) == DEFAULT.findings(shown) == []


def test_what_only_the_text_shows_costs_the_words_their_numbers() -> None:
    words = [Word(text, n, n + 1) for n, text in enumerate(["pay", "4111", "1111", "1111", "1112", "now"])]
    line = UtteranceFinal(
        id="utt_1", participant="par_1", fork="frk_1", session="ses_1", result_index=0, revision=1, start_ms=0,
        end_ms=1, text="Pay 4111 1111 1111 1111 now.", engine="local", lag_ms=0, words=words,
    )  # fmt: skip
    [left], findings = redact([line], DEFAULT)
    assert left.text == "Pay [card number] now."
    assert [word.text for word in left.words] == ["pay", *["[number]"] * 4, "now"]
    assert [finding.kind for finding in findings] == [Kind.CARD]
