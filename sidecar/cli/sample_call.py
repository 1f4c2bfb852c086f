"""Which call the demo plays: the sample call, a scenario file, or one participant per recording."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from sidecar.domain.conference import Role, role_of
from sidecar.domain.errors import SidecarError
from sidecar.emulator.scenario import Actor, Says, Scenario, load
from sidecar.speech.wav import read_telephone_audio


class CallUnplayable(SidecarError):
    """What was asked for cannot be played; one line says which part and what was expected."""

    code = "call_unplayable"


def sample_call() -> dict[str, Any]:
    """A call of a minute and a half from the recordings that come with the local recogniser."""
    spec = find_spec("moonshine_voice")
    if spec is None or not spec.submodule_search_locations:
        raise CallUnplayable(
            "The sample call needs the package moonshine-voice.",
            next_step="Install conference-sidecar[local], or play your own: sidecar demo --wav agent=A.wav",
        )
    recordings = Path(spec.submodule_search_locations[0]) / "assets"
    reader = Actor(
        label="agent",
        name="Reader",
        role="agent",
        says=(Says(wav=str(recordings / "two_cities.wav"), at=8.5),),
    )
    guest = Actor(
        label="customer",
        name="Guest",
        role="customer",
        says=(
            Says(wav=str(recordings / "beckett.wav"), at=0.5),
            Says(wav=str(recordings / "endgame_nagg_nell.wav"), at=50.0),
        ),
    )
    return _as_dict(Scenario(title="Readings", participants=(reader, guest)))


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
