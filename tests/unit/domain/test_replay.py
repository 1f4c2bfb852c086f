"""What is kept, what is missing, and where a new session begins."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.replay import BYTES_PER_MS, CATCH_UP_MS, LEAD_IN_MS, RING_MS, SHORTEST_MS, Replay


def heard(*parts: tuple[int, bool]) -> Replay:
    """Audio in pieces of 20 ms; ``parts``: for how long, and whether there is sound."""
    replay = Replay()
    for length_ms, sound in parts:
        for at in range(0, length_ms, 20):
            replay.hear(
                bytes([at // 20 % 250]) * (min(20, length_ms - at) * BYTES_PER_MS),
                [(0, min(20, length_ms - at))] if sound else [],
            )
    return replay


def test_a_listener_who_says_nothing_misses_nothing() -> None:
    replay = heard((20_000, False))
    assert replay.missing() == []
    assert replay.begin_live(at_once=False) == (20_000 - LEAD_IN_MS, 20_000)


def test_a_replay_begins_half_a_second_before_the_first_sound_that_is_not_covered() -> None:
    replay = heard((2_000, False), (1_000, True), (1_000, False), (1_000, True))
    replay.cover(0, 3_000)
    assert replay.missing() == [(4_000, 5_000)]
    assert replay.begin_live(at_once=False) == (3_500, 4_000)


def test_what_is_old_is_for_a_gap_lane_and_the_live_lane_begins_in_the_last_pause() -> None:
    replay = heard((1_000, False), (6_000, True), (500, False), (1_000, True))
    assert replay.begin_live(at_once=True) == (500, 1_000)
    live_ms, answers_ms = replay.begin_live(at_once=False)
    # Words begin and end softly: each lane hears its half of the pause.
    assert (live_ms, answers_ms) == (7_250, 7_500)
    assert replay.begin_gap_lane([(answers_ms, 1 << 60)]) == (500, 1_000, 7_250)


def test_amid_speech_the_two_lanes_overlap_so_that_no_word_is_torn() -> None:
    replay = heard((1_000, False), (6_000, True))
    assert replay.begin_live(at_once=False) == (7_000 - LEAD_IN_MS, 7_000)
    replay.hear(b"\x10" * (1_000 * BYTES_PER_MS), [(0, 1_000)])
    assert replay.begin_gap_lane([(7_000, 1 << 60)]) == (500, 1_000, 7_000 + LEAD_IN_MS)


def test_what_leaves_the_ring_unheard_is_lost_and_said() -> None:
    replay = heard((5_000, True), (RING_MS - 1_000, False))
    assert replay.tail_ms == 4_000
    assert replay.lost == (0, 4_000)
    assert replay.missing() == [(4_000, 5_000)]


def test_masked_audio_has_silence_where_it_is_covered() -> None:
    replay = heard((100, True))
    replay.cover(20, 40)
    audio = replay.audio(0, 60, masked=True)
    assert audio == replay.audio(0, 20) + b"\xff" * 160 + replay.audio(40, 60)


def test_memory_has_a_bound() -> None:
    """30 s of audio, and sounds and coverage of no more than that."""
    replay = heard(*[(100, True), (100, False)] * 400)
    assert len(replay.audio(0, replay.head_ms)) == RING_MS * BYTES_PER_MS
    assert len(replay.missing()) <= RING_MS // 200 + 1


spans = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=8)


@given(sounds=st.lists(st.tuples(st.integers(1, 40), st.booleans()), max_size=10), covered=spans)
def test_missing_is_sound_without_coverage(sounds: list[tuple[int, bool]], covered: list[tuple[int, int]]) -> None:
    """Checked against sets of moments; bits that are shorter than any word are left out."""
    replay = heard(*[(length * 100, sound) for length, sound in sounds])
    for start, length in covered:
        replay.cover(start * 100, (start + length) * 100)
    moments, at = set[int](), 0
    for length, sound in sounds:
        moments |= set(range(at, at + length)) if sound else set()
        at += length
    moments -= {moment for start, length in covered for moment in range(start, start + length)}
    moments -= set(range(replay.tail_ms // 100))  # gone from the ring
    told = {moment for start, end in replay.missing() for moment in range(start // 100, end // 100)}
    assert told == moments
    assert all(end - start >= SHORTEST_MS for start, end in replay.missing())
    live_ms, answers_ms = replay.begin_live(at_once=False)
    assert live_ms <= answers_ms <= replay.head_ms
    assert replay.head_ms - answers_ms <= CATCH_UP_MS or not moments
