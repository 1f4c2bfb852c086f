"""A voice's samples as telephone audio while they come: 16-bit little-endian PCM in, mu-law 8 kHz out. No I/O."""

from __future__ import annotations

import numpy as np
import soxr
from numpy.typing import NDArray

from sidecar.speech import g711

_SAMPLE_BYTES = 2


class Downsampler:
    """One stretch of speech. ``rate``: of what comes in, Hz. Pieces may end in the middle of a sample."""

    def __init__(self, rate: int) -> None:
        # Holds back 57 ms of audio, which come at the latest with ``end``; speech comes faster than it is played.
        self._resampler = soxr.ResampleStream(rate, g711.SAMPLE_RATE, num_channels=1, dtype="int16", quality="HQ")
        self._torn = b""

    def feed(self, pcm: bytes) -> bytes:
        """More of it; perhaps nothing comes out yet."""
        pcm = self._torn + pcm
        whole = len(pcm) - len(pcm) % _SAMPLE_BYTES
        self._torn = pcm[whole:]
        return self._encoded(np.frombuffer(pcm[:whole], dtype="<i2"), last=False)

    def end(self) -> bytes:
        """What was held back. Nothing may be fed any more."""
        return self._encoded(np.zeros(0, dtype="<i2"), last=True)

    def _encoded(self, samples: NDArray[np.int16], *, last: bool) -> bytes:
        return g711.encode(self._resampler.resample_chunk(samples, last=last))
