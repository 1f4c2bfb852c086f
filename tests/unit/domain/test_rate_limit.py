"""A bucket that fills evenly."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain import rate_limit
from sidecar.domain.rate_limit import RateLimit


def test_a_burst_is_allowed_and_then_as_much_as_comes_back() -> None:
    limit = RateLimit(burst=3, per_minute=60)
    assert [limit.take("a", 100.0).left for _ in range(3)] == [2, 1, 0]
    refused = limit.take("a", 100.25)
    assert (refused.allowed, refused.retry_after_s, refused.full_in_s) == (False, 0.75, 2.75)
    assert limit.take("b", 100.25).allowed
    assert not limit.take("a", 100.9).allowed
    assert limit.take("a", 101.0).allowed
    assert [limit.take("a", 200.0).left for _ in range(3)] == [2, 1, 0]


def test_looking_takes_nothing() -> None:
    limit = RateLimit(burst=1, per_minute=1)
    assert all(limit.look("a", 0.0).allowed for _ in range(5))
    limit.take("a", 0.0)
    assert not limit.look("a", 59.0).allowed
    assert limit.look("a", 60.0).allowed


def test_many_names_do_not_fill_the_memory() -> None:
    limit = RateLimit(burst=1, per_minute=1)
    for n in range(3 * rate_limit.KEYS_MOST):
        limit.take(str(n), 0.0)
    assert len(limit._full_at) <= rate_limit.KEYS_MOST


@given(st.lists(st.floats(0, 30), max_size=60), st.integers(1, 5), st.integers(1, 120))
def test_whoever_waits_as_long_as_told_is_let_in_and_nobody_gets_more_than_burst_and_rate(
    pauses: list[float], burst: int, per_minute: int
) -> None:
    limit, now = RateLimit(burst=burst, per_minute=per_minute), 0.0
    for allowed, pause in enumerate(pauses, 1):
        now += pause
        taken = limit.take("a", now)
        if not taken.allowed:
            now += taken.retry_after_s
            taken = limit.take("a", now + 1e-5)
            assert taken.allowed
        assert 0 <= taken.left < burst
        assert allowed <= burst + (now + 1e-4) * per_minute / 60 + 1e-6
