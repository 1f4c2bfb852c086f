"""Which call the demo plays: the sample call, a scenario file, or one participant per recording."""

from __future__ import annotations

from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import soundfile

from sidecar.domain.conference import Role, role_of
from sidecar.domain.errors import SidecarError
from sidecar.emulator.scenario import Actor, Says, Scenario, load
from sidecar.speech.g711 import BYTES_PER_MS, SAMPLE_RATE, SILENCE, decode
from sidecar.speech.segmenter import SegmentEnded, Segmenter
from sidecar.speech.wav import read_telephone_audio


class CallUnplayable(SidecarError):
    """What was asked for cannot be played; one line says which part and what was expected."""

    code = "call_unplayable"


def sample_call(folder: Path) -> dict[str, Any]:
    """Two people take turns in reading Dickens: the recording that comes with the local recogniser, dealt out.

    Writes one file per person into ``folder``. Our own sample calls do not exist yet.
    """
    spec = find_spec("moonshine_voice")
    if spec is None or not spec.submodule_search_locations:
        raise CallUnplayable(
            "The sample call needs the package moonshine-voice.",
            next_step="Install conference-sidecar[local], or play your own: sidecar demo --wav agent=A.wav",
        )
    audio = read_telephone_audio(Path(spec.submodule_search_locations[0]) / "assets" / "two_cities.wav")
    turns = _turns(audio)
    actors = []
    for n, (label, name) in enumerate((("agent", "Maya"), ("customer", "Jonas"))):
        part = bytearray([SILENCE]) * len(audio)
        for start, end in turns[n::2]:
            part[start:end] = audio[start:end]
        path = folder / f"{label}.wav"
        soundfile.write(path, decode(bytes(part)), SAMPLE_RATE, subtype="PCM_16")
        actors.append(Actor(label=label, name=name, role=label, says=(Says(wav=str(path), at=0.5),)))
    return _as_dict(Scenario(title="A reading", participants=tuple(actors)))


def _turns(audio: bytes) -> list[tuple[int, int]]:
    """From and to, in bytes, of each stretch of speech with half of the pause around it."""
    segmenter = Segmenter()
    ended = [e for e in [*segmenter.feed(audio), *segmenter.flush()] if isinstance(e, SegmentEnded)]
    cuts = [(one.end_ms + two.start_ms) // 2 * BYTES_PER_MS for one, two in pairwise(ended)]
    return list(pairwise([0, *cuts, len(audio)]))


def read_scenario(path: Path) -> dict[str, Any]:
    """A scenario file. Raises ScenarioInvalid, which names file and place."""
    return _as_dict(load(path))


def wav_call(given: list[str]) -> dict[str, Any]:
    """``label=file`` each: all speak from the same moment. Raises CallUnplayable or AudioUnreadable."""
    actors: list[Actor] = []
    for item in given:
        label, equals, name = item.partition("=")
        if not equals or not label.strip() or not name:
            raise CallUnplayable(f"--wav {item}: expected LABEL=FILE.", next_step="Example: --wav agent=A.wav")
        label = label.strip()
        if label in [actor.label for actor in actors]:
            raise CallUnplayable(f"--wav {item}: the label {label} is there twice.", next_step="Give each its own.")
        path = Path(name).expanduser().resolve()
        read_telephone_audio(path)  # better now, with one clear line, than in the middle of a call
        role = role_of(parameter=None, label=label, address="")
        actors.append(
            Actor(
                label=label,
                name=label.capitalize(),
                role="" if role is Role.OTHER else role.value,
                says=(Says(wav=str(path)),),
            )
        )
    if len(actors) == 1:
        # A conference starts with two: somebody has to listen.
        actors.append(Actor(label="listener", name="Listener", role="other"))
    return _as_dict(Scenario(title="Recordings", participants=tuple(actors)))


def _as_dict(scenario: Scenario) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(scenario)
    return plain
