"""The sample calls that ship: complete, small, and read by the local recogniser as they are written."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest
import soundfile

from samples.measure import SOUND, length_of, median_pitch, read, track, word_errors, words
from samples.render import ASSISTANT, STEPS
from sidecar.cli.demo.sample_call import CUT, HELD, LONG, SHORT
from sidecar.emulator.scenario import SHIPPED, shipped
from sidecar.speech import g711, moonshine

pytestmark = pytest.mark.traced(False)  # its parts are shown one by one elsewhere

CALLS = {LONG: (150, 215), SHORT: (65, 90), HELD: (100, 125)}  # seconds, from and to
ASSISTED = {LONG, SHORT}  # their people pause for the assistant
WER_LIMIT = 0.06
TOTAL_BYTES = 3_000_000


def test_every_scenario_in_the_package_is_one_of_the_demo() -> None:
    """And all of them together are small."""
    assert {path.stem for path in SHIPPED.glob("*.toml")} == set(CALLS)
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < TOTAL_BYTES


@pytest.mark.parametrize("name", CALLS)
def test_each_call_has_two_people_and_telephone_audio_for_every_line(name: str) -> None:
    """8 kHz mu-law, all of it used; neither clipped nor faint; pauses between the turns, as in talk."""
    scenario = shipped(name)
    shortest, longest = CALLS[name]
    assert shortest < length_of(scenario) < longest
    assert {actor.label for actor in scenario.participants} == {"agent", "customer"}
    talking = np.zeros(round(length_of(scenario) * 50), dtype=bool)
    for actor in scenario.participants:
        [wav] = {said.wav for said in actor.says}
        info = soundfile.info(wav)
        assert (info.samplerate, info.channels, info.subtype) == (8000, 1, "ULAW")
        assert max(said.to or 0 for said in actor.says) == pytest.approx(info.duration, abs=0.02)
        pcm = np.abs(g711.decode(track(actor, length_of(scenario))).astype(int))
        assert 8_000 < pcm.max() < 24_000
        frames = (pcm[: len(talking) * 160].reshape(-1, 160) > SOUND).any(axis=1)
        talking |= frames
    for hold, resume in zip(scenario.steps[::2], scenario.steps[1::2], strict=True):
        held = slice(round(hold.at * 50), round(resume.at * 50))
        assert not talking[held].any()  # nobody talks to somebody who is on hold
        talking = np.delete(talking, held)
    assert 0.2 < 1 - talking.mean() < (0.6 if name in ASSISTED else 0.45)


@pytest.mark.parametrize("name", CALLS)
def test_the_two_voices_are_told_apart_by_their_pitch(name: str) -> None:
    """The agent of one call may have the voice of another's customer."""
    scenario = shipped(name)
    low, high = sorted(median_pitch(track(actor, length_of(scenario))) for actor in scenario.participants)
    assert high > 1.15 * low


@pytest.mark.parametrize("name", CALLS)
def test_the_recogniser_reads_a_call_as_it_is_written(name: str) -> None:
    """At most six words in a hundred are wrong, names and numbers are right."""
    scenario = shipped(name)
    model = moonshine.load()
    heard = {
        a.label: " ".join(text for _, text in read(model, track(a, length_of(scenario)))) for a in scenario.participants
    }
    model.close()
    written = {actor.label: " ".join(said.text for said in actor.says) for actor in scenario.participants}
    wrong = sum(word_errors(written[label], heard[label]) for label in written)
    assert wrong / sum(len(words(text).split()) for text in written.values()) <= WER_LIMIT
    for name_or_number in {
        LONG: ("harbor bikes", "maya", "daniel baker", "seven three five two nine", "saturday", "thirty dollars"),
        SHORT: ("sarah miller", "wednesday", "at three"),
        HELD: ("lake hotel", "emma", "peter wilson", "one hundred and forty dollars"),
    }[name]:
        assert name_or_number in " ".join(words(text) for text in heard.values())


def test_the_cut_falls_into_a_line_of_whom_it_hits() -> None:
    """Two seconds on both sides, so that the gap is one of words."""
    [actor] = [actor for actor in shipped(LONG).participants if actor.label == CUT.label]
    lines = [(said.at, said.at + (said.to or 0) - said.from_) for said in actor.says]
    assert [line for line in lines if line[0] + 2 < CUT.at_s < line[1] - 2]


def test_three_lines_of_the_long_call_are_over_soon() -> None:
    """Ten seconds of audio, so that fifteen after the start all three are on the page."""
    ends = sorted(said.at + (said.to or 0) - said.from_ for actor in shipped(LONG).participants for said in actor.says)
    assert ends[2] < 10


def test_the_script_and_what_was_rendered_from_it_have_the_same_lines() -> None:
    """Whoever changes a script renders it again."""
    for name in CALLS:
        script = tomllib.loads((Path(__file__).parents[2] / "samples" / f"{name}.toml").read_text())
        for actor in shipped(name).participants:
            assert [said.text for said in actor.says] == [
                text for label, _, text in script["script"]["lines"] if label == actor.label
            ]
        assert [(step.do, step.label) for step in shipped(name).steps] == [
            (label, text) for label, _, text in script["script"]["lines"] if label in STEPS
        ]
        assert [step.do for step in shipped(name).assistant] == [
            label for label, _, _ in script["script"]["lines"] if label in ASSISTANT
        ]


@pytest.mark.parametrize("name", sorted(ASSISTED))
def test_an_assisted_call_invites_the_assistant_asks_it_interrupts_it_and_lets_it_go(name: str) -> None:
    """By name, and half-way; somebody else speaks into its first answer."""
    scenario = shipped(name)
    [invited] = scenario.assistant
    assert invited.do == "invite"
    assert 0.3 < invited.at / length_of(scenario) < 0.6
    lines = sorted((said.at, actor.label, said.text) for actor in scenario.participants for said in actor.says)
    after = [line for line in lines if line[0] > invited.at]
    assert [label for _, label, _ in after[1:4]] == ["agent", "customer", "agent"]
    assert [text.startswith("Ava,") for _, _, text in after[1:4]] == [True, False, True]
    assert 6 < after[2][0] - after[1][0] < 12
    assert "Thank you, Ava. You can leave now." in [text for _, _, text in after]
