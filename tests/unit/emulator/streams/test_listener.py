"""What becomes of a service's messages, without sockets."""

from __future__ import annotations

import base64
import json

from sidecar.emulator.debugger import ErrorNumber
from sidecar.emulator.frames import FRAME_BYTES
from sidecar.emulator.streams.listener import OneWay, TwoWay
from sidecar.emulator.streams.playout import MAX_BYTES, Playout

SID = "MZ1"


class Notes(list[int]):
    def note(self, number: ErrorNumber, _: str) -> None:
        self.append(int(number))


def message(event: str, **fields: object) -> str:
    return json.dumps({"event": event, "streamSid": SID, **fields})


def media(size: int) -> str:
    return message("media", media={"payload": base64.b64encode(bytes(size)).decode()})


def mark(name: str) -> str:
    return message("mark", mark={"name": name})


def test_marks_are_echoed_after_their_audio_and_at_once_after_a_clear() -> None:
    """At once as well when nothing waits."""
    notes = Notes()
    stream = TwoWay(SID, Playout(), notes.note)
    assert stream.hear(mark("empty")) == ["empty"]
    assert [*stream.hear(media(2 * FRAME_BYTES)), *stream.hear(mark("end"))] == []
    assert [list(stream.play(tick)) for tick in (1, 2, 3)] == [[], [], ["end"]]
    assert [*stream.hear(media(9 * FRAME_BYTES)), *stream.hear(mark("never heard"))] == []
    assert stream.hear(message("clear")) == ["never heard"]
    assert notes == []


def test_each_kind_of_mistake_is_noted_once_and_ignored() -> None:
    """31951 for a message that cannot be read, 31924 for one that is no text, 31931 for more than ten minutes."""
    notes = Notes()
    stream = TwoWay(SID, Playout(), notes.note)
    for text in ("{", mark("a").replace(SID, "MZ2"), None, None, media(MAX_BYTES), media(1), media(1)):
        assert not stream.hear(text)
    assert notes == [31951, 31924, 31931]
    assert stream.hear(mark("late")) == []


def test_a_stream_that_is_over_leaves_the_next_one_alone() -> None:
    """The buffer is empty for the next; what the old one still says, or ends once more, changes nothing."""
    notes, playout = Notes(), Playout()
    old, new = TwoWay(SID, playout, notes.note), TwoWay(SID, playout, notes.note)
    assert [*old.hear(media(9 * FRAME_BYTES)), *old.hear(mark("old"))] == []
    old.end()
    assert new.hear(mark("empty")) == ["empty"]
    assert [*new.hear(media(FRAME_BYTES)), *new.hear(mark("new"))] == []
    old.end()
    assert [*old.hear(message("clear")), *old.play(1)] == []
    assert [list(new.play(tick)) for tick in (2, 3)] == [[], ["new"]]


def test_on_a_fork_whatever_comes_is_noted_once() -> None:
    """31924, and nothing is echoed."""
    notes = Notes()
    fork = OneWay(notes.note)
    assert [*fork.hear(mark("a")), *fork.hear(None), *fork.play(1)] == []
    fork.end()
    assert notes == [31924]
