"""The oracle: a numbered word is heard if all of it arrived, and only then."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.emulated_deepgram.ears import (
    Heard,
    Manner,
    NumberedEar,
    SoundEar,
    number_of,
    numbered_speech,
    numbered_word,
    places,
    some_manner,
)
from tests.voice_sounds import silence, vowel


@settings(deadline=None)
@given(st.lists(st.integers(40, 5_000), min_size=1), st.integers(0, 2**32 - 10))
def test_all_numbers_are_heard_however_the_audio_is_divided(sizes: list[int], first: int) -> None:
    """With their times."""
    audio = numbered_speech(first, 9)
    ear, heard, at = NumberedEar(), list[Heard](), 0
    for n in range(len(audio)):
        if at >= len(audio):
            break
        size = sizes[n % len(sizes)]
        heard += ear.feed(audio[at : at + size])
        at += size
    assert [word.text for word in heard] == [f"w{first + n}" for n in range(9)]
    assert [word.start_ms for word in heard[:2]] == [1_200, 1_600]
    assert heard[-1].end_ms <= ear.settled_ms <= len(audio) // 8


@pytest.mark.parametrize("where", [0, 10, 1_000, 2_390])
def test_a_word_with_a_lost_frame_is_not_heard(where: int) -> None:
    """Those around it are."""
    word = numbered_word(2)
    audio = numbered_word(1) + word[:where] + word[where + 160 :] + silence(100) + numbered_word(3)
    assert [heard.text for heard in NumberedEar().feed(audio)] == ["w1", "w3"]


def test_sounds_are_counted() -> None:
    """A word for each 300 ms, and one for a shorter rest."""
    ear = SoundEar(["one", "two", "three"])
    heard = ear.feed(silence(500) + vowel(800) + silence(500))
    assert [word.text for word in heard] == ["one", "two", "three"]
    assert (heard[0].start_ms, heard[1].start_ms) == (500, 800)


def test_the_places_are_those_where_the_words_lie() -> None:
    assert NumberedEar().feed(numbered_speech(7, 20)) == places(7, 20)


@given(st.integers(0, 2**32), st.integers(1, 150))
def test_sessions_tell_the_same_words_in_their_own_manner(seed: int, jitter_ms: int) -> None:
    """Off by no more than the jitter, in order, and never later than what was heard so far."""
    manner, audio = some_manner(Random(seed), jitter_ms), numbered_speech(0, 6)
    ear, heard = NumberedEar(manner), list[Heard]()
    for at in range(0, len(audio), 800):
        for word in ear.feed(audio[at : at + 800]):
            assert word.end_ms <= at // 8 + 100
            heard.append(word)
    assert [number_of(word.text) for word in heard] == list(range(6))
    for word, place in zip(heard, places(0, 6), strict=True):
        assert abs(word.start_ms - place.start_ms) <= jitter_ms
        assert abs(word.end_ms - place.end_ms) <= jitter_ms
    assert all(a.start_ms < a.end_ms <= b.start_ms for a, b in pairwise(heard))


@pytest.mark.parametrize(
    ("text", "number"), [("w17", 17), ("W17,", 17), ("word-17", 17), ("w17.", 17), ("17", None), ("hello", None)]
)
def test_a_number_is_read_back_from_any_wording(text: str, number: int | None) -> None:
    assert number_of(text) == number


def test_without_a_manner_nothing_is_changed() -> None:
    assert NumberedEar(Manner()).feed(numbered_word(5)) == [Heard("w5", 0, 300)]
