"""Sounds for tests of speech: one that any voice detector takes for a voice, and silence. Mu-law, 8 kHz."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from sidecar.speech import g711

RATE = 8000


def vowel(milliseconds: int) -> bytes:
    """A drawn-out "ah": pulses at 140 Hz with the resonances of a mouth, swelling five times a second."""
    t = np.arange(milliseconds * RATE // 1000) / RATE
    sound = np.zeros_like(t)
    for harmonic in range(1, 25):
        hz = 140 * harmonic
        level = sum(weight * np.exp(-(((hz - f) / 150) ** 2)) for f, weight in ((700, 1.0), (1200, 0.6), (2600, 0.2)))
        sound += level * np.sin(2 * np.pi * hz * t)
    return g711.encode((4000 * sound * (0.6 + 0.4 * np.sin(2 * np.pi * 5 * t))).astype(np.int16))


def silence(milliseconds: int) -> bytes:
    """A dead line."""
    return bytes([g711.SILENCE]) * (milliseconds * g711.BYTES_PER_MS)


def two_cities() -> Path:
    """The recording inside the moonshine wheel."""
    spec = find_spec("moonshine_voice")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "assets" / "two_cities.wav"


# What is read in that recording: the opening of Charles Dickens, A Tale of Two Cities (1859, public domain). The reader
# says "the superlative degree of comparison only" and stops there.
TWO_CITIES_TEXT = (
    "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness, "
    "it was the epoch of belief, it was the epoch of incredulity, it was the season of Light, it was the season of "
    "Darkness, it was the spring of hope, it was the winter of despair, we had everything before us, we had nothing "
    "before us, we were all going direct to Heaven, we were all going direct the other way - in short, the period was "
    "so far like the present period, that some of its noisiest authorities insisted on its being received, for good or "
    "for evil, in the superlative degree of comparison only."
)
