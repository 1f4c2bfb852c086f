"""What nobody said goes; what was said stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.speech.hallucination import without_hallucination


@pytest.mark.parametrize(
    "text", ["", "  ", "♪♪♪♪", "♪ ♪", "...", "You", "Thanks for watching!", "Thank you for watching.", "谢?"]
)
def test_what_the_model_prints_for_noise_is_nothing(text: str) -> None:
    """Clicks, ringing tones, music and laughter leave no line."""
    assert without_hallucination(text) == ""


@pytest.mark.parametrize(
    "text",
    [
        "Yes.", "No.", "Okay", "Okay.", "Bye.", "You.", "You?", "you know", "Thank you.", "Thank you for watching him.",
        "Uh-huh.", "2019", "I.", "No no no no no no no no", "Okay, okay, okay, okay.", "Bye bye bye bye bye bye",
        "Thank you, thank you, thank you, thank you.", "Committee, Mississippi, too loose, 1111.", "Brr, zzz.",
    ],
)  # fmt: skip
def test_words_that_people_say_stay_as_they_are(text: str) -> None:
    """Short answers, repetitions and double letters are speech."""
    assert without_hallucination(text) == text


def test_a_drawn_out_letter_is_written_once() -> None:
    """A shouted vowel does not fill the page."""
    assert without_hallucination("Ahhhhhhhhhhhhh!") == "Ah!"


def test_a_decoder_that_runs_in_circles_is_heard_once() -> None:
    """Four or more times the same three words or more are kept once, with what stands around them."""
    loop = "I will show you a " + "little bit of a " * 14 + "switch."
    assert without_hallucination(loop) == "I will show you a little bit of a switch."
    assert without_hallucination("It is so, it is so, it is so.") == "It is so, it is so, it is so."


def test_one_word_over_and_over_is_heard_once_when_nobody_could_mean_it() -> None:
    """What the model printed for an answer cut in the middle of a word; eleven times may still be a person."""
    assert without_hallucination("your card in the order" + " number" * 16) == "your card in the order number"
    assert without_hallucination("no " * 10 + "no") == "no " * 10 + "no"


@pytest.mark.parametrize(
    "text", ["four " + "one " * 14 + "one", "my account is 7 " + "0 " * 12 + "3", "Zero " * 12 + ".", "0, " * 12 + "4"]
)
def test_a_digit_over_and_over_stays_whole(text: str) -> None:
    """The number of a card or an account."""
    assert without_hallucination(text) == text.strip()


@given(st.text(max_size=300))
def test_any_text_comes_through_no_longer_than_it_was_and_only_once(text: str) -> None:
    """The rules only ever take away, and have nothing more to take the second time."""
    once = without_hallucination(text)
    assert len(once) <= len(text)
    assert without_hallucination(once) == once
