"""The local recogniser's model: one segment of telephone audio in, its text out (https://moonshine.ai).

One Transcriber belongs to one thread: two threads on one return garbage without an error. Never segments, never
downloads: the weights of ``tiny-en`` come inside the pinned wheel.
"""

from __future__ import annotations

import importlib.util
import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soxr

from sidecar.domain.errors import RecogniserUnavailable
from sidecar.speech import g711
from sidecar.speech.hallucination import without_hallucination

if TYPE_CHECKING:
    from moonshine_voice.transcriber import Transcriber

MODEL_RATE = 16_000
MODEL_FILES = ("encoder_model.ort", "decoder_model_merged.ort", "tokenizer.bin")
_MIN_SAMPLES = MODEL_RATE // 10  # below a tenth of a second there is no word in it

_PLATFORMS = "Linux with glibc 2.34 or later, macOS 15 on arm64, Windows on x64"
_OTHER_CURE = "or set DEEPGRAM_API_KEY to use Deepgram."
# Values are strings, as the C API wants them. Its own voice detection is off: we segment, it transcribes.
_OPTIONS = {"return_audio_data": "false", "vad_threshold": "0.0"}


def check_local_speech(language: str, model_folder: Path | None = None) -> None:
    """Raise RecogniserUnavailable, in one line with its cure, where ``load`` would fail. Loads nothing, takes no time.

    ``language``: a tag such as ``en`` or ``en-US``; the model knows English only.
    """
    if language.replace("_", "-").partition("-")[0].lower() != "en":
        raise RecogniserUnavailable(
            f"The local recogniser transcribes English only, and the language is set to {language!r}.",
            next_step=f"Set SIDECAR_LANGUAGE=en, {_OTHER_CURE}",
        )
    for module, wheel in (("moonshine_voice", "moonshine-voice"), ("webrtcvad", "webrtcvad-wheels")):
        if importlib.util.find_spec(module) is None:
            raise RecogniserUnavailable(
                f"The local recogniser needs the wheel {wheel}, which is not installed.",
                next_step=f"Install conference-sidecar[local] ({_PLATFORMS}), {_OTHER_CURE}",
            )
    if model_folder is not None:
        missing = [name for name in MODEL_FILES if not (model_folder / name).is_file()]
        if missing:
            raise RecogniserUnavailable(
                f"SIDECAR_LOCAL_MODEL={model_folder} has no {', '.join(missing)}.",
                next_step="Name a folder with a Moonshine model (tiny or base), or unset it to use the built-in one.",
            )


class MoonshineModel:
    """A loaded model. Call it from one thread only, never from an event loop: 28 ms a second of audio."""

    def __init__(self, transcriber: Transcriber) -> None:
        self._transcriber: Transcriber | None = transcriber

    def text_of(self, audio: bytes) -> str:
        """What is said in mu-law ``audio``; empty when nothing is. Raises whatever the library raises."""
        if self._transcriber is None:
            raise RuntimeError("the model is closed")  # the library itself would fail inside ctypes
        pcm = g711.decode(audio).astype(np.float32) / 32768
        # One call over the whole segment: at HQ, which keeps 3 words in 100 more than LQ does on a real call.
        samples = soxr.resample(pcm, g711.SAMPLE_RATE, MODEL_RATE, quality="HQ")
        if len(samples) < _MIN_SAMPLES:
            return ""
        # A list: the library unpacks its argument into a C array, which is twice as slow from an ndarray.
        transcript = self._transcriber.transcribe_without_streaming(samples.tolist(), MODEL_RATE)
        return without_hallucination(" ".join(line.text.strip() for line in transcript.lines))

    def close(self) -> None:
        """Free the weights. May be called twice; no call may be under way."""
        if self._transcriber is not None:
            self._transcriber.close()
            self._transcriber = None


def load(model_folder: Path | None = None) -> MoonshineModel:
    """Load the model into memory (0.3 s, 90 MB). Raises RecogniserUnavailable.

    ``model_folder``: None is the one inside the wheel. Another must hold MODEL_FILES; a name that begins with ``base``
    says that it is the base model, any other that it is tiny.
    """
    # The one variable that is written and not a setting of ours: the library reads it when a model is loaded, and
    # without it each transcriber starts threads of its own, which doubles the CPU for the same text.
    os.environ["MOONSHINE_ORT_SINGLE_THREAD"] = "1"  # noqa: TID251 - see above
    try:
        from moonshine_voice import ModelArch, MoonshineError, get_model_path
        from moonshine_voice.transcriber import Transcriber
    except (ImportError, OSError) as error:
        raise _unavailable(error) from error
    folder = model_folder or get_model_path("tiny-en")
    arch = ModelArch.BASE if folder.name.startswith("base") else ModelArch.TINY
    try:
        return MoonshineModel(Transcriber(str(folder), arch, options=_OPTIONS))
    except (MoonshineError, OSError) as error:
        raise _unavailable(error) from error


def _unavailable(error: Exception) -> RecogniserUnavailable:
    system = f"{platform.system()} {platform.machine()} {' '.join(platform.libc_ver())}".strip()
    return RecogniserUnavailable(
        f"The local recogniser's model (wheel moonshine-voice) cannot be loaded on {system}: {error}".rstrip(". ")
        + ".",
        next_step=f"Use another platform ({_PLATFORMS}), {_OTHER_CURE}",
    )
