"""Patterns find what Python's do, and none of them is slow."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.domain.patterns.matching import TEXT_MAX_CHARS, PatternTooCostly, SearchPattern, Work
from sidecar.domain.patterns.syntax import PatternRefused

PLENTY = 10**9

_atoms = st.sampled_from(
    ["a", "b", "0", " ", ".", r"\d", r"\w", r"\s", r"\W", "[ab]", "[^a]", "[a-c0]", r"[\d\s]", "é"]
)
_looks = st.sampled_from(["^", "$", r"\b", r"\B"])
_repeats = st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "{2,}", "{,2}"])


def _bigger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    group = inner.map(lambda one: f"(?:{one})")
    repeated = st.builds("".join, st.tuples(st.one_of(_atoms, group), _repeats))
    return st.one_of(
        st.builds("".join, st.lists(st.one_of(inner, repeated, _looks), min_size=1, max_size=3)),
        st.builds("|".join, st.lists(inner, min_size=2, max_size=3)).map(lambda one: f"({one})"),
        repeated,
    )


patterns = st.recursive(_atoms, _bigger, max_leaves=8)
# Of an empty text Pythons disagree about \\B.
texts = st.text(alphabet="aAbBc0 _é\n", min_size=1, max_size=20)


@given(patterns, texts)
@settings(max_examples=400)
def test_a_pattern_begins_where_python_finds_it_and_is_the_longest_from_there(pattern: str, text: str) -> None:
    # "$" is the very end here; in Python also the place before a last newline.
    theirs = re.compile(pattern.replace("$", r"\Z"), re.IGNORECASE)
    expected = theirs.search(text)
    found = SearchPattern(pattern).search(text, Work(PLENTY))
    assert (found is None) == (expected is None)
    if found and expected:
        assert found.start == expected.start()
        assert found.end >= expected.end()


@given(st.text(max_size=60))
def test_any_text_is_a_pattern_or_refused_with_a_reason(pattern: str) -> None:
    try:
        SearchPattern(pattern).search("some text 123", Work(PLENTY))
    except PatternRefused:
        return
    re.compile(re.sub(r"\{,(\d+)\}", r"{0,\1}", pattern))  # theirs, too


@pytest.mark.parametrize(
    ("pattern", "text", "span"),
    [
        (r"\b(credit|debit) card( number)?\b", "my Credit Card number is", (3, 21)),
        (r"order \d{4,6}", "it is order 12345, no, order 9", (6, 17)),
        (r"[£$€]\s?\d+", "that was £ 40 too much", (9, 13)),
        (r"^(yes|no)$", "NO", (0, 2)),
        (r"a{x}", "a{x}", (0, 4)),
        (r"[]a]+", "x]a]", (1, 4)),
        (r"\$5\.", "for $5.", (4, 7)),
    ],
)
def test_patterns_as_people_write_them(pattern: str, text: str, span: tuple[int, int]) -> None:
    assert SearchPattern(pattern).search(text, Work(PLENTY)) == span


@pytest.mark.parametrize(
    "pattern",
    ["", "a" * 201, "(", ")", "a)", "[a", "*a", "a**", "a+?", "a?+", "a{2}{3}", "(?=a)", "(?i)a", "(?P<n>a)", r"\1",
     r"\Z", "[b-a]", "[a-\\d]", "a{3,2}", "a{101}", "((a{50}){50}){50}", "(" * 21 + ")" * 21, "a\\"],
)  # fmt: skip
def test_what_is_not_supported_is_refused(pattern: str) -> None:
    with pytest.raises(PatternRefused):
        SearchPattern(pattern)


@pytest.mark.parametrize(
    "evil",
    [r"(a+)+$", r"(a|aa)+$", r"(a|a)*b", r"([a-z]+)*[0-9]", r"(.*a){20}", r"(a?){100}a{100}", r"^(\w+\s?)*$",
     r"(x+x+)+y", r".*.*.*.*=.*"],
)  # fmt: skip
def test_no_evil_pattern_needs_more_work_than_its_length_times_that_of_the_text(evil: str) -> None:
    for text in ("a" * TEXT_MAX_CHARS + "!", "aA1 " * 600, "x" * 3000):
        work = Work(PLENTY)
        SearchPattern(evil).search(text, work)
        # Twice: once to find out whether it is in the text, once to find out where; each visits steps and follows them.
        assert PLENTY - work.left <= 2 * 2 * 501 * (TEXT_MAX_CHARS + 1)


def test_who_grants_less_work_gets_no_answer_instead_of_a_late_one() -> None:
    with pytest.raises(PatternTooCostly):
        SearchPattern(r"(.*a){20}").search("a" * TEXT_MAX_CHARS, Work(20_000))


def test_what_a_pattern_remembers_of_texts_is_bounded_and_changes_no_answer() -> None:
    pattern = SearchPattern("(a|b|c|.)(x|y|.)*z{3}$")
    for n in range(3000):
        assert pattern.search(f"{chr(0x4E00 + n)} nothing of it", Work(PLENTY)) is None
    assert len(pattern._memory) <= 2_000
    assert pattern.search("it ends in zzz", Work(PLENTY)) == (0, 14)
