"""What is heard on a track, tick by tick."""

from __future__ import annotations

import base64

from hypothesis import given
from hypothesis import strategies as st

from sidecar.emulator.frames import FRAME_BYTES
from sidecar.emulator.sound.track import AudioTrack, ticks_of

SILENT = b"\xff" * FRAME_BYTES


def heard(track: AudioTrack, first: int, last: int) -> bytes:
    return b"".join(base64.b64decode(track.base64_frame(tick)) for tick in range(first, last + 1))


def test_nothing_to_say_is_silence() -> None:
    """Frames come all the same, filled with the byte of silence."""
    assert heard(AudioTrack(), 1, 3) == SILENT * 3


def test_a_recording_is_heard_at_its_tick_and_filled_up_with_silence() -> None:
    """Not a byte is lost, and the last frame is whole."""
    track = AudioTrack()
    assert track.put(3, b"a" * 200) == 5
    assert heard(track, 1, 6) == SILENT * 2 + b"a" * 200 + b"\xff" * 120 + SILENT * 2


def test_a_recording_waits_for_the_one_before_it() -> None:
    """A person says one thing after the other."""
    track = AudioTrack()
    track.put(1, b"a" * 320)
    assert track.put(2, b"b" * 160) == 4
    assert heard(track, 1, 4) == b"a" * 320 + b"b" * 160 + SILENT


def test_two_streams_that_ask_for_a_tick_hear_the_same() -> None:
    """The second asks for free."""
    track = AudioTrack()
    track.put(1, b"a" * 160)
    assert track.base64_frame(1) is track.base64_frame(1)


def test_a_skipped_tick_is_lost_and_what_follows_keeps_its_place() -> None:
    """After a standstill of the clock the recording goes on where it would be by now."""
    track = AudioTrack()
    track.put(1, b"a" * 160 + b"b" * 160 + b"c" * 160)
    assert heard(track, 1, 1) + heard(track, 3, 3) == b"a" * 160 + b"c" * 160


@given(st.lists(st.tuples(st.integers(1, 60), st.binary(min_size=1, max_size=900)), max_size=6))
def test_every_byte_is_heard_once_and_in_order(clips: list[tuple[int, bytes]]) -> None:
    """Whatever the times: each recording is found whole, behind the one before."""
    track, ends = AudioTrack(), [0]
    ends += [track.put(tick, audio) for tick, audio in clips]
    everything = heard(track, 0, max(ends) + 1)
    for end, (_, audio) in zip(ends[1:], clips, strict=True):
        begin = (end - ticks_of(audio)) * FRAME_BYTES
        assert everything[begin : begin + len(audio)] == audio
    assert ends == sorted(ends)
