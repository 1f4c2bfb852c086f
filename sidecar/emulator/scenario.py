"""A scenario: who dials in when, which recordings they speak, who is put on hold. TOML files, or the same as JSON.

Times of speech count from the moment when everybody who joins at the start is in the room and streaming, so that no
word is lost at the start. Errors are one line: source, place, what was expected. Never plays anything.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from sidecar.domain.errors import SidecarError

MAX_SCENARIO_S = 4 * 3600
MAX_PARTICIPANTS = 50
MAX_SAYS = 2_000
MAX_STEPS = 500
SHIPPED = Path(__file__).parent / "scenarios"  # our own sample calls, with their recordings

Seconds = Annotated[float, msgspec.Meta(ge=0, le=MAX_SCENARIO_S)]
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class ScenarioInvalid(SidecarError):
    """A scenario or control request that cannot be played. One line: source, place, what was expected."""

    code = "scenario_invalid"

    def __init__(self, source: str, place: str, expected: str) -> None:
        super().__init__(f"{source}: {place}: {expected}" if place else f"{source}: {expected}")


class Says(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One recording, or its part ``from`` .. ``to`` (seconds; ``to`` left out: its end).

    ``at``: seconds from the scenario's zero; it waits while the one before it still plays.
    ``text``: what is said in it, for readers and measurements; nothing is done with it.
    """

    wav: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
    at: Seconds = 0.0
    from_: Seconds = msgspec.field(name="from", default=0.0)
    to: Seconds | None = None
    text: Annotated[str, msgspec.Meta(max_length=4096)] = ""


class Actor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One caller. ``number``: an E.164 number or ``client:name``; one is invented when there is none.

    ``joins_at``: seconds from the scenario's zero; 0 = at the start, before the zero.
    """

    label: Word
    name: str = ""
    role: str = ""
    number: str = ""
    joins_at: Seconds = 0.0
    says: Annotated[tuple[Says, ...], msgspec.Meta(max_length=MAX_SAYS)] = ()


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody at a desk does to the participant ``label``, ``at`` seconds from the scenario's zero.

    It is as if done by REST; a participant who is not in the conference then is left alone.
    """

    at: Seconds
    do: Literal["hold", "resume", "mute", "unmute"]
    label: Word


class AssistantStep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the service is asked, ``at`` seconds from the scenario's zero: an assistant is invited, told something, sent
    away. ``text``: what it is told or is to say. Whoever plays the scenario asks; a small Twilio knows no assistants.
    """

    at: Seconds
    do: Literal["invite", "prompt", "say", "stop", "dismiss"]
    text: Annotated[str, msgspec.Meta(max_length=2_000)] = ""


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``room`` "": a fresh one. ``voice_url`` "": whoever plays the scenario adds it.

    ``hang_up_after``: seconds of silence after the last recording, then all hang up.
    """

    participants: Annotated[tuple[Actor, ...], msgspec.Meta(min_length=1, max_length=MAX_PARTICIPANTS)]
    steps: Annotated[tuple[Step, ...], msgspec.Meta(max_length=MAX_STEPS)] = ()
    assistant: Annotated[tuple[AssistantStep, ...], msgspec.Meta(max_length=MAX_STEPS)] = ()
    title: str = ""
    room: str = ""
    voice_url: str = ""
    hang_up_after: Seconds = 1.5


def load(path: Path) -> Scenario:
    """A scenario file; recordings are found relative to it. Raises ScenarioInvalid."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ScenarioInvalid(str(path), "", f"cannot be read ({error.strerror}); expected a TOML file.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ScenarioInvalid(str(path), "", f"expected TOML: {error}.") from None
    return _with_paths(from_object(raw, str(path)), path.parent.resolve())


def shipped(name: str) -> Scenario:
    """One of the scenarios that come with the package, by the name of its file without ``.toml``."""
    return load(SHIPPED / f"{name}.toml")


def sample_names() -> list[str]:
    """Which scenarios come with the package."""
    return sorted(path.stem for path in SHIPPED.glob("*.toml"))


def beginning(scenario: Scenario, seconds: float) -> Scenario:
    """Only what begins within its first so many seconds; who would join later does not."""
    actors = tuple(
        msgspec.structs.replace(actor, says=tuple(said for said in actor.says if said.at < seconds))
        for actor in scenario.participants
        if actor.joins_at <= seconds
    )
    labels = {actor.label for actor in actors}
    steps = tuple(step for step in scenario.steps if step.at < seconds and step.label in labels)
    return msgspec.structs.replace(scenario, participants=actors, steps=steps)


def from_json(body: bytes, source: str) -> Scenario:
    """The same shape as JSON; recordings must be absolute paths. Raises ScenarioInvalid."""
    scenario = from_object(json_object(body, source), source)
    for i, actor in enumerate(scenario.participants):
        check_absolute(actor.says, source, f"participants[{i}].says")
    return scenario


def json_object(body: bytes, source: str) -> Any:
    """The body as plain values. Raises ScenarioInvalid."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ScenarioInvalid(source, "", f"expected JSON: {error}.") from None


def from_object(raw: Any, source: str) -> Scenario:
    """Plain values as a scenario, checked. Raises ScenarioInvalid."""
    try:
        scenario = msgspec.convert(raw, Scenario)
    except msgspec.ValidationError as error:
        raise _located(raw, source, error) from None
    labels = [actor.label for actor in scenario.participants]
    for i, label in enumerate(labels):
        if label in labels[:i]:
            raise ScenarioInvalid(source, f"participants[{i}].label", "expected a label that no other participant has.")
    for i, step in enumerate(scenario.steps):
        if step.label not in labels:
            raise ScenarioInvalid(source, f"steps[{i}].label", "expected the label of a participant.")
    return scenario


def check_absolute(says: tuple[Says, ...], source: str, place: str) -> None:
    """JSON has no folder of its own to look in. Raises ScenarioInvalid."""
    for i, said in enumerate(says):
        if not Path(said.wav).is_absolute():
            raise ScenarioInvalid(source, f"{place}[{i}].wav", "expected an absolute path.")


def invalid(error: msgspec.ValidationError, source: str, prefix: str = "") -> ScenarioInvalid:
    """msgspec's sentence as ours: its "… - at `$.a.b`" becomes the place."""
    sentence, _, path = str(error).partition(" - at `$")
    place = ".".join(part for part in (prefix, path.strip("`").lstrip(".")) if part)
    return ScenarioInvalid(source, place, sentence.replace("`", "") + ".")


def _located(raw: Any, source: str, error: msgspec.ValidationError) -> ScenarioInvalid:
    """msgspec does not say which element of a list is wrong; convert them one by one to find it."""
    for i, actor in enumerate(_list(raw, "participants")):
        for j, says in enumerate(_list(actor, "says")):
            try:
                msgspec.convert(says, Says)
            except msgspec.ValidationError as inner:
                return invalid(inner, source, f"participants[{i}].says[{j}]")
        try:
            msgspec.convert(actor, Actor)
        except msgspec.ValidationError as inner:
            return invalid(inner, source, f"participants[{i}]")
    for key, kind in (("steps", Step), ("assistant", AssistantStep)):
        for i, step in enumerate(_list(raw, key)):
            try:
                msgspec.convert(step, kind)
            except msgspec.ValidationError as inner:
                return invalid(inner, source, f"{key}[{i}]")
    return invalid(error, source)


def _list(raw: Any, key: str) -> list[Any]:
    value = raw.get(key) if isinstance(raw, dict) else None
    return value if isinstance(value, list) else []


def _with_paths(scenario: Scenario, folder: Path) -> Scenario:
    replace = msgspec.structs.replace
    actors = tuple(
        replace(actor, says=tuple(replace(said, wav=str(folder / said.wav)) for said in actor.says))
        for actor in scenario.participants
    )
    return replace(scenario, participants=actors)
