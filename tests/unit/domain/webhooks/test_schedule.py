"""When a delivery is tried again, when it has failed, and when its endpoint is given up."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.webhooks.endpoints import DeliveryState, Outcome
from sidecar.domain.webhooks.schedule import (
    ATTEMPTS_MOST,
    DISABLE_AFTER,
    RETRIES,
    Health,
    health_after,
    verdict,
)
from tests.facts import NOON

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FAILURES = [outcome for outcome in Outcome if outcome not in (Outcome.DELIVERED, Outcome.GONE)]


def test_the_schedule_lasts_more_than_75_hours_in_ten_attempts() -> None:
    assert ATTEMPTS_MOST == 10
    assert sum(RETRIES, timedelta(0)) > 75 * HOUR


@given(st.sampled_from(FAILURES), st.integers(1, ATTEMPTS_MOST - 1), st.floats(0, 1))
def test_a_failure_is_tried_again_after_its_wait_and_up_to_a_fifth_more(
    outcome: Outcome, tries: int, chance: float
) -> None:
    follows = verdict(outcome, tries=tries, now=NOON, chance=chance)
    assert follows.state is DeliveryState.PENDING
    assert follows.next_at is not None
    assert RETRIES[tries - 1] <= follows.next_at - NOON <= RETRIES[tries - 1] * 1.2


@given(st.sampled_from(FAILURES))
def test_the_tenth_failure_is_the_last(outcome: Outcome) -> None:
    follows = verdict(outcome, tries=ATTEMPTS_MOST, now=NOON, chance=0)
    assert (follows.state, follows.next_at, follows.reason) == (DeliveryState.FAILED, None, "attempts_exhausted")


def test_what_arrived_is_delivered_and_what_is_gone_is_not_tried_again() -> None:
    assert verdict(Outcome.DELIVERED, tries=ATTEMPTS_MOST, now=NOON, chance=0).state is DeliveryState.DELIVERED
    gone = verdict(Outcome.GONE, tries=1, now=NOON, chance=0)
    assert (gone.state, gone.reason) == (DeliveryState.FAILED, "endpoint_gone")


@pytest.mark.parametrize(
    ("asked", "waited"),
    [(timedelta(seconds=1), RETRIES[0]), (HOUR, HOUR), (30 * DAY, DAY), (timedelta(0), RETRIES[0])],
)
def test_a_receiver_s_wish_to_wait_is_honoured_up_to_a_day(asked: timedelta, waited: timedelta) -> None:
    assert verdict(Outcome.THROTTLED, tries=1, now=NOON, chance=0, retry_after=asked).next_at == NOON + waited


def after(*attempts: tuple[timedelta, Outcome]) -> Health:
    health = Health()
    for at, outcome in attempts:
        health = health_after(health, outcome, NOON + at)
    return health


def test_five_days_of_nothing_but_failures_disable_an_endpoint() -> None:
    each_day = [(n * DAY, Outcome.REFUSED) for n in range(5)]
    assert after(*each_day).disable == ""
    assert after(*each_day, (DISABLE_AFTER, Outcome.TIMED_OUT)).disable == "only_failures"


def test_one_success_among_them_begins_anew() -> None:
    days = [(n * DAY, Outcome.DELIVERED if n == 3 else Outcome.REFUSED) for n in range(8)]
    assert after(*days) == Health(failing_since=NOON + 4 * DAY, last_failed_at=NOON + 7 * DAY)


def test_failures_far_apart_are_not_five_days_of_failures() -> None:
    """An endpoint that is told something once a week, and was down both times."""
    assert after((timedelta(0), Outcome.UNREACHABLE), (7 * DAY, Outcome.UNREACHABLE)).disable == ""


def test_gone_disables_at_once() -> None:
    assert after((timedelta(0), Outcome.GONE)).disable == "gone"


def test_attempts_that_are_told_out_of_order_count_by_their_time() -> None:
    health = after((2 * HOUR, Outcome.REFUSED), (HOUR, Outcome.REFUSED))
    assert health.last_failed_at == NOON + 2 * HOUR
