"""Sentences for a voice out of a model's stream."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.assistant.sentences import LONGEST_CHARACTERS, Sentences


def sentences(text: str, step: int = 1) -> list[str]:
    made = Sentences()
    out = [one for at in range(0, len(text), step) for one in made.add(text[at : at + step])]
    return out + made.close()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Returns are free. They take five days.", ["Returns are free.", "They take five days."]),
        ("Is it here? It is there! Really…", ["Is it here?", "It is there!", "Really…"]),
        ("Ask Dr. Smith about it. He knows.", ["Ask Dr. Smith about it.", "He knows."]),
        ("It costs 3.50 dollars today. Fine by me?", ["It costs 3.50 dollars today.", "Fine by me?"]),
        ("Take fruit, e.g. apples, with you. Do it.", ["Take fruit, e.g. apples, with you.", "Do it."]),
        (
            "J. Smith said so yesterday. So do I. Then we went.",
            ["J. Smith said so yesterday.", "So do I. Then we went."],
        ),
        ("It is neither you nor I. Then we went.", ["It is neither you nor I.", "Then we went."]),
        ("It was made in the U.S. by hand. Right?", ["It was made in the U.S. by hand.", "Right?"]),
        ("There were only 12. Then more came.", ["There were only 12.", "Then more came."]),
        ('She said "it is late." Then she left.', ['She said "it is late."', "Then she left."]),
        ("", []),
        (" \n… !", []),
    ],
)
def test_a_sentence_ends_where_a_reader_would_pause(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


def test_a_sentence_is_out_as_soon_as_a_blank_follows_it() -> None:
    made = Sentences()
    assert made.add("Returns are free.") == []
    assert made.add(" T") == ["Returns are free."]


def test_tiny_sentences_wait_for_the_next() -> None:
    assert sentences("Yes. It is on its way. OK?") == ["Yes. It is on its way.", "OK?"]


def test_only_the_first_cut_may_fall_at_a_clause() -> None:
    text = "As far as I can see from the call, the parcel was sent on Monday, and it is late, sorry."
    assert sentences(text) == [
        "As far as I can see from the call,",
        "the parcel was sent on Monday, and it is late, sorry.",
    ]
    assert sentences("It is 1,000 dollars and 2,000 cents in all.") == ["It is 1,000 dollars and 2,000 cents in all."]


def test_a_long_sentence_is_cut_behind_a_clause() -> None:
    text = "I see. " + "and so it goes on and on, " * 20
    cut = sentences(text)
    assert all(len(one) <= LONGEST_CHARACTERS for one in cut)
    assert all(one.endswith(",") for one in cut)
    assert sentences("Oh dear. Well, " + "x" * 300)[0] == "Oh dear. Well, " + "x" * (LONGEST_CHARACTERS - 15)
    assert sentences("x" * 500) == ["x" * LONGEST_CHARACTERS, "x" * LONGEST_CHARACTERS, "x" * 60]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("**Returns** are *free* of `charge`.", ["Returns are free of charge."]),
        ("# The policy\nReturns are free.", ["The policy", "Returns are free."]),
        ("- the first one of them\n- the second one\n", ["the first one of them", "the second one"]),
        ("1. Open the box.\n2. Read the manual.", ["1. Open the box.", "2. Read the manual."]),
        ("See [our page](https://example.com/a_b?c=1) for that.", ["See our page for that."]),
        ("Your order_id is fine \U0001f600\ufe0f, thank you.", ["Your order_id is fine, thank you."]),
        ("```\nprint it out now\n```", ["print it out now"]),
        ("**Note this well.** It is late.", ["Note this well.", "It is late."]),
    ],
)
def test_what_is_for_the_eye_is_not_spoken(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@given(text=st.text('aB .,?!\n*1"é😀', max_size=400), step=st.integers(1, 50))
def test_how_text_comes_makes_no_difference_and_no_word_is_lost(text: str, step: int) -> None:
    made = sentences(text)
    assert made == sentences(text, step)
    spoken = [c for one in made for c in one if c.isalnum()]
    assert spoken == [c for c in text if c.isalnum()]
    assert all(one == one.strip() and len(one) <= LONGEST_CHARACTERS for one in made)
