"""One breaker per engine: when it opens, who listens meanwhile, and how it closes."""

from __future__ import annotations

import pytest

from sidecar.domain.errors import RecogniserUnavailable
from sidecar.runtime.engine_choice import FAILURES, PROBE_EVERY_S, WITHIN_S, EngineChoice
from tests.numbered_recogniser import NumberedRecogniser

FAILED = RecogniserUnavailable("It broke.")


class Choice:
    """Two engines, and a clock that the test moves."""

    def __init__(self) -> None:
        self.time = 0.0
        self.first, self.second = NumberedRecogniser("first"), NumberedRecogniser("second")
        self.engines = EngineChoice(self.first, self.second, now=lambda: self.time)


@pytest.fixture
def choice() -> Choice:
    return Choice()


def test_three_failures_within_half_a_minute_give_an_engine_up(choice: Choice) -> None:
    for _ in range(FAILURES):
        assert choice.engines.best() is choice.first
        choice.engines.failed("first", FAILED)
    assert choice.engines.best() is choice.second
    assert choice.engines.given_up("first")


def test_failures_far_apart_or_with_a_result_between_do_not(choice: Choice) -> None:
    for _ in range(10):
        choice.engines.failed("first", FAILED)
        choice.time += WITHIN_S / 2 + 1
    choice.engines.told("first")
    for _ in range(FAILURES - 1):
        choice.engines.failed("first", FAILED)
    assert choice.engines.best() is choice.first


def test_a_refusal_for_good_gives_it_up_at_once_and_want_of_room_never(choice: Choice) -> None:
    for _ in range(10):
        choice.engines.failed("first", RecogniserUnavailable("Full.", gap_reason="recogniser_overloaded"))
    assert not choice.engines.given_up("first")
    choice.engines.failed("first", RecogniserUnavailable("No credit.", permanent=True))
    assert choice.engines.given_up("first")


def test_one_probe_at_a_time_and_the_first_result_brings_it_back(choice: Choice) -> None:
    choice.engines.failed("first", RecogniserUnavailable("No credit.", permanent=True))
    assert choice.engines.probe() is None
    choice.time += PROBE_EVERY_S
    assert choice.engines.probe() is choice.first
    assert choice.engines.probe() is None
    choice.engines.failed("first", FAILED)
    assert choice.engines.best() is choice.second
    choice.engines.told("first")
    assert choice.engines.best() is choice.first


def test_an_engine_that_just_failed_a_fork_is_asked_by_it_only_if_no_other_can(choice: Choice) -> None:
    assert choice.engines.best({"first"}) is choice.second
    choice.engines.failed("second", RecogniserUnavailable("Broken.", permanent=True))
    assert choice.engines.best({"first"}) is choice.first


def test_the_service_is_ready_as_long_as_one_can_listen(choice: Choice) -> None:
    choice.first.away = FAILED
    choice.engines.check()
    choice.second.away = FAILED
    with pytest.raises(RecogniserUnavailable):
        choice.engines.check()
