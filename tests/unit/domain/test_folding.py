"""Words without case, accents and punctuation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.folding import WORD_CHARS_MOST, folded, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I'd like 2 bikes, please!", "i d like 2 bikes please"),
        ("Müller's Straße", "muller s strasse"),
        ("Crème brûlée, Œuvre, Ærø, Łódź, İstanbul, ħ", "creme brulee oeuvre aero lodz istanbul h"),
        ("e\N{COMBINING ACUTE ACCENT}te\N{COMBINING ACUTE ACCENT}", "ete"),
        ("ﬁne ½ №5 Ⅷ", "fine 12 no5 viii"),
        ("支払いについて 한국어", "支 払 い に つ い て 한국어"),
        ("がか", "が か"),
        ("हिन्दी", "हिन्दी"),
        ("שָׁלוֹם مُحَمَّد", "שלום محمد"),
        ("🙂 ok🙂no_way \0 \ud800a", "ok no way a"),
        ("", ""),
        ("…—“”", ""),
    ],
)
def test_a_text_folds_to_the_words_that_people_type(text: str, expected: str) -> None:
    assert folded(text) == expected.split()


@given(st.text())
def test_words_are_short_and_have_nothing_in_them_that_an_index_would_cut_at(text: str) -> None:
    for word in folded(text):
        assert 1 <= len(word) <= WORD_CHARS_MOST
        assert all(not character.isascii() or character.isalnum() for character in word)
        assert not any(character.isspace() for character in word)


@given(st.text())
def test_places_of_words_are_in_order_and_hold_the_word(text: str) -> None:
    at = 0
    for word in words(text):
        assert at <= word.start < word.end <= len(text)
        assert folded(text[word.start : word.end]) == [word.text]
        at = word.end
