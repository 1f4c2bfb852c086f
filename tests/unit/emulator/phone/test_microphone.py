"""Frames from a browser, heard one per tick."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sidecar.emulator.frames import FRAME_BYTES
from sidecar.emulator.phone.microphone import MAX_FRAMES, START_FRAMES, Microphone
from sidecar.emulator.sound.track import SILENT_FRAME


def frame(n: int) -> bytes:
    return bytes([n % 200]) * FRAME_BYTES


def fed(count: int) -> Microphone:
    microphone = Microphone()
    microphone.frame(0)
    for n in range(count):
        microphone.take(frame(n))
    return microphone


def test_it_is_silent_until_enough_has_come_and_then_loses_nothing() -> None:
    microphone = fed(START_FRAMES - 1)
    assert microphone.frame(1) is SILENT_FRAME
    microphone.take(frame(START_FRAMES - 1))
    assert [microphone.frame(tick) for tick in range(2, 2 + START_FRAMES)] == [frame(n) for n in range(START_FRAMES)]
    assert (microphone.taken, microphone.lost) == (START_FRAMES, 0)


def test_after_a_break_it_gathers_again() -> None:
    """One late frame does not make the rest stutter."""
    microphone = fed(START_FRAMES)
    for tick in range(1, START_FRAMES + 2):
        microphone.frame(tick)
    microphone.take(frame(7))
    assert microphone.frame(START_FRAMES + 2) is SILENT_FRAME


def test_too_much_at_once_loses_the_oldest_and_counts_it() -> None:
    microphone = fed(MAX_FRAMES + 3)
    assert (microphone.frame(1), microphone.lost) == (frame(3), 3)


def test_what_was_said_while_nobody_heard_is_not_heard_late() -> None:
    microphone = fed(MAX_FRAMES)
    assert microphone.frame(50) == frame(MAX_FRAMES - START_FRAMES)
    assert microphone.lost == MAX_FRAMES - START_FRAMES


def test_a_frame_of_another_size_is_counted_and_dropped() -> None:
    microphone = fed(0)
    microphone.take(b"x" * 159)
    assert (microphone.taken, microphone.lost) == (0, 1)


def test_a_recording_is_heard_instead() -> None:
    microphone = fed(START_FRAMES)
    microphone.put(1, b"a" * FRAME_BYTES)
    assert [microphone.frame(1), microphone.frame(2)] == [b"a" * FRAME_BYTES, frame(1)]


@given(st.lists(st.integers(0, 4), max_size=60))
def test_whatever_the_rhythm_what_is_heard_is_in_order_and_the_rest_is_counted(rhythm: list[int]) -> None:
    """Each number: how many frames come before the next tick."""
    microphone, sent, heard = Microphone(), 0, []
    for tick, count in enumerate(rhythm):
        for _ in range(count):
            microphone.take(bytes([sent]) * FRAME_BYTES)
            sent += 1
        sound = microphone.frame(tick)
        if sound is not SILENT_FRAME:
            heard.append(sound[0])
    assert heard == sorted(set(heard))
    assert len(heard) + microphone.lost <= sent <= len(heard) + microphone.lost + MAX_FRAMES
