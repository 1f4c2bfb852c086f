"""Sound files become telephone audio, or one line says why not."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sidecar.speech import g711, wav


def tone(rate: int, seconds: float, hz: float = 440.0) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return 0.5 * np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate)


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_any_pcm_rate_becomes_eight_thousand_samples_a_second(tmp_path: Path, rate: int, subtype: str) -> None:
    """A tone keeps its length, level and pitch from any usual rate."""
    path = tmp_path / "tone.wav"
    soundfile.write(path, tone(rate, 12.0), rate, subtype=subtype)
    audio = g711.decode(wav.read_telephone_audio(path)).astype(np.float64)
    assert abs(len(audio) - 96000) <= 1
    assert np.std(audio) == pytest.approx(0.5 / np.sqrt(2) * 32768, rel=0.02)
    spectrum = np.abs(np.fft.rfft(audio))
    assert np.argmax(spectrum) * 8000 / len(audio) == pytest.approx(440, abs=0.2)


def test_mu_law_files_pass_unchanged(tmp_path: Path) -> None:
    """8 kHz mu-law in a WAV header comes out byte for byte."""
    path, audio = tmp_path / "ulaw.wav", bytes(range(0x80, 0x100)) * 50
    soundfile.write(path, g711.decode(audio), 8000, subtype="ULAW")
    assert wav.read_telephone_audio(path) == audio


def test_channels_are_mixed_to_one(tmp_path: Path) -> None:
    """The mean of left and right is what the telephone hears."""
    path = tmp_path / "stereo.wav"
    left = np.full(800, 8000, dtype=np.int16)
    soundfile.write(path, np.stack([left, np.zeros_like(left)], axis=1), 8000)
    assert set(wav.read_telephone_audio(path)) == set(g711.encode(np.array([4000], dtype=np.int16)))


def test_samples_beyond_full_scale_are_clipped_and_nan_is_silence(tmp_path: Path) -> None:
    """Float files may hold anything; the telephone gets its largest value or silence."""
    path = tmp_path / "float.wav"
    soundfile.write(path, np.array([9.0, -9.0, np.nan], dtype=np.float32), 8000, subtype="FLOAT")
    assert wav.read_telephone_audio(path) == b"\x80\x00\xff"


def test_other_containers_are_read_too(tmp_path: Path) -> None:
    """FLAC is as good as WAV."""
    path = tmp_path / "tone.flac"
    soundfile.write(path, tone(16000, 1.0), 16000)
    assert len(wav.read_telephone_audio(path)) == 8000


def header(rate: int, data_bytes: int) -> bytes:
    """A RIFF header of 16-bit mono that promises ``data_bytes``."""
    fmt = struct.pack("<HHIIHH", 1, 1, rate, rate * 2, 2, 16)
    chunks = b"WAVEfmt " + struct.pack("<I", 16) + fmt + b"data" + struct.pack("<I", data_bytes)
    return b"RIFF" + struct.pack("<I", len(chunks) + data_bytes) + chunks


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The line says which file is not there."""
    with pytest.raises(wav.AudioUnreadable, match=r"nobody\.wav: no such file"):
        wav.read_telephone_audio(tmp_path / "nobody.wav")


def test_a_directory_is_named(tmp_path: Path) -> None:
    """A folder is not a recording."""
    with pytest.raises(wav.AudioUnreadable, match="directory"):
        wav.read_telephone_audio(tmp_path)


@pytest.mark.parametrize("name", ["notes.txt", "notes.wav", "notes.raw", "notes"])
def test_a_file_that_is_no_audio_is_named(tmp_path: Path, name: str) -> None:
    """Text with any ending is refused, and the line says what was expected."""
    path = tmp_path / name
    path.write_text("hello, this is a text\n" * 50)
    with pytest.raises(wav.AudioUnreadable) as caught:
        wav.read_telephone_audio(path)
    line = str(caught.value)
    assert str(path) in line
    assert "at its start" in line
    assert "Expected a sound file such as WAV" in line
    assert "\n" not in line
    assert caught.value.code == "audio_unreadable"


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    """No bytes at all are no audio."""
    path = tmp_path / "empty.wav"
    path.write_bytes(b"")
    with pytest.raises(wav.AudioUnreadable, match=r"empty\.wav"):
        wav.read_telephone_audio(path)


def test_a_header_without_samples_is_refused(tmp_path: Path) -> None:
    """A recording that was never begun says so."""
    path = tmp_path / "silent.wav"
    soundfile.write(path, np.zeros(0), 8000)
    with pytest.raises(wav.AudioUnreadable, match="no samples"):
        wav.read_telephone_audio(path)


def test_an_absurd_rate_is_refused(tmp_path: Path) -> None:
    """A rate of 10 Hz would otherwise be blown up eight hundred times."""
    path = tmp_path / "slow.wav"
    path.write_bytes(header(10, 200) + bytes(200))
    with pytest.raises(wav.AudioUnreadable, match="10 Hz"):
        wav.read_telephone_audio(path)


def test_longer_than_four_hours_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """The header tells; the samples (a sparse file here) are not touched."""
    path, data_bytes = tmp_path / "long.wav", 5 * 3600 * 8000 * 2
    path.write_bytes(header(8000, data_bytes))
    with path.open("r+b") as file:
        file.truncate(44 + data_bytes)
    with pytest.raises(wav.AudioUnreadable, match="5 h, the limit is 4 h"):
        wav.read_telephone_audio(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(junk=st.binary(max_size=300), riff=st.booleans())
def test_any_bytes_give_audio_or_one_line(tmp_path: Path, junk: bytes, riff: bool) -> None:
    """Whatever a file holds, nothing but AudioUnreadable comes out."""
    path = tmp_path / "any.wav"
    path.write_bytes(b"RIFF" + junk[:4] + b"WAVEfmt " + junk[4:] if riff else junk)
    line = ""
    try:
        audio = wav.read_telephone_audio(path)
    except wav.AudioUnreadable as error:
        audio, line = b"", str(error)
    assert bool(audio) != bool(line)
    assert "\n" not in line
