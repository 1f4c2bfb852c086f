"""Stretches of time during which something was so, against sets of milliseconds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.spans import SPANS_KEPT, Hearing, Spans

switches = st.lists(st.tuples(st.booleans(), st.integers(0, 60)), max_size=12).map(
    lambda pairs: [(on, at) for (on, _), at in zip(pairs, sorted(at for _, at in pairs), strict=True)]
)
stretch = st.tuples(st.integers(0, 70), st.integers(0, 70)).map(lambda ends: (min(ends), max(ends)))


def played(told: list[tuple[bool, int]]) -> Spans:
    spans = Spans()
    for on, at in told:
        spans = spans.switched(on, at)
    return spans


def moments(told: list[tuple[bool, int]], until: int) -> set[int]:
    """The milliseconds during which it was so."""
    if not told:
        return set()
    ends = [at for _, at in told[1:]] + [max([until, *(at for _, at in told)])]
    return {ms for (on, at), end in zip(told, ends, strict=True) if on for ms in range(at, end)}


@given(switches, stretch)
def test_what_is_left_of_a_stretch_is_exactly_what_lies_outside(
    told: list[tuple[bool, int]], whole: tuple[int, int]
) -> None:
    left = played(told).outside(*whole)
    assert {ms for start, end in left for ms in range(start, end)} == set(range(*whole)) - moments(told, whole[1])
    assert all(start < end for start, end in left)
    assert left == sorted(left)


@given(switches, stretch)
def test_a_stretch_touches_if_they_share_a_millisecond(told: list[tuple[bool, int]], whole: tuple[int, int]) -> None:
    assert played(told).touch(*whole) == bool(set(range(*whole)) & moments(told, whole[1]))


def test_time_that_goes_back_makes_no_overlap_and_old_stretches_are_forgotten() -> None:
    assert played([(True, 50), (False, 40), (True, 10), (False, 60)]).closed == ((10, 60),)
    many = played([(n % 2 == 0, n) for n in range(4 * SPANS_KEPT)])
    assert len(many.closed) == SPANS_KEPT
    assert many.closed[-1] == (4 * SPANS_KEPT - 2, 4 * SPANS_KEPT - 1)


def test_a_stream_may_begin_while_its_participant_rests() -> None:
    hearing = Hearing(rests=True)
    assert hearing.resting_at(1)
    hearing.switch(rests=False, coaching=True, at_ms=4_000)
    assert (hearing.resting_at(4_000), hearing.rests.closed, hearing.coaching.since) == (False, ((0, 4_000),), 4_000)


def test_what_comes_late_was_said_before_and_still_rests() -> None:
    hearing = Hearing()
    hearing.switch(rests=True, coaching=False, at_ms=1_000)
    hearing.switch(rests=False, coaching=False, at_ms=2_000, heard_from_ms=3_000)
    assert [hearing.resting_at(ms) for ms in (2_500, 2_999, 3_000)] == [True, True, False]
    hearing.switch(rests=True, coaching=False, at_ms=2_600)
    assert hearing.resting_at(2_700)
    assert hearing.rests.since == 3_000


def test_a_stream_that_begins_knows_the_pauses_of_its_conference() -> None:
    assert Hearing(pauses=Spans(since=500)).resting_at(9_000)
    ended_just_now = Hearing(pauses=Spans(closed=((500, 9_100),)))
    assert [ended_just_now.resting_at(ms) for ms in (9_050, 9_100)] == [True, False]
