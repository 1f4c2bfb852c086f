"""G.711 mu-law, the telephone's sample format: 8,000 bytes a second, one byte a sample.

Tables are built once from the rule (ITU-T G.711, https://www.itu.int/rec/T-REC-G.711). Never resamples, never does I/O.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 8000
BYTES_PER_MS = 8
SILENCE = 0xFF  # the byte of sample 0

_BIAS = 33  # added before the segment is looked up, in 14-bit units
_CLIP = 8158  # the largest 14-bit magnitude whose biased value still fits the top segment


def _decode_table() -> NDArray[np.int16]:
    codes = ~np.arange(256) & 0xFF
    segment, step = (codes >> 4) & 7, codes & 0x0F
    magnitude = (((step << 1) + _BIAS) << segment) - _BIAS
    return np.where(codes & 0x80, -magnitude, magnitude).astype(np.int16) << np.int16(2)


def _encode_table() -> NDArray[np.uint8]:
    """The code of each 16-bit sample; index = the sample read as an unsigned number."""
    sample = np.arange(1 << 16, dtype=np.uint16).view(np.int16).astype(np.int32) >> 2
    biased = np.minimum(np.abs(sample), _CLIP) + _BIAS
    segment = np.floor(np.log2(biased)).astype(np.int32) - 5
    code = (segment << 4) | ((biased >> (segment + 1)) & 0x0F)
    table: NDArray[np.uint8] = (code ^ np.where(sample < 0, 0x7F, 0xFF)).astype(np.uint8)
    return table


_LINEAR_OF_CODE = _decode_table()
_CODE_OF_LINEAR = _encode_table()


def encode(pcm: NDArray[np.int16]) -> bytes:
    """16-bit samples as mu-law, one byte each."""
    return _CODE_OF_LINEAR[np.ascontiguousarray(pcm, dtype=np.int16).view(np.uint16)].tobytes()


def decode(ulaw: bytes | bytearray | memoryview) -> NDArray[np.int16]:
    """Mu-law bytes as 16-bit samples, one per byte; any byte is a valid code."""
    return _LINEAR_OF_CODE[np.frombuffer(ulaw, dtype=np.uint8)]
