"""Voice activity on telephone frames, with the real detector."""

from __future__ import annotations

import numpy as np

from sidecar.speech import g711
from sidecar.speech.activity import FRAME_BYTES, VoiceActivity
from tests.voice_sounds import silence, vowel


def frames(audio: bytes) -> list[bytes]:
    return [audio[at : at + FRAME_BYTES] for at in range(0, len(audio), FRAME_BYTES)]


def test_silence_and_faint_noise_are_not_voiced() -> None:
    """A quiet line never counts as speech."""
    noise = g711.encode(np.random.default_rng(7).normal(0, 10, 16000).astype(np.int16))
    activity = VoiceActivity()
    assert not any(activity.is_voiced(frame) for frame in frames(noise + silence(2000)))


def test_a_voice_like_sound_is_voiced() -> None:
    """Most frames of a sung vowel count as speech."""
    activity = VoiceActivity()
    verdicts = [activity.is_voiced(frame) for frame in frames(vowel(2000))]
    assert sum(verdicts) > 0.7 * len(verdicts)


def test_detectors_share_nothing() -> None:
    """What one participant's detector heard does not change another's verdicts."""
    audio = frames(vowel(1000))
    alone, beside_quiet, quiet = VoiceActivity(), VoiceActivity(), VoiceActivity()
    verdicts_alone = [alone.is_voiced(frame) for frame in audio]
    verdicts_beside, verdicts_quiet = [], []
    for frame in audio:
        verdicts_quiet.append(quiet.is_voiced(silence(20)))
        verdicts_beside.append(beside_quiet.is_voiced(frame))
    assert verdicts_beside == verdicts_alone
    assert not any(verdicts_quiet)
