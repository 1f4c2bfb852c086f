"""A line at rest is told from a line with any sound on it."""

from __future__ import annotations

import numpy as np
import pytest

from sidecar.speech import g711
from sidecar.speech.sound import is_sound, sounds_in
from tests.voice_sounds import silence, vowel


def noise(level: int, milliseconds: int = 100) -> bytes:
    """Even noise of this mean amplitude."""
    samples = np.random.default_rng(1).normal(0, level, milliseconds * 8)
    return g711.encode(samples.astype(np.int16))


@pytest.mark.parametrize("audio", [b"", silence(100), b"\x7f" * 800, noise(30), noise(60)])
def test_a_line_at_rest_is_no_sound(audio: bytes) -> None:
    """Both zeros of mu-law, and the hiss of a line."""
    assert not is_sound(audio)


def test_a_click_is_no_sound() -> None:
    """One sample in twenty has to be loud."""
    assert not is_sound(b"\x00" * 20 + silence(100))


@pytest.mark.parametrize("milliseconds", [20, 100, 250])
@pytest.mark.parametrize("quieter_by", [1, 4, 16])
def test_a_voice_is_a_sound_even_a_faint_one(milliseconds: int, quieter_by: int) -> None:
    """In pieces of any size; a sixteenth of the amplitude is 24 dB down."""
    audio = g711.encode((g711.decode(vowel(milliseconds)) // quieter_by).astype(np.int16))
    assert is_sound(audio)


def test_where_a_voice_begins_and_ends_is_told_in_steps_of_20_ms() -> None:
    """The last grain may be shorter."""
    assert sounds_in(silence(40) + vowel(30)) == [(40, 70)]
    assert sounds_in(vowel(60) + silence(60) + vowel(70)) == [(0, 60), (120, 190)]
    assert sounds_in(silence(100)) == []
