"""What happens follows from the seed, and all of it is something that can happen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.blows import BLOWS
from chaos.schedule import CALM_S, MIXED, SUITES


@pytest.mark.parametrize("suite", SUITES)
@given(st.integers(0, 2**32))
def test_a_seed_gives_the_same_plan_again(suite: str, seed: int) -> None:
    plan = SUITES[suite](seed)
    assert plan == SUITES[suite](seed)
    assert plan.blows
    for blow in plan.blows:
        assert blow.kind in BLOWS
        assert blow.at_s >= CALM_S
        assert blow.who < plan.participants
    assert list(plan.blows) == sorted(plan.blows, key=lambda blow: blow.at_s)


@pytest.mark.parametrize("suite", SUITES)
def test_another_seed_gives_another_plan(suite: str) -> None:
    assert SUITES[suite](1).blows != SUITES[suite](2).blows


def test_everything_that_can_happen_does_so_in_some_mixed_call() -> None:
    assert set(MIXED) == set(BLOWS)
    happened = {blow.kind for seed in range(40) for blow in SUITES["mixed"](seed).blows}
    assert happened == set(BLOWS)
