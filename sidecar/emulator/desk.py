"""What is done to people in a conference from outside, by REST or by a scenario: mute, hold, coach, remove, announce.

Rules live in ``conferences``; this tells the callbacks and lets the calls hear and go on. Source:
https://www.twilio.com/docs/voice/api/conference-participant-resource.
"""

from __future__ import annotations

import asyncio

from sidecar.emulator.announcer import Announcer
from sidecar.emulator.callbacks import Callbacks
from sidecar.emulator.calls import Calls
from sidecar.emulator.clock import utc_now
from sidecar.emulator.conferences import Changes, Leaving, Rooms
from sidecar.emulator.line import API_VERSION
from sidecar.emulator.spawn import Running, Spawn
from sidecar.emulator.state import Conference, Participant, State
from sidecar.emulator.twiml import Redirect

BETWEEN_ROUNDS_S = 1.0  # music on hold that is over, or cannot be had, is asked for again after this long


class Desk:
    """Acts on conferences that are in progress."""

    def __init__(
        self,
        state: State,
        *,
        rooms: Rooms,
        calls: Calls,
        callbacks: Callbacks,
        announcer: Announcer,
        spawn: Spawn,
    ) -> None:
        self._state, self._rooms, self._calls, self._callbacks = state, rooms, calls, callbacks
        self._announcer, self._spawn = announcer, spawn
        self._music: dict[str, Running] = {}  # by call, as long as it is on hold and hears a document

    def update(
        self, conference: Conference, participant: Participant, changes: Changes, music: Redirect | None = None
    ) -> None:
        """Mute, hold and so on. ``music``: what to hear while on hold, round and round. Raises CoachedAbsent."""
        self._callbacks.tell(self._rooms.update(conference, participant, changes, utc_now()))
        call_sid = participant.call_sid
        if music is not None or not participant.hold:
            self._stop_music(call_sid)
        if music is not None and participant.hold:
            playing = self._spawn(
                lambda: self._play_music(conference, call_sid, music), name=f"emulator-music-{call_sid}"
            )
            self._music[call_sid] = playing
            playing.add_done_callback(lambda _: self._forget_music(call_sid, playing))

    def remove(self, participant: Participant) -> None:
        """Out of the conference; the call itself goes on with its next verb."""
        self._stop_music(participant.call_sid)
        departure = self._rooms.leave(self._state.calls[participant.call_sid], utc_now(), Leaving.KICKED)
        self._callbacks.tell(departure.notices)
        self._calls.put_out((participant.call_sid, *departure.put_out))

    def end(self, conference: Conference) -> None:
        """Over for all; their calls go on with their next verbs."""
        departure = self._rooms.end(conference, utc_now())
        self._callbacks.tell(departure.notices)
        self._calls.put_out(departure.put_out)

    def check_label(self, conference: Conference | None, label: str | None) -> None:
        """May somebody be dialled under that label? Raises JoinRefused."""
        self._rooms.check_label(conference, label)

    def announce(self, conference: Conference, source: Redirect, call_sid: str | None = None) -> None:
        """Play a document to one participant, or to all; returns at once."""

        def hearers() -> list[str]:
            return [sid for sid in conference.participants if call_sid in {None, sid}]

        async def play() -> None:
            form = self._form(conference, call_sid)
            if await self._announcer.play(source, form, hearers, call_sid or conference.sid):
                self._callbacks.tell(self._rooms.announced(conference, source.url, call_sid, utc_now()))

        self._spawn(play, name=f"emulator-announcement-{call_sid or conference.sid}")

    def playing(self, call_sid: str) -> bool:
        """Does the call hear music on hold from a document?"""
        return call_sid in self._music

    async def _play_music(self, conference: Conference, call_sid: str, music: Redirect) -> None:
        def hearers() -> list[str]:
            return [sid for sid, one in conference.participants.items() if sid == call_sid and one.hold]

        while hearers():
            await self._announcer.play(music, self._form(conference, call_sid), hearers, call_sid)
            await asyncio.sleep(BETWEEN_ROUNDS_S)

    def _stop_music(self, call_sid: str) -> None:
        playing = self._music.pop(call_sid, None)
        if playing is not None:
            playing.cancel()
            self._calls.hush(call_sid)

    def _forget_music(self, call_sid: str, playing: Running) -> None:
        if self._music.get(call_sid) is playing:
            del self._music[call_sid]

    def _form(self, conference: Conference, call_sid: str | None) -> dict[str, str]:
        form = {
            "AccountSid": self._state.account.sid,
            "ApiVersion": API_VERSION,
            "ConferenceSid": conference.sid,
            "FriendlyName": conference.room,
        }
        return form if call_sid is None else form | {"CallSid": call_sid}
