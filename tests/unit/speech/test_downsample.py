"""Samples of a voice on their way to the telephone, in pieces of any size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.speech import g711
from sidecar.speech.downsample import Downsampler

RATE = 24_000


def tone(seconds: float, hertz: float) -> bytes:
    samples: bytes = (
        (np.sin(np.arange(round(seconds * RATE)) * (2 * np.pi * hertz / RATE)) * 16_000).astype("<i2").tobytes()
    )
    return samples


def converted(pcm: bytes, size: int) -> bytes:
    downsampler = Downsampler(RATE)
    pieces = [downsampler.feed(pcm[at : at + size]) for at in range(0, len(pcm), size)]
    return b"".join([*pieces, downsampler.end()])


@given(st.integers(min_value=1, max_value=5_000))
def test_pieces_of_any_size_give_the_same_audio_of_the_same_length(size: int) -> None:
    pcm = tone(0.1, 440)
    audio = converted(pcm, size)
    assert len(audio) == pytest.approx(800, abs=8)
    differences = g711.decode(audio).astype(float) - g711.decode(converted(pcm, len(pcm)))
    assert np.sqrt((differences**2).mean()) < 50  # blocks of another size are rounded otherwise


@pytest.mark.parametrize(("hertz", "loud"), [(440, True), (3_000, True), (7_000, False)])
def test_what_a_telephone_carries_stays_and_the_rest_does_not_fold_back(hertz: int, loud: bool) -> None:
    samples = g711.decode(converted(tone(0.5, hertz), 999)).astype(float)[800:-800]
    level = float(np.sqrt((samples**2).mean()))
    assert (level > 8_000) if loud else (level < 100)


def test_nothing_is_nothing() -> None:
    assert converted(b"", 1) == b""
    assert converted(b"x", 1) == b""
