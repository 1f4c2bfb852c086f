"""Echoes that a tester holds back."""

from __future__ import annotations

from sidecar.emulator.faults.late_marks import LateMarks
from sidecar.emulator.faults.orders import DelayMarks, LoseMarks


def test_without_an_order_all_go_through_at_once() -> None:
    """In their order."""
    assert LateMarks().let_through(["a", "b"], 1) == ["a", "b"]


def test_marks_are_lost_then_late_and_those_behind_overtake_them() -> None:
    """As many as were ordered; a late one comes once."""
    late = LateMarks()
    late.order(LoseMarks(stream="MZ1", count=1))
    late.order(DelayMarks(stream="MZ1", count=2, seconds=0.1))
    assert late.let_through(["lost", "late", "later"], 7) == []
    assert late.let_through(["next"], 11) == ["next"]
    assert late.let_through(["last"], 12) == ["late", "later", "last"]
    assert late.let_through([], 13) == []
