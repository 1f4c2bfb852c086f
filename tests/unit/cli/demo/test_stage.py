"""The order in which a programme's calls are played."""

from __future__ import annotations

import asyncio
import re

import pytest

from sidecar.cli.demo.command import _programme
from sidecar.cli.demo.sample_call import sample_calls, short_call
from sidecar.cli.demo.stage import Cue, play_round, room_for


async def test_lanes_are_played_side_by_side_and_the_calls_of_a_lane_one_after_the_other() -> None:
    """The long call goes on while the other lane plays both of its own; the round ends with the last of them."""
    happened: list[str] = []
    long_over = asyncio.Event()

    async def play(cue: Cue) -> None:
        name = cue.call["title"]
        happened.append(f"{name} begins")
        if name == "long":
            await long_over.wait()
        elif name == "later":
            long_over.set()
        happened.append(f"{name} ends")

    long, short, later = (Cue({"title": name}) for name in ("long", "short", "later"))
    await play_round(((long,), (short, later)), play)
    assert happened[0] == "long begins"
    assert happened[1:5] == ["short begins", "short ends", "later begins", "later ends"]
    assert happened[-1] == "long ends"


async def test_a_call_waits_for_its_pause() -> None:
    """Counted from the end of the call before it."""
    begun: list[float] = []

    async def play(cue: Cue) -> None:
        begun.append(asyncio.get_running_loop().time())

    await play_round(((Cue({}), Cue({}, pause_s=0.05)),), play)
    assert begun[1] - begun[0] >= 0.045


def test_the_sample_programme_is_one_long_call_one_on_hold_and_one_that_ends() -> None:
    """The long one loses a stream, and only that one; the hold falls into the first minute, and lasts to be seen."""
    (long,), (held,), (short,) = sample_calls()
    assert long.call["title"].startswith("Harbor Bikes")
    assert [cue.cut is None for cue in (long, held, short)] == [False, True, True]
    assert [len(cue.call["steps"]) for cue in (long, held, short)] == [0, 2, 0]
    assert long.pause_s == 0 < held.pause_s < short.pause_s
    hold, resume = held.call["steps"]
    assert (hold["do"], resume["do"], hold["label"]) == ("hold", "resume", resume["label"])
    assert 20 <= resume["at"] - hold["at"] <= 40
    assert held.pause_s + resume["at"] < 60


@pytest.mark.parametrize(
    ("title", "begins"),
    [("Harbor Bikes: a late delivery", "harbor-bikes"), ("", "demo"), ("…", "demo"), ("Q & A", "q-a")],
)
def test_a_room_is_named_after_its_call_and_never_used_twice(title: str, begins: str) -> None:
    """Only letters, digits and dashes: it stands in addresses."""
    one, other = room_for({"title": title}), room_for({"title": title})
    assert re.fullmatch(rf"{begins}-[0-9a-f]{{6}}", one)
    assert one != other


def test_a_call_without_a_title_has_a_room_too() -> None:
    """A scenario file needs none."""
    assert room_for({}).startswith("demo-")


def test_once_without_a_recording_plays_the_short_sample_call_alone() -> None:
    """Who waits for a transcript gets one in a minute and a half."""
    [[cue]] = _programme(None, None, once=True)
    assert cue.call == short_call()
    assert len(_programme(None, None, once=False)) > 1
