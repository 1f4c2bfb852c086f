"""Scenario files and bodies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.emulator.scenario import (
    SHIPPED,
    Actor,
    Says,
    Scenario,
    ScenarioInvalid,
    beginning,
    from_json,
    from_object,
    load,
    shipped,
)

TOML = """
title = "A lost parcel"
room = "parcel"
hang_up_after = 2

[[participants]]
label = "agent"
name = "Ann"
role = "agent"
says = [{ wav = "ann.wav" }, { wav = "more/ann.wav", at = 12.5 }]

[[participants]]
label = "customer"
number = "+12025550143"
joins_at = 3
"""


def test_the_beginning_has_what_begins_in_it_and_who_is_there_by_then() -> None:
    """Steps of who is not there go too."""
    whole = from_object(
        {
            "participants": [
                {"label": "a", "says": [{"wav": "a.wav"}, {"wav": "a.wav", "at": 4}]},
                {"label": "late", "joins_at": 5},
            ],
            "steps": [{"at": n, "do": "mute", "label": label} for n, label in ((1, "a"), (1, "late"), (4, "a"))],
        },
        "here",
    )
    part = beginning(whole, 4)
    assert [actor.label for actor in part.participants] == ["a"]
    assert [said.at for said in part.participants[0].says] == [0]
    assert [(step.at, step.label) for step in part.steps] == [(1, "a")]
    assert beginning(whole, 6) == whole


def test_a_file_is_a_scenario_with_its_recordings_beside_it(tmp_path: Path) -> None:
    """Paths are relative to the file, wherever the reader stands."""
    file = tmp_path / "parcel.toml"
    file.write_text(TOML)
    assert load(file) == Scenario(
        title="A lost parcel",
        room="parcel",
        hang_up_after=2.0,
        participants=(
            Actor(
                label="agent",
                name="Ann",
                role="agent",
                says=(Says(wav=str(tmp_path / "ann.wav")), Says(wav=str(tmp_path / "more/ann.wav"), at=12.5)),
            ),
            Actor(label="customer", number="+12025550143", joins_at=3.0),
        ),
    )


def test_every_scenario_of_the_package_is_valid_and_its_recordings_are_there() -> None:
    """They ship in the wheel; tests/wheel looks there too."""
    names = sorted(path.stem for path in SHIPPED.glob("*.toml"))
    assert names
    for name in names:
        for actor in shipped(name).participants:
            assert actor.says
            for said in actor.says:
                assert Path(said.wav).is_file()
                assert said.to is not None
                assert said.from_ < said.to
                assert said.text


BAD: list[tuple[dict[str, Any], str]] = [
    ({}, "participants"),
    ({"participants": []}, "participants"),
    ({"participants": [{"label": "a"}], "volume": 3}, "volume"),
    ({"participants": [{"label": "a"}], "hang_up_after": "soon"}, "hang_up_after"),
    ({"participants": [{"label": "a"}, {"name": "b"}]}, "participants[1]: "),
    ({"participants": [{"label": "a"}, {"label": "a"}]}, "participants[1].label: "),
    ({"participants": [{"label": "a", "joins_at": -1}]}, "participants[0].joins_at: "),
    ({"participants": [{"label": "a"}, {"label": "b", "says": [{"wav": 7}]}]}, "participants[1].says[0].wav: "),
    ({"participants": [{"label": "a", "says": [{"wav": "/a", "at": float("nan")}]}]}, "participants[0].says[0].at: "),
    ({"participants": [{"label": "a", "says": [{"wav": "/a", "to": -1}]}]}, "participants[0].says[0].to: "),
    ({"participants": [{"label": "a", "says": "hello"}]}, "participants[0].says: "),
]


@pytest.mark.parametrize(("raw", "place"), BAD)
def test_a_mistake_is_one_line_with_file_and_place(raw: dict[str, Any], place: str) -> None:
    """And what was expected there."""
    with pytest.raises(ScenarioInvalid) as invalid:
        from_object(raw, "parcel.toml")
    line = str(invalid.value)
    assert line.startswith("parcel.toml: ")
    assert place in line
    assert "\n" not in line


@pytest.mark.parametrize("text", ["title = ", "participants = 3", "\x00"])
def test_a_file_that_is_no_scenario_is_named(tmp_path: Path, text: str) -> None:
    """Broken TOML says its line."""
    file = tmp_path / "bad.toml"
    file.write_text(text)
    with pytest.raises(ScenarioInvalid, match=r"bad\.toml"):
        load(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """With the system's reason."""
    with pytest.raises(ScenarioInvalid, match=r"none.toml: cannot be read \(No such file"):
        load(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("step", "named"),
    [
        ({"at": 1, "do": "hold", "label": "b"}, r"steps\[1\].label: expected the label of a participant"),
        ({"at": 1, "do": "sing", "label": "a"}, r"steps\[1\].do: "),
        ({"do": "mute", "label": "a"}, r"steps\[1\]: "),
        (7, r"steps\[1\]: "),
    ],
)
def test_a_step_that_cannot_be_done_is_named(step: Any, named: str) -> None:
    """Its place in the list, and what was expected."""
    good = {"at": 0.5, "do": "resume", "label": "a"}
    assert len(from_object({"participants": [{"label": "a"}], "steps": [good]}, "s").steps) == 1
    with pytest.raises(ScenarioInvalid, match=named):
        from_object({"participants": [{"label": "a"}], "steps": [good, step]}, "s")


def test_what_is_asked_of_the_assistant_is_checked_like_the_rest() -> None:
    """Its words and times."""
    raw: dict[str, Any] = {"participants": [{"label": "a"}], "assistant": [{"at": 3, "do": "invite"}]}
    [step] = from_object(raw, "s").assistant
    assert (step.at, step.do, step.text) == (3.0, "invite", "")
    raw["assistant"].append({"at": 4, "do": "sing"})
    with pytest.raises(ScenarioInvalid, match=r"assistant\[1\].do: "):
        from_object(raw, "s")


def test_a_body_must_name_recordings_by_absolute_paths() -> None:
    """It has no folder of its own."""
    body = json.dumps({"participants": [{"label": "a", "says": [{"wav": "a.wav"}]}]}).encode()
    with pytest.raises(ScenarioInvalid, match=r"body: participants\[0\].says\[0\].wav: expected an absolute path"):
        from_json(body, "body")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_json_is_one_error(body: bytes) -> None:
    """However deep it nests."""
    with pytest.raises(ScenarioInvalid, match="expected JSON"):
        from_json(body, "body")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["participants", "says", "wav", "at", "label", "room", "title", "steps", "do", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(VALUES)
def test_any_values_are_a_scenario_or_the_one_error(raw: Any) -> None:
    """Nothing else escapes, and the error is one line."""
    try:
        said = str(len(from_object(raw, "body: ").participants))
    except ScenarioInvalid as error:
        said = str(error)
    assert said.startswith("body: ") or int(said) > 0


@given(st.binary())
def test_any_bytes_are_a_scenario_or_the_one_error(body: bytes) -> None:
    """Nothing else escapes."""
    try:
        from_json(body, "body")
    except ScenarioInvalid:
        return
