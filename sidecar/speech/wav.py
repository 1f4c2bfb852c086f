"""Sound files as telephone audio: what a caller with that recording would send.

Reads any container and rate that libsndfile knows, block by block. Never plays, paces or transcribes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from sidecar.domain.errors import SidecarError
from sidecar.speech import g711

MAX_HOURS = 4  # a longer file is a mistake, and would be played in real time
RATES_HZ = (4_000, 384_000)  # below: not speech; above: no recorder makes it
BLOCK_SECONDS = 10  # memory stays flat, whatever the length and rate

_EXPECTED = "Expected a sound file such as WAV: PCM or mu-law, any number of channels, 4 to 384 kHz."


class AudioUnreadable(SidecarError):
    """A sound file that cannot be played into a call. One line: which file, where in it, what was expected."""

    code = "audio_unreadable"

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"{path}: {what}.", next_step=_EXPECTED)


def read_telephone_audio(path: Path) -> bytes:
    """The whole file as mu-law, 8 kHz, one channel (the mean of its channels). Raises AudioUnreadable."""
    if not path.is_file():
        raise AudioUnreadable(path, "a directory or device, not a file" if path.exists() else "no such file")
    try:
        with soundfile.SoundFile(path) as file:
            _check_header(path, file.samplerate, file.frames)
            audio = _telephone_audio(path, file)
    except (soundfile.SoundFileError, OSError, TypeError) as error:
        # TypeError: soundfile wants the format of a headerless ``.raw`` file spelled out.
        reason = getattr(error, "error_string", "") or str(error)
        raise AudioUnreadable(path, f"cannot be opened as audio, at its start ({reason.strip(' .')})") from error
    if not audio:
        raise AudioUnreadable(path, "holds no samples behind its header")
    return audio


def _check_header(path: Path, rate: int, frames: int) -> None:
    if not RATES_HZ[0] <= rate <= RATES_HZ[1]:
        raise AudioUnreadable(path, f"its header says {rate} Hz")
    if frames > MAX_HOURS * 3600 * rate:
        raise AudioUnreadable(path, f"its header says {frames / rate / 3600:.0f} h, the limit is {MAX_HOURS} h")


def _telephone_audio(path: Path, file: soundfile.SoundFile) -> bytes:
    rate = file.samplerate
    resampler = soxr.ResampleStream(rate, g711.SAMPLE_RATE, 1, dtype="float32", quality="HQ")
    audio, frames = bytearray(), 0
    while True:
        try:
            block = file.read(BLOCK_SECONDS * rate, dtype="float32", always_2d=True)
        except soundfile.SoundFileError as error:
            reason = getattr(error, "error_string", "") or str(error)
            raise AudioUnreadable(path, f"damaged at {frames / rate:.1f} s ({reason.strip(' .')})") from error
        frames += len(block)
        mono = np.nan_to_num(block.mean(axis=1))
        at_end = not len(block)
        if rate != g711.SAMPLE_RATE:
            mono = resampler.resample_chunk(mono, last=at_end)
        audio += g711.encode(_to_int16(mono))
        if at_end:
            return bytes(audio)
        if frames > MAX_HOURS * 3600 * rate:
            raise AudioUnreadable(path, f"goes on after {MAX_HOURS} h, the limit")


def _to_int16(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    clipped: NDArray[np.float32] = np.clip(np.rint(samples * 32768.0), -32768, 32767)
    return clipped.astype(np.int16)
