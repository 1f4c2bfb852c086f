"""A call on hold, over the emulator: its stream still carries what is said, and none of it is transcribed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.demo import recording, run_sidecar

HELD_S = (6.0, 12.0)
SPOKEN_AT_S = (0.0, 7.0, 13.0)  # four seconds each: before, on hold, afterwards
# From the hold at the desk to the callback's effect, and the pause of the line's start.
SLACK_MS = 2_000


@pytest.mark.timeout(120)
async def test_what_is_said_on_hold_is_in_no_line_and_in_no_gap(tmp_path: Path) -> None:
    """The same words three times, the second time on hold."""
    says = "\n".join(f'  {{ at = {at}, wav = "{recording("clone-test.wav")}" }},' for at in SPOKEN_AT_S)
    scenario = tmp_path / "hold.toml"
    scenario.write_text(
        f"""
        steps = [
          {{ at = {HELD_S[0]}, do = "hold", label = "customer" }},
          {{ at = {HELD_S[1]}, do = "resume", label = "customer" }},
        ]
        [[participants]]
        label = "agent"
        [[participants]]
        label = "customer"
        says = [
        {says}
        ]
        """
    )
    status, out, err = await run_sidecar("demo", "--once", "--json", "--scenario", str(scenario))
    assert status == 0, err
    document = json.loads(out)
    lines = document["utterances"]
    before = [line for line in lines if line["end_ms"] < HELD_S[0] * 1000 + SLACK_MS]
    after = [line for line in lines if line["start_ms"] > HELD_S[1] * 1000]
    assert before
    assert after
    assert len(before) + len(after) == len(lines), "nothing of what was said on hold"
    assert " ".join(line["text"] for line in before) == " ".join(line["text"] for line in after)
    assert document["gaps"] == []
