"""Frames find their place on the conference clock, whatever their sizes, holes and jumps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.stream_clock import MAX_PADDING_MS, StreamClock, loses_speech

FRAME = 160  # bytes: 20 ms


def test_steady_frames_lie_end_to_end() -> None:
    """A hundred frames of 20 ms are two seconds from the stream's base."""
    clock = StreamClock(5_000)
    for n in range(100):
        placed = clock.place(n + 2, n * 20, FRAME)
        assert (placed.use, placed.padding_ms, placed.hole) == (True, 0, None)
    assert (clock.audio_ms, clock.now_ms) == (2_000, 7_000)
    assert clock.conference_ms(500) == 5_500


def test_a_hole_is_padded_so_that_later_times_stay_true() -> None:
    """400 ms are missing: silence stands for them, and the frame behind keeps its time."""
    clock = StreamClock(0)
    clock.place(2, 0, FRAME)
    placed = clock.place(3, 420, FRAME)
    assert (placed.padding_ms, placed.hole) == (400, (20, 420))
    assert clock.now_ms == 440
    assert clock.audio_ms == 440


def test_a_very_long_hole_ties_the_clock_anew_instead_of_padding() -> None:
    """The recogniser is not fed minutes of silence, and its times are still told right."""
    clock = StreamClock(0)
    clock.place(2, 0, FRAME)
    placed = clock.place(3, 60_020, FRAME)
    assert (placed.padding_ms, placed.hole) == (0, (20, 60_020))
    assert clock.audio_ms == 40
    assert clock.now_ms == 60_040
    assert clock.conference_ms(10) == 10
    assert clock.conference_ms(30) == 60_030
    assert clock.place(4, 60_040, FRAME).hole is None


def test_small_jitter_is_no_hole_but_does_not_add_up_unseen() -> None:
    """Each frame is 21 ms behind the one before: the drift is made good as soon as it passes 60 ms."""
    clock = StreamClock(0)
    holes = [clock.place(n + 2, n * 21, FRAME).hole for n in range(200)]
    assert any(holes)
    assert abs(clock.now_ms - (199 * 21 + 20)) <= 61


def test_duplicates_are_dropped_and_counted() -> None:
    """A sequence number not above the last one was heard already."""
    clock = StreamClock(0)
    clock.place(5, 0, FRAME)
    assert not clock.place(5, 0, FRAME).use
    assert not clock.place(4, 20, FRAME).use
    assert clock.duplicates == 2
    assert clock.now_ms == 20


def test_without_sequence_numbers_nothing_is_a_duplicate() -> None:
    """0 means that the number is not known."""
    clock = StreamClock(0)
    assert clock.place(0, 0, FRAME).use
    assert clock.place(0, 20, FRAME).use


def test_a_backward_timestamp_goes_on_from_where_we_are() -> None:
    """The sender's clock was reset: time never runs back."""
    clock = StreamClock(1_000)
    for n in range(50):
        clock.place(n + 2, n * 20, FRAME)
    assert clock.place(60, 0, FRAME).hole is None
    assert clock.place(61, 20, FRAME).hole is None
    assert clock.backward_jumps == 1
    assert clock.now_ms == 1_000 + 52 * 20


def test_the_first_timestamp_counts_from_the_stream_s_start() -> None:
    """A stream whose first frame says 300 ms began 300 ms earlier."""
    clock = StreamClock(1_000)
    clock.place(2, 300, FRAME)
    assert clock.conference_ms(0) == 1_300


def test_frames_that_were_read_late_say_that_the_stream_began_earlier() -> None:
    """Busy for 900 ms at the stream's beginning, and again later on, which says nothing."""
    clock = StreamClock(5_900)
    arrivals = [max(5_900, 5_020 + n * 20) if n < 80 else 7_500 for n in range(100)]
    for n, arrived_ms in enumerate(arrivals):
        clock.place(n + 2, n * 20, FRAME, arrived_ms=arrived_ms)
    assert (clock.conference_ms(0), clock.now_ms) == (5_000, 7_000)


@given(delays=st.lists(st.integers(0, 1_500), min_size=1, max_size=200), settled_at=st.integers(0, 199))
def test_however_late_frames_are_read_no_time_goes_back_and_one_in_time_sets_it_right(
    delays: list[int], settled_at: int
) -> None:
    """The stream began at second 10 of the conference. Frames keep their order, so one that is late delays others."""
    began, arrived, last = 10_000, 10_000 + delays[0], 0
    clock = StreamClock(arrived)  # when the start message was read, which comes before any frame
    in_time = settled_at % len(delays)
    for n, delay in enumerate(delays):
        own = began + n * 20 + 20
        arrived = max(arrived, own + (0 if n == in_time else delay))
        late = arrived - own
        settling = clock.settling
        clock.place(n + 2, n * 20, FRAME, arrived_ms=arrived if settling else None)
        assert last <= clock.now_ms
        last = clock.now_ms
        if settling:
            assert clock.conference_ms(0) <= began + late
        assert clock.conference_ms(0) >= began
    times = [clock.conference_ms(ms) for ms in range(0, clock.audio_ms, 20)]
    assert times == sorted(times)


@given(
    st.lists(st.tuples(st.integers(1, 4000), st.integers(0, 3_000), st.booleans()), min_size=1, max_size=60),
    st.integers(0, 10**7),
)
def test_time_never_runs_back_and_audio_adds_up(frames: list[tuple[int, int, bool]], base: int) -> None:
    """Any sizes, any forward and backward jumps: padding plus frames is the audio, and the clock is monotonic."""
    clock, handed_on, timestamp, last = StreamClock(base), 0.0, 0, base
    for n, (size, jump, back) in enumerate(frames):
        placed = clock.place(n + 1, timestamp, size)
        handed_on += placed.padding_ms + size / 8
        assert placed.padding_ms <= MAX_PADDING_MS
        if placed.hole:
            assert placed.hole[0] < placed.hole[1]
        assert clock.now_ms >= last
        last = clock.now_ms
        timestamp = max(0, timestamp - jump) if back else timestamp + size // 8 + jump
    assert abs(clock.audio_ms - handed_on) <= len(frames)
    times = [clock.conference_ms(ms) for ms in range(0, clock.audio_ms, 50)]
    assert times == sorted(times)


@pytest.mark.parametrize(("length", "speaking", "lost"), [(80, False, False), (80, True, True), (250, False, True)])
def test_a_short_hole_in_silence_loses_no_speech(length: int, speaking: bool, lost: bool) -> None:
    """Long enough for a word, or torn into one: then it is a gap."""
    assert loses_speech((1_000, 1_000 + length), speaking=speaking) is lost
