"""The oracle: a numbered word is heard if all of it arrived, and only then."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.emulated_deepgram.ears import Heard, NumberedEar, SoundEar, numbered_speech, numbered_word
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
