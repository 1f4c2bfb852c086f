"""The assistant knows its own words again, however they come back, and takes nobody else's for them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.assistant.echo import LINGERS_MS, SAME_WITHIN_MS, Echo
from sidecar.domain.assistant.phrases import words_of

SAID = "Your parcel was sent on Tuesday and takes five business days."


def echo(text: str = SAID, from_ms: int = 10_000, ms_per_word: int = 300) -> Echo:
    """It says this word by word."""
    made = Echo()
    for n, word in enumerate(text.split()):
        made.said(word, from_ms + n * ms_per_word)
    return made


@pytest.mark.parametrize(
    "text",
    [
        SAID,
        "takes five business days",
        "was sent on",
        "days",
        "takes five busy days",  # misheard
        "your parcel sent on Tuesday",  # a word lost
    ],
)
def test_its_own_words_are_an_echo(text: str) -> None:
    assert echo().is_own(text, 12_000, 13_500)


@pytest.mark.parametrize(
    ("text", "beyond"),
    [
        ("Can I pick it up?", "can i pick it up"),
        ("takes five business days no wait", "no wait"),
        ("stop", "stop"),
        ("on Tuesday stop", "stop"),
        ("the five of us", "the five of us"),
        ("", ""),
    ],
)
def test_what_others_say_is_theirs(text: str, beyond: str) -> None:
    assert echo().beyond(text, 12_000, 13_500) == beyond.split()
    assert not echo().is_own(text, 12_000, 13_500)


def test_who_repeats_its_last_words_afterwards_asks_back() -> None:
    last_word_ms = 10_000 + 10 * 300
    assert echo().is_own("five business days", 12_900, last_word_ms + LINGERS_MS)
    assert not echo().is_own("Five business days?", 13_600, last_word_ms + LINGERS_MS + 1)


def test_words_that_it_said_long_ago_are_no_echo() -> None:
    made = echo(from_ms=0)
    made.said("And returns are free.", 60_000)
    assert not made.is_own("five business days", 60_100, 60_500)
    assert made.is_own("returns are free", 60_000 + SAME_WITHIN_MS - 2_500, 60_900)


def test_who_says_it_first_is_not_the_echo_of_what_it_says_later() -> None:
    assert not echo().is_own("takes five business days", 5_000, 6_000)


def test_who_never_spoke_has_no_echo() -> None:
    assert Echo().beyond("five days", 0, 500) == ["five", "days"]


@given(st.text(max_size=60), st.text(max_size=60))
def test_what_is_beyond_are_words_of_the_text_in_their_order(said: str, heard: str) -> None:
    made = Echo()
    made.said(said, 1_000)
    words = iter(words_of(heard))
    assert all(word in words for word in made.beyond(heard, 1_000, 1_500))
    assert made.is_own(said, 1_000, 1_500) == bool(words_of(said))
