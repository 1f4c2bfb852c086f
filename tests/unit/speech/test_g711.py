"""Mu-law by table: agrees with the reference codec and survives any bytes."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.speech import g711

ALL_SAMPLES = np.arange(-32768, 32768, dtype=np.int16)
ALL_CODES = bytes(range(256))


def test_agrees_with_the_reference_codec_on_every_sample_and_every_code() -> None:
    """Each of the 65,536 samples and 256 codes gives what ``audioop`` gives."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        audioop = pytest.importorskip(
            "audioop", reason="optional: audioop left Python with 3.13, there is nothing to compare with"
        )
    assert g711.encode(ALL_SAMPLES) == audioop.lin2ulaw(ALL_SAMPLES.tobytes(), 2)
    assert g711.decode(ALL_CODES).tobytes() == audioop.ulaw2lin(ALL_CODES, 2)


def test_published_values_of_the_code_table() -> None:
    """The ends and the middle of the table are those of ITU-T G.711."""
    assert g711.decode(b"\x00\x80\x7f\xff").tolist() == [-32124, 32124, 0, 0]
    assert g711.encode(np.array([0, -1, 32767, -32768], dtype=np.int16)) == b"\xff\x7e\x80\x00"


def test_silence_is_the_byte_of_sample_zero() -> None:
    """The named silence byte decodes to 0, and 0 encodes to it."""
    assert g711.decode(bytes([g711.SILENCE])).tolist() == [0]
    assert g711.encode(np.zeros(1, dtype=np.int16)) == bytes([g711.SILENCE])


@given(st.binary(max_size=400))
def test_any_bytes_come_back_the_same(audio: bytes) -> None:
    """Decoding and encoding again changes nothing but the second code of zero."""
    assert g711.encode(g711.decode(audio)) == audio.replace(b"\x7f", b"\xff")


@given(st.lists(st.integers(-32768, 32767), max_size=200))
def test_a_sample_moves_by_no_more_than_its_step(samples: list[int]) -> None:
    """The loss is at most a sixteenth of the sample, as the code is logarithmic."""
    pcm = np.array(samples, dtype=np.int16)
    back = g711.decode(g711.encode(pcm)).astype(np.int32)
    assert np.all(np.abs(back - np.clip(pcm.astype(np.int32), -32635, 32635)) <= np.abs(pcm.astype(np.int32)) / 16 + 8)


def test_takes_a_view_that_is_not_contiguous() -> None:
    """Every second sample of an array encodes as its copy does."""
    assert g711.encode(ALL_SAMPLES[::2]) == g711.encode(ALL_SAMPLES[::2].copy())
