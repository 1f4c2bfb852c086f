"""A short call of ``make chaos``: processes, real sockets, everything at once, and what became of each word."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaos.run import run
from chaos.schedule import Blow, Plan

pytestmark = pytest.mark.timeout(240)

BLOWS = (
    Blow(at_s=2.2, kind="drop", who=0),
    Blow(at_s=2.2, kind="lock", seconds=0.8),
    Blow(at_s=2.6, kind="callbacks_twice"),
    Blow(at_s=3.0, kind="cut", who=1),
    Blow(at_s=3.4, kind="close_1011", who=2),
    Blow(at_s=6.8, kind="kill"),  # what the fourth said first is stored by now
)


async def test_every_word_of_a_short_call_is_there_once_or_in_a_gap_whatever_happens(tmp_path: Path) -> None:
    """And the database, three readers of the event stream and the export say the same."""
    outcome = await run(Plan("test", 11, participants=4, seconds=9.0, jitter_ms=150, blows=BLOWS), tmp_path)
    assert outcome.faults == []
    assert outcome.verdict.said == 64
    assert outcome.verdict.heard > 0
    assert (outcome.kills, outcome.committed_lost) == (1, 0)
    assert outcome.blows == {"drop": 1, "callbacks_twice": 1, "cut": 1, "close_1011": 1, "lock": 1, "kill": 1}
