"""What becomes of a service's messages, without sockets."""

from __future__ import annotations

import base64
import json

from sidecar.emulator.debugger import ErrorNumber
from sidecar.emulator.frames import FRAME_BYTES
from sidecar.emulator.playout import MAX_BYTES, Playout
from sidecar.emulator.stream_listener import Nobody, Player

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
    player = Player(SID, Playout(), notes.note)
    assert player.hear(mark("empty")) == ["empty"]
    assert [*player.hear(media(2 * FRAME_BYTES)), *player.hear(mark("end"))] == []
    assert [list(player.play(tick)) for tick in (1, 2, 3)] == [[], [], ["end"]]
    assert [*player.hear(media(9 * FRAME_BYTES)), *player.hear(mark("never heard"))] == []
    assert player.hear(message("clear")) == ["never heard"]
    assert notes == []


def test_each_kind_of_mistake_is_noted_once_and_ignored() -> None:
    """31951 for a message that cannot be read, 31924 for one that is no text, 31931 for more than ten minutes."""
    notes = Notes()
    player = Player(SID, Playout(), notes.note)
    for text in ("{", mark("a").replace(SID, "MZ2"), None, None, media(MAX_BYTES), media(1), media(1)):
        assert not player.hear(text)
    assert notes == [31951, 31924, 31931]
    assert player.hear(mark("late")) == []
    player.end()
    assert player.hear(mark("empty again")) == ["empty again"]


def test_on_a_fork_whatever_comes_is_noted_once() -> None:
    """31924, and nothing is echoed."""
    notes = Notes()
    nobody = Nobody(notes.note)
    assert [*nobody.hear(mark("a")), *nobody.hear(None), *nobody.play(1)] == []
    nobody.end()
    assert notes == [31924]
