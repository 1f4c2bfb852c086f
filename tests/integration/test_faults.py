"""The service beside an emulated Twilio that misbehaves: what it tells stays right."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.line import Line, running_line

pytestmark = pytest.mark.traced(False)  # its parts are shown one by one elsewhere


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    """Both in this process, on real ports."""
    async with running_line(tmp_path) as running:
        yield running


def types(events: list[dict[str, Any]]) -> list[str]:
    """What happened, without the order."""
    return sorted(event["type"] for event in events)


async def test_callbacks_out_of_order_twice_and_late_break_no_conference(line: Line) -> None:
    """Each participant joins and leaves once, holds and mutes end as they were last, the transcript is complete."""
    await line.order("reorder_callbacks", count=4, seconds=2)
    await line.order("duplicate_callbacks", count=3)
    await line.order("delay_callbacks", count=1, seconds=0.3)
    steps = [
        {"at": 0.1, "do": "hold", "label": "customer"},
        {"at": 0.2, "do": "mute", "label": "agent"},
        {"at": 0.4, "do": "resume", "label": "customer"},
        {"at": 0.5, "do": "unmute", "label": "agent"},
    ]
    await line.play(0.5, steps)
    events = await line.ended()
    told = types(events)
    for once in ("conference.started", "conference.ended", "transcript.completed"):
        assert told.count(once) == 1, told
    for per_participant in ("participant.joined", "participant.left", "fork.started", "fork.stopped"):
        assert told.count(per_participant) == 2, told
    people = {
        event["data"]["participant"]: event["data"] for event in events if event["type"].startswith("participant.")
    }
    assert len(people) == 2
    last = {
        event["data"]["participant"]: (event["data"]["hold"], event["data"]["muted"])
        for event in events
        if event["type"] in {"participant.joined", "participant.updated"}
    }
    assert set(last.values()) == {(False, False)}
    assert {fault["left"] for fault in (await line.state())["faults"]} == {0}


async def test_a_misbehaving_stream_costs_a_gap_and_never_the_fork(line: Line) -> None:
    """Doubled and lost frames, another socket with the same token, a lost connection whose REST fails first."""
    await line.play(20)
    live = await line.until(lambda state: sum(stream["status"] == "live" for stream in state["streams"]) == 2)
    one, other = (stream["sid"] for stream in live["streams"])
    await line.order("duplicate_frames", stream=one, count=50)
    await line.order("gap", stream=one, seconds=0.5)
    await line.order("second_socket", stream=one, seconds=5)
    await line.order("stall", stream=one, seconds=0.5)
    state = await line.until(lambda state: state["faults"][2]["outcome"] != "")
    assert "open to its end" not in state["faults"][2]["outcome"]
    assert line.service.refusals
    await line.order("fail_rest", count=1, path="/Streams")
    await line.order("half_open", stream=other, seconds=0.2)
    await line.service.until("fork.resumed")
    events = await line.service.events()
    assert types(events).count("fork.started") == 2
    assert types(events).count("fork.interrupted") == types(events).count("fork.resumed") >= 1
    assert "transcript.gap" in types(events)
    for call in (await line.state())["calls"]:
        assert call["status"] == "in-progress"
