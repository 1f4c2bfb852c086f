"""Voice activity on telephone frames, with the real detector."""

from __future__ import annotations

import numpy as np

from sidecar.speech import g711
from sidecar.speech.activity import FRAME_BYTES, VoiceActivity


def frames(pcm: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[bytes]:
    audio = g711.encode(pcm.astype(np.int16))
    return [audio[at : at + FRAME_BYTES] for at in range(0, len(audio), FRAME_BYTES)]


def vowel(seconds: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """A voice-like sound: a 140 Hz pulse train with the resonances of an "ah", swelling five times a second."""
    t = np.arange(int(seconds * 8000)) / 8000
    formants = {700: 1.0, 1200: 0.6, 2600: 0.2}
    tone = sum(
        sum(level * np.exp(-(((k * 140 - f) / 150) ** 2)) for f, level in formants.items())
        * np.sin(2 * np.pi * 140 * k * t)
        for k in range(1, 25)
    )
    swell = 0.5 + 0.5 * np.sin(2 * np.pi * 5 * t)
    result: np.ndarray[tuple[int], np.dtype[np.float64]] = 4000 * tone * swell
    return result


def test_silence_and_faint_noise_are_not_voiced() -> None:
    """A quiet line never counts as speech."""
    noise = np.random.default_rng(7).normal(0, 10, 16000)
    activity = VoiceActivity()
    assert not any(activity.is_voiced(frame) for frame in frames(noise))
    assert not any(activity.is_voiced(bytes([g711.SILENCE]) * FRAME_BYTES) for _ in range(100))


def test_a_voice_like_sound_is_voiced() -> None:
    """Most frames of a sung vowel count as speech."""
    activity = VoiceActivity()
    verdicts = [activity.is_voiced(frame) for frame in frames(vowel(2.0))]
    assert sum(verdicts) > 0.7 * len(verdicts)


def test_detectors_share_nothing() -> None:
    """What one participant's detector heard does not change another's verdicts."""
    audio = frames(vowel(1.0))
    alone, beside_quiet, quiet = VoiceActivity(), VoiceActivity(), VoiceActivity()
    verdicts_alone = [alone.is_voiced(frame) for frame in audio]
    verdicts_beside, verdicts_quiet = [], []
    for frame in audio:
        verdicts_quiet.append(quiet.is_voiced(bytes([g711.SILENCE]) * FRAME_BYTES))
        verdicts_beside.append(beside_quiet.is_voiced(frame))
    assert verdicts_beside == verdicts_alone
    assert not any(verdicts_quiet)
