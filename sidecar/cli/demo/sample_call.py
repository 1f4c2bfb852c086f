"""Which calls the demo plays: the sample calls, a scenario file, or one participant per recording."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from sidecar.cli.demo.stage import Cue, Cut, Lane
from sidecar.domain.conference.values import Role, role_of
from sidecar.domain.errors import SidecarError
from sidecar.emulator.scenario import Actor, Says, Scenario, load, shipped
from sidecar.speech.wav import read_telephone_audio

LONG, HELD, SHORT = "harbor_bikes", "lake_hotel", "corner_dental"
# The long call loses one stream here, in the middle of the customer's longest line, so that its gap is one of words.
CUT = Cut(label="customer", at_s=42.0)
HELD_STARTS_S = 3.0  # its customer is on hold 17 seconds later, for 26
SHORT_STARTS_S = 20.0  # over at the end of the first minute


class CallUnplayable(SidecarError):
    """What was asked for cannot be played; one line says which part and what was expected."""

    code = "call_unplayable"


def sample_calls() -> tuple[Lane, ...]:
    """Three calls side by side: one for about three minutes, one with a customer on hold, a short one that ends."""
    return (
        (Cue(_as_dict(shipped(LONG)), cut=CUT),),
        (Cue(_as_dict(shipped(HELD)), pause_s=HELD_STARTS_S),),
        (Cue(_as_dict(shipped(SHORT)), pause_s=SHORT_STARTS_S),),
    )


def short_call() -> dict[str, Any]:
    """The sample call for those who wait for its end: about 80 seconds."""
    return _as_dict(shipped(SHORT))


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
