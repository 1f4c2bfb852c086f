"""The page says what was measured, and which promises were broken, with the seed."""

from __future__ import annotations

from typing import Any

import msgspec

from chaos.oracle import Verdict
from chaos.report import broken, page, summary
from chaos.run import Outcome

MACHINE = {"date": "2026-11-23", "cores": 2, "load_before": [0.1], "python": "3.11.7", "system": "Linux x86_64"}


def results(**changes: Any) -> dict[str, Any]:
    """One call with many drops, and what was wrong with it."""
    verdict = Verdict(said=1_000, heard=990, in_gaps=10, gaps={"recogniser_failed": 3}, gap_ms=4_000)
    outcome = Outcome(
        suite="drops", seed=7, participants=24, seconds=100.0, blows={"drop": 200}, drops=200, kills=1, verdict=verdict,
        reconnects=12, committed_lost=0, ready_s=[1.5], ready_cpu_s=[1.1], forks_back_s=[2.5],
        captions_back_ms=[100, 200, 300], captions_ms=[50], log={}, faults=[], late=[],
    )  # fmt: skip
    calls = [msgspec.to_builtins(msgspec.structs.replace(outcome, **changes))]
    return {"machine": MACHINE, "seed": 7, "jitter_ms": 150, "calls": calls}


def test_a_good_run_has_nothing_to_complain_of() -> None:
    assert broken(results()) == []
    told = page(results())
    assert "Every promise was kept." in told
    assert "| drops | 1 | 1,000 | 10 (1.0%) | 0 | 0 | 0 | 0 | 0 | 0 |" in told
    assert "p50 200 ms, p95 300 ms (3)" in told
    assert "All forks back after a kill: p50 2.5 s, most 2.5 s (1)." in told


def test_what_is_broken_is_named_with_the_seed_that_shows_it() -> None:
    told = results(faults=["2 lost: par_1:4, par_1:5", "reader 1: 1 doubled: 17"], late=["forks were not back"])
    assert broken(told) == [
        "drops --seed 7: 2 lost: par_1:4, par_1:5",
        "drops --seed 7: reader 1: 1 doubled: 17",
        "drops --seed 7: forks were not back",
    ]
    assert "- drops --seed 7: 2 lost: par_1:4, par_1:5" in page(told)
    assert "| 1 | 0 |" in summary(told)


def test_one_doubled_word_in_two_hundred_drops_is_within_the_promise_and_two_are_not() -> None:
    one, two = (Verdict(said=9, heard=9, doubled=[f"par_1:{n}" for n in range(count)]) for count in (1, 2))
    assert broken(results(verdict=one, faults=one.faults)) == []
    assert broken(results(verdict=two, faults=two.faults)) == ["drops: 2 words doubled in 200 drops"]
