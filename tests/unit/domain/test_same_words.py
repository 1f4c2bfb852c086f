"""Two sessions hear the same audio: no word is told twice, and none is taken for another."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.events import Word
from sidecar.domain.replay import LEAD_IN_MS
from sidecar.domain.same_words import middle, told_before

WORD_MS = 300
BREATH_MS = 100
JITTER_MS = 150


def heard(first: int, last: int, jitter: random.Random, wording: str = "w{}") -> list[Word]:
    """Words as a session tells them: each somewhat beside its place."""
    words = []
    for number in range(first, last + 1):
        start = number * (WORD_MS + BREATH_MS) + jitter.randint(-JITTER_MS, JITTER_MS)
        words.append(Word(wording.format(number), start, start + WORD_MS))
    return words


def laid_beside(
    words: list[Word], told: list[Word], *, began_ms: int, answers_ms: int, listened_from_ms: int = -1_000
) -> dict[int, int]:
    """The first session told everything from there to its last word."""
    listened = [(listened_from_ms, middle(one)) for one in told[-1:]]
    return told_before(words, told, began_ms=began_ms, answers_ms=answers_ms, listened=listened)


@pytest.mark.parametrize("wording", ["w{}", "number {}"], ids=["same_wording", "other_wording"])
def test_after_a_lead_in_no_word_is_taken_for_another_and_hardly_one_is_told_twice(wording: str) -> None:
    """The second session begins half a second before the end of the last word; it hears whole words only."""
    jitter, twice = random.Random(5), 0
    for _ in range(2_000):
        last = jitter.randint(3, 9)
        told = heard(0, last, jitter)
        end_ms = last * (WORD_MS + BREATH_MS) + WORD_MS
        again = heard(last, last + jitter.randint(0, 5), jitter, wording)
        found = laid_beside(again, told, began_ms=end_ms - LEAD_IN_MS, answers_ms=end_ms)
        assert set(found) <= {0}
        twice += not found
    assert twice < 40


def test_a_word_that_the_second_session_did_not_hear_again_takes_no_other_with_it() -> None:
    told = [Word("one", 0, 300), Word("two", 400, 700)]
    assert laid_beside([Word("three", 800, 1_100)], told, began_ms=200, answers_ms=700) == {}


def test_what_is_said_again_is_not_taken_for_an_echo() -> None:
    """No, no, no: the third is new."""
    told = [Word("no", 0, 200), Word("no", 300, 500)]
    again = [Word("no", 310, 500), Word("no", 600, 800)]
    assert laid_beside(again, told, began_ms=50, answers_ms=500) == {0: 1}


def test_words_before_what_the_other_session_listened_to_are_new() -> None:
    """A gap lane tells what was said before the live lane began."""
    told = [Word("five", 2_000, 2_300), Word("six", 2_400, 2_700)]
    again = [Word("three", 1_200, 1_500), Word("four", 1_600, 1_900), Word("five", 2_050, 2_350)]
    assert laid_beside(again, told, began_ms=700, answers_ms=1_200, listened_from_ms=2_000) == {2: 0}


def test_a_lane_that_began_amid_speech_tells_a_word_whose_beginning_it_may_have_missed() -> None:
    """Another lane told the word before, and places it late; this one did not hear it whole. Nothing is lost."""
    told = [Word("fifty", 28_003, 28_280)]
    again = [Word("fifty-one", 28_173, 28_600), Word("fifty-two", 28_706, 28_884)]
    assert told_before(again, told, began_ms=27_900, answers_ms=None, listened=[(27_080, 28_141)]) == {}


@given(st.integers(0, 2**32))
def test_a_partial_is_laid_beside_as_far_as_it_goes(seed: int) -> None:
    """The gap lane has come to the second of five words which the live lane told already."""
    jitter = random.Random(seed)
    told = heard(0, 4, jitter)
    found = laid_beside(heard(0, 1, jitter), told, began_ms=-1_000, answers_ms=-500)
    assert set(found) == {0, 1}  # which of them is which does not matter


def test_a_gap_lane_that_ends_amid_a_word_of_the_live_lane_does_not_tell_it_again() -> None:
    """The live lane places its first word after the end of what the gap lane has come to."""
    live = [Word("six", 24_841, 25_141), Word("seven", 25_250, 25_550)]
    gap = [Word("five", 24_362, 24_662), Word("six", 24_727, 25_027)]
    assert laid_beside(gap, live, began_ms=22_300, answers_ms=22_800, listened_from_ms=25_100) == {1: 0}


def test_nothing_told_nothing_found() -> None:
    assert laid_beside([Word("one", 0, 300)], [], began_ms=0, answers_ms=0) == {}
    assert laid_beside([], [Word("one", 0, 300)], began_ms=0, answers_ms=0) == {}
