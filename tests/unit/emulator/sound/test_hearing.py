"""Who is handed what, tick by tick; and that nobody's listening costs nothing."""

from __future__ import annotations

from datetime import UTC, datetime

from sidecar.emulator.assumptions import Assumptions
from sidecar.emulator.frames import FRAME_BYTES
from sidecar.emulator.sound.hearing import Heard, Hearing
from sidecar.emulator.sound.ticker import Ticker
from sidecar.emulator.sound.track import SILENT_FRAME, AudioTrack
from sidecar.emulator.state import Account, Conference, ConferenceStatus, Participant, State

NOW = datetime(2026, 11, 2, 9, 15, tzinfo=UTC)
SPOKEN = b"\x15" * FRAME_BYTES
PLAYED = b"\x25" * FRAME_BYTES


class CountingTicker(Ticker):
    """A clock that the test turns on by hand."""

    @property
    def listeners(self) -> int:
        return len(self._listeners)

    def turn(self) -> None:
        self.tick += 1
        for listener in list(self._listeners):
            listener(self.tick)


class Room:
    """Ann and Ben on a call; Ann speaks in each tick."""

    def __init__(self) -> None:
        self.state, self.ticker = State(account=Account("AC1", "t")), CountingTicker()
        people = {
            sid: Participant(
                call_sid=sid,
                label=sid,
                muted=False,
                hold=False,
                start_on_enter=True,
                end_on_exit=False,
                joined_at=NOW,
                updated_at=NOW,
            )
            for sid in ("ann", "ben")
        }
        self.conference = Conference(
            sid="CF1", room="r", status=ConferenceStatus.IN_PROGRESS, callback=None, created_at=NOW, updated_at=NOW,
            participants=people,
        )  # fmt: skip
        self.state.conferences["CF1"] = self.conference
        self.tracks = {sid: {"inbound": AudioTrack(), "outbound": AudioTrack()} for sid in people}
        self.tracks["ann"]["inbound"].put(1, SPOKEN * 10)
        self.assumptions = Assumptions()
        self.hearing = Hearing(self.state, self.ticker, self.tracks.get, self.assumptions)


def test_a_listener_and_a_caller_hear_who_speaks_until_they_close() -> None:
    room, listener, ben, ann = Room(), list[bytes](), list[bytes](), list[bytes]()
    ears = [
        room.hearing.listen("CF1", listener.append),
        room.hearing.answer("ben", ben.append),
        room.hearing.answer("ann", ann.append),
    ]
    room.ticker.turn()
    assert (listener, ben, ann) == ([SPOKEN], [SPOKEN], [SILENT_FRAME])
    for ear in ears:
        room.hearing.close(ear)
    room.ticker.turn()
    assert len(listener) == 1


def test_without_ears_the_clock_does_not_know_the_mixer() -> None:
    """Demos without a hearer cost nothing."""
    room = Room()
    assert room.ticker.listeners == 0
    ears = [room.hearing.listen("CF1", lambda _: None) for _ in range(2)]
    assert room.ticker.listeners == 1
    room.hearing.close(ears[0])
    assert room.ticker.listeners == 1
    room.hearing.close(ears[1])
    room.hearing.close(ears[1])
    assert room.ticker.listeners == 0


def test_what_is_played_to_a_call_is_heard_by_that_call_instead_of_the_room() -> None:
    """As an announcement to one participant."""
    room, listener, ben = Room(), list[bytes](), list[bytes]()
    room.tracks["ben"]["outbound"].put(1, PLAYED)
    room.hearing.listen("CF1", listener.append)
    room.hearing.answer("ben", ben.append)
    room.ticker.turn()
    room.ticker.turn()
    assert (ben, listener) == ([PLAYED, SPOKEN], [SPOKEN, SPOKEN])


def test_a_call_outside_every_room_and_a_conference_that_is_unknown_are_silent() -> None:
    room, heard = Room(), list[bytes]()
    del room.conference.participants["ben"]
    room.hearing.answer("ben", heard.append)
    room.hearing.listen("CF9", heard.append)
    room.ticker.turn()
    assert heard == [SILENT_FRAME, SILENT_FRAME]


def test_two_ears_of_one_room_ask_each_speaker_once() -> None:
    """The frames are the same object: one mix for all who hear the same."""
    room, first, second = Room(), list[bytes](), list[bytes]()
    room.hearing.listen("CF1", first.append)
    room.hearing.listen("CF1", second.append)
    room.ticker.turn()
    assert first[0] is second[0]


def test_an_application_hears_the_others_and_under_another_assumption_itself() -> None:
    """As a track: what is played to the call comes instead; outside of a room it is silent."""
    room = Room()
    ann, ben = Heard(room.hearing, "ann"), Heard(room.hearing, "ben")
    assert (ann.frame(1), ben.frame(1)) == (SILENT_FRAME, SPOKEN)
    room.assumptions.own_voice = "heard"
    assert (ann.frame(2), ben.frame(2)) == (SPOKEN, SPOKEN)
    room.tracks["ben"]["outbound"].put(3, PLAYED)
    assert (ann.frame(3), ben.frame(3)) == (SPOKEN, PLAYED)
    del room.conference.participants["ann"]
    assert ann.frame(4) is SILENT_FRAME
