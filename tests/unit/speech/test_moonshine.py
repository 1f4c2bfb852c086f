"""The real model: what it hears on the telephone, and one clear line where it cannot be had."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path

import jiwer
import pytest

from sidecar.domain.errors import RecogniserUnavailable
from sidecar.speech import moonshine, wav
from sidecar.speech.segmenter import SegmentEnded, Segmenter
from tests.voice_sounds import TWO_CITIES_TEXT, silence, two_cities


@pytest.fixture(scope="module")
def model() -> Iterator[moonshine.MoonshineModel]:
    loaded = moonshine.load()
    yield loaded
    loaded.close()


def plain(text: str) -> str:
    """Words only: neither case nor punctuation is a mistake."""
    return " ".join(re.findall(r"[a-z']+", text.lower().replace("-", " ")))


def test_read_speech_over_the_telephone_is_understood(model: moonshine.MoonshineModel) -> None:
    """Word errors over the whole path (mu-law, segments, model) stay under nine in a hundred."""
    segmenter = Segmenter()
    events = segmenter.feed(wav.read_telephone_audio(two_cities())) + segmenter.flush()
    text = " ".join(model.text_of(event.audio) for event in events if isinstance(event, SegmentEnded))
    assert jiwer.wer(plain(TWO_CITIES_TEXT), plain(text)) <= 0.09


@pytest.mark.parametrize("milliseconds", [0, 1, 20, 99, 3000])
def test_silence_of_any_length_is_no_text(model: moonshine.MoonshineModel, milliseconds: int) -> None:
    """Nothing said, nothing written, and no error for audio that is too short to hold a word."""
    assert model.text_of(silence(milliseconds)) == ""


@pytest.mark.skipif(sys.platform != "linux", reason="optional: counts threads in /proc")
def test_the_library_starts_no_threads_of_its_own() -> None:
    """A loaded model works in the thread that calls it: the variable was set in time."""
    before = len(list(Path("/proc/self/task").iterdir()))
    model = moonshine.load()
    model.text_of(silence(2000))
    assert len(list(Path("/proc/self/task").iterdir())) == before
    model.close()


def test_a_closed_model_says_so() -> None:
    """Closing twice is fine; a call afterwards is a plain error, not one from inside ctypes."""
    model = moonshine.load()
    model.close()
    model.close()
    with pytest.raises(RuntimeError, match="closed"):
        model.text_of(silence(1000))


@pytest.mark.parametrize("language", ["en", "en-US", "EN_gb"])
def test_english_of_any_country_is_served(language: str) -> None:
    """A tag that begins with en passes."""
    moonshine.check_local_speech(language)


@pytest.mark.parametrize("language", ["de", "fr-CA", "", "english"])
def test_another_language_is_refused_in_one_line(language: str) -> None:
    """No transcript is better than a wrong one, and the line names the cure."""
    with pytest.raises(RecogniserUnavailable, match="English only") as caught:
        moonshine.check_local_speech(language)
    assert "DEEPGRAM_API_KEY" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("module", "wheel"), [("moonshine_voice", "moonshine-voice"), ("webrtcvad", "webrtcvad-wheels")]
)
def test_a_missing_wheel_is_named_with_its_cure(monkeypatch: pytest.MonkeyPatch, module: str, wheel: str) -> None:
    """The line says which wheel is missing, on which platforms there is one, and what else would do."""
    find = importlib.util.find_spec

    def without(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name == module else find(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    with pytest.raises(RecogniserUnavailable, match=f"wheel {wheel}") as caught:
        moonshine.check_local_speech("en")
    assert "glibc" in str(caught.value)
    assert "DEEPGRAM_API_KEY" in str(caught.value)


def test_a_model_folder_without_its_files_is_named(tmp_path: Path) -> None:
    """The line names the setting, the folder and the files that are not there."""
    (tmp_path / "tokenizer.bin").write_bytes(b"")
    with pytest.raises(RecogniserUnavailable) as caught:
        moonshine.check_local_speech("en", tmp_path)
    assert "SIDECAR_LOCAL_MODEL" in str(caught.value)
    assert "encoder_model.ort, decoder_model_merged.ort" in str(caught.value)
    assert "tokenizer.bin" not in str(caught.value)


def test_a_model_that_cannot_be_loaded_is_unavailable(tmp_path: Path) -> None:
    """Files that are no model end in our error, with the platform and the cure."""
    for name in moonshine.MODEL_FILES:
        (tmp_path / name).write_bytes(b"not a model")
    with pytest.raises(RecogniserUnavailable, match="moonshine-voice") as caught:
        moonshine.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_model_folder_of_one_s_own_is_used(tmp_path: Path) -> None:
    """The wheel's own files in another folder serve as well."""
    for name in moonshine.MODEL_FILES:
        (tmp_path / name).symlink_to(two_cities().parent / "tiny-en" / name)
    moonshine.check_local_speech("en", tmp_path)
    moonshine.load(tmp_path).close()
