"""Cutting text for a voice: nothing lost, nothing too long, and at the best place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.speech.pieces import pieces, sentences


def test_sentences_are_apart_and_a_long_one_is_cut_where_a_speaker_pauses() -> None:
    text = "Hello there! It comes on Saturday, between nine and eleven; then you call us again. Bye…"
    assert list(sentences(text, most=40)) == [
        "Hello there!",
        "It comes on Saturday,",
        "between nine and eleven;",
        "then you call us again.",
        "Bye…",
    ]


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("one two three, four five six seven", ["one two three,", "four five six", "seven"]),
        ("one two three four five six seven", ["one two three", "four five six", "seven"]),
        ("one, two three four five six seven", ["one, two three", "four five six", "seven"]),
        ("a2345678901234567890", ["a23456789012345", "67890"]),
        ("  ", []),
        ("", []),
    ],
)
def test_a_comma_is_better_than_a_space_and_a_space_better_than_a_word(text: str, cut: list[str]) -> None:
    assert list(sentences(text, most=15)) == cut


def test_pieces_are_as_few_as_whole_sentences_allow() -> None:
    assert list(pieces("One. Two. Three. Four.", most=11)) == ["One. Two.", "Three.", "Four."]
    assert list(pieces("One. Two. Three. Four.", most=100)) == ["One. Two. Three. Four."]


@given(st.text(alphabet="ab ,.;!?-\n\t…é", max_size=200), st.integers(min_value=1, max_value=40))
def test_nothing_is_lost_and_nothing_is_too_long(text: str, most: int) -> None:
    for cut in (list(sentences(text, most=most)), list(pieces(text, most=most))):
        assert "".join("".join(cut).split()) == "".join(text.split())
        assert all(0 < len(part) <= most for part in cut)
        assert all(part == part.strip() for part in cut)
