"""Who hears, and hands them what they hear, tick by tick. A conference that nobody hears is not mixed at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from sidecar.emulator.assumptions import Assumptions
from sidecar.emulator.sound.mixer import LISTENER, mix
from sidecar.emulator.sound.ticker import Ticker
from sidecar.emulator.sound.track import SILENT_FRAME, AudioTrack
from sidecar.emulator.state import State

Take = Callable[[bytes], None]
TracksOf = Callable[[str], Mapping[str, AudioTrack] | None]


class Ear(msgspec.Struct, frozen=True, eq=False):
    """Somebody who hears. ``call_sid`` is LISTENER for one who is on no call. ``take`` must be quick and not raise."""

    call_sid: str
    conference_sid: str
    take: Take


class Heard(AudioTrack):
    """What one call hears, as a track: for the application behind it, whose stream it is inbound on."""

    def __init__(self, hearing: Hearing, call_sid: str) -> None:
        super().__init__()
        self._hearing, self._call_sid = hearing, call_sid

    def _frame(self, tick: int) -> bytes:
        return self._hearing.frame(self._call_sid, tick)


class Hearing:
    """All ears. ``tracks_of``: the tracks of a call in progress, None when it is over."""

    def __init__(self, state: State, ticker: Ticker, tracks_of: TracksOf, assumptions: Assumptions) -> None:
        self._state, self._ticker, self._tracks_of = state, ticker, tracks_of
        self._assumptions = assumptions
        self._ears: list[Ear] = []

    def listen(self, conference_sid: str, take: Take) -> Ear:
        """Hear all that is said in the room from now on, without being in it; silence before and after it."""
        return self._open(Ear(LISTENER, conference_sid, take))

    def answer(self, call_sid: str, take: Take) -> Ear:
        """Hear what this caller hears: what is played to the call, and the others once it is in a room."""
        return self._open(Ear(call_sid, "", take))

    def close(self, ear: Ear) -> None:
        """Hear no more; no error if it was closed before."""
        if ear in self._ears:
            self._ears.remove(ear)
        if not self._ears:
            self._ticker.remove(self._on_tick)

    def frame(self, call_sid: str, tick: int) -> bytes:
        """What this call hears in that tick, as an ear of its would be handed it."""
        played = self._played(call_sid, tick)
        conference = self._state.conference_of(call_sid)
        if played is not None or conference is None:
            return played or SILENT_FRAME
        hearer = LISTENER if self._assumptions.own_voice == "heard" else call_sid
        return self._mix(conference.sid, {hearer}, tick).get(hearer, SILENT_FRAME)

    def room(self, conference_sid: str, tick: int) -> bytes:
        """All that is said in the room in that tick, as who listens in would be handed it."""
        return self._mix(conference_sid, {LISTENER}, tick).get(LISTENER, SILENT_FRAME)

    def said(self, call_sid: str, tick: int) -> bytes:
        """What this call alone says in that tick, as the room could hear it: nothing while muted or on hold."""
        tracks, conference = self._tracks_of(call_sid), self._state.conference_of(call_sid)
        person = conference.participants[call_sid] if conference is not None else None
        if tracks is None or (person is not None and (person.muted or person.hold)):
            return SILENT_FRAME
        return tracks["inbound"].frame(tick)

    def _open(self, ear: Ear) -> Ear:
        self._ears.append(ear)
        self._ticker.add(self._on_tick)
        return ear

    def _on_tick(self, tick: int) -> None:
        rooms: dict[str, list[Ear]] = {}
        for ear in self._ears:
            rooms.setdefault(self._room_of(ear), []).append(ear)
        for conference_sid, ears in rooms.items():
            mixed = self._mix(conference_sid, {ear.call_sid for ear in ears}, tick)
            for ear in ears:
                ear.take(self._played(ear.call_sid, tick) or mixed.get(ear.call_sid, SILENT_FRAME))

    def _room_of(self, ear: Ear) -> str:
        if ear.call_sid == LISTENER:
            return ear.conference_sid
        conference = self._state.conference_of(ear.call_sid)
        return conference.sid if conference is not None else ""

    def _mix(self, conference_sid: str, hearers: set[str], tick: int) -> dict[str, bytes]:
        conference = self._state.conferences.get(conference_sid)
        if conference is None:
            return {}
        said: dict[str, bytes] = {}
        for call_sid in conference.participants:
            tracks = self._tracks_of(call_sid)
            if tracks is not None:
                said[call_sid] = tracks["inbound"].frame(tick)
        return mix(conference, said, hearers, tick)

    def _played(self, call_sid: str, tick: int) -> bytes | None:
        """What is played to this very call, which is heard instead of the room; None when nothing is."""
        tracks = self._tracks_of(call_sid)
        frame = tracks["outbound"].frame(tick) if tracks is not None else SILENT_FRAME
        return None if frame is SILENT_FRAME else frame
