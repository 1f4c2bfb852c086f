"""What a service sends is played once, in order, in real time; marks come when they are due."""

from __future__ import annotations

from collections import deque

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sidecar.emulator.frames import FRAME_BYTES
from sidecar.emulator.sound.track import SILENT_FRAME
from sidecar.emulator.streams import playout as playout_module
from sidecar.emulator.streams.playout import MAX_BYTES, MAX_MARKS, Playout


def frames(playout: Playout, count: int, first: int = 1) -> bytes:
    return b"".join(playout.frame(tick) for tick in range(first, first + count))


def test_audio_is_played_byte_by_byte_whatever_the_pieces() -> None:
    """A payload of 100 bytes and the next fill one tick together; the last tick is filled up with silence."""
    playout, audio = Playout(), bytes(range(250)) + bytes(range(100))
    for piece in (audio[:100], audio[100:130], b"", audio[130:]):
        assert playout.add(piece)
    heard = frames(playout, 4)
    assert heard == audio + SILENT_FRAME[: 3 * FRAME_BYTES - len(audio)] + SILENT_FRAME
    assert playout.frame(5) is SILENT_FRAME


def test_a_mark_is_due_when_the_audio_before_it_has_been_heard() -> None:
    """Not when it is handed out, which is a tick earlier; without anything before it, at once."""
    playout = Playout()
    playout.mark("at once")
    assert playout.take_due() == ["at once"]
    playout.add(bytes(FRAME_BYTES))
    playout.mark("first")
    playout.add(bytes(10))
    playout.mark("second")
    playout.mark("third")
    assert playout.take_due() == []
    playout.frame(1)
    assert playout.take_due() == []
    playout.mark("late")  # its turn comes behind those whose audio still sounds
    playout.frame(2)
    assert playout.take_due() == ["first"]
    playout.frame(3)
    assert playout.take_due() == ["second", "third", "late"]
    assert playout.take_due() == []


def test_what_is_dropped_is_never_heard_and_its_marks_are_due_at_once() -> None:
    """In their order, also those whose audio was sounding; what comes afterwards is played as ever."""
    playout = Playout()
    playout.add(bytes(FRAME_BYTES))
    playout.mark("sounding")
    playout.add(bytes(5 * FRAME_BYTES))
    playout.mark("waiting")
    playout.frame(1)
    playout.drop()
    assert playout.take_due() == ["sounding", "waiting"]
    assert playout.frame(2) is SILENT_FRAME
    playout.add(b"\x01" * FRAME_BYTES)
    assert playout.frame(3) == b"\x01" * FRAME_BYTES


def test_ten_minutes_wait_and_what_comes_beyond_is_thrown_away() -> None:
    """The whole of it; when something was played there is room again."""
    playout = Playout()
    assert playout.add(bytes(MAX_BYTES))
    assert not playout.add(b"1")
    playout.frame(1)
    assert playout.add(b"1")


def test_marks_without_end_are_refused() -> None:
    """Those that wait are kept."""
    playout = Playout()
    playout.add(bytes(FRAME_BYTES))
    assert all(playout.mark(str(n)) for n in range(MAX_MARKS))
    assert not playout.mark("one more")
    playout.drop()
    assert len(playout.take_due()) == MAX_MARKS
    assert playout.mark("again")


def test_a_recording_is_heard_instead_while_the_buffer_goes_on() -> None:
    """A document plays to the same ears; asking twice for a tick is free."""
    playout = Playout()
    playout.add(b"\x01" * 3 * FRAME_BYTES)
    playout.put(2, b"\x02" * FRAME_BYTES)
    assert playout.frame(1) == playout.frame(1) == b"\x01" * FRAME_BYTES
    assert frames(playout, 2, 2) == b"\x02" * FRAME_BYTES + b"\x01" * FRAME_BYTES


class Playing(RuleBasedStateMachine):
    """Against the plainest model: a list of bytes, and for each mark the number of bytes before it."""

    def __init__(self) -> None:
        super().__init__()
        self.playout, self.tick, self.names = Playout(), 0, 0
        self.bytes: deque[int] = deque()
        self.added = self.heard = 0
        self.marks: deque[tuple[str, int]] = deque()  # and how much must have been heard before
        self.due: list[str] = []

    @rule(audio=st.binary(max_size=500))
    def add(self, audio: bytes) -> None:
        self.playout.add(audio)
        self.bytes.extend(audio)
        self.added += len(audio)

    @rule()
    def mark(self) -> None:
        self.names += 1
        self.playout.mark(str(self.names))
        self.marks.append((str(self.names), self.added))
        self.settle()

    @rule()
    def drop(self) -> None:
        self.playout.drop()
        self.due += [name for name, _ in self.marks]
        self.marks.clear()
        self.added -= len(self.bytes)
        self.bytes.clear()
        self.heard = self.added

    @rule()
    def turn(self) -> None:
        self.tick += 1
        self.heard = self.added - len(self.bytes)
        self.settle()
        expected = bytes(self.bytes.popleft() for _ in range(min(FRAME_BYTES, len(self.bytes))))
        assert self.playout.frame(self.tick) == expected + SILENT_FRAME[len(expected) :]

    def settle(self) -> None:
        while self.marks and self.marks[0][1] <= self.heard:
            self.due.append(self.marks.popleft()[0])

    @invariant()
    def marks_are_due_as_the_model_says(self) -> None:
        assert self.playout.take_due() == self.due
        self.due = []


TestPlaying = Playing.TestCase
TestPlaying.settings = settings(max_examples=50)


@given(st.lists(st.binary(max_size=400), max_size=20))
def test_nothing_is_lost_or_invented(pieces: list[bytes]) -> None:
    """All bytes come out in their order, then silence."""
    playout, audio = Playout(), b"".join(pieces)
    for piece in pieces:
        playout.add(piece)
    ticks = -(-len(audio) // FRAME_BYTES)
    assert frames(playout, ticks)[: len(audio)] == audio
    assert playout.frame(ticks + 1) is SILENT_FRAME


def test_the_limit_is_ten_minutes() -> None:
    """8,000 bytes a second."""
    assert playout_module.MAX_BYTES == 600 * 8000
