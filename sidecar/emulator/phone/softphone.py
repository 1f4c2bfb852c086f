"""What is behind a browser on the line: a call that somebody speaks and hears, or an ear that only listens. No sockets.

Not part of Twilio: its own softphones speak WebRTC (https://www.twilio.com/docs/voice/sdks), which this stands in for.
"""

from __future__ import annotations

from typing import Protocol

import msgspec
from yarl import URL

from sidecar.domain.errors import SidecarError
from sidecar.emulator.exchange import CALLED_NUMBER, Exchange
from sidecar.emulator.phone.microphone import Microphone
from sidecar.emulator.sound.hearing import Take
from sidecar.emulator.sound.ticker import TICK_S
from sidecar.emulator.state import Conference, ConferenceStatus
from sidecar.emulator.urls import request_url

LABEL = "softphone"
MAX_NAME_CHARS = 40
# Whoever is left alone after a talk is hung up, as people do: a forgotten tab must not keep a demo's call for ever.
ALONE_S = 15.0
NOT_HEARD_S = 1.0  # without a frame from the browser for so long, nobody hears it


class NotJoinable(SidecarError):
    """There is no such conference any more, or nobody in it came by a voice URL."""

    code = "conference_not_joinable"


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What the page shows. ``state``: calling, waiting (for others), on_call, over; ``reason``: why it is over.

    ``people``: labels of the others. ``heard``: what is said into the microphone reaches them.
    ``lost``: frames of the microphone that came too fast.
    """

    state: str
    reason: str = ""
    conference_sid: str | None = None
    room: str = ""
    people: list[str] = []
    muted: bool = False
    hold: bool = False
    heard: bool = False
    lost: int = 0


class Phone(Protocol):
    """A browser's place in the emulator."""

    def hear_from(self, frame: bytes) -> None:
        """20 ms from its microphone."""
        ...

    def look(self) -> Report:
        """How things stand."""
        ...

    def put_down(self) -> None:
        """The browser is gone."""
        ...


def find_conference(exchange: Exchange, *, sid: str, room: str) -> Conference:
    """The live conference of that id or in that room; without either, the oldest that is live. Raises NotJoinable."""
    live = [one for one in exchange.state.conferences.values() if one.status is not ConferenceStatus.COMPLETED]
    for conference in live:
        if sid in {"", conference.sid} and room in {"", conference.room}:
            return conference
    raise NotJoinable("This conference is over, or has not begun." if sid or room else "No call is live just now.")


class Softphone:
    """A call leg of its own: it asks the service for TwiML like any caller, so it is forked and transcribed."""

    def __init__(self, exchange: Exchange, conference: Conference, name: str, take: Take) -> None:
        """Dials at once. Raises NotJoinable."""
        self._exchange = exchange
        self._microphone = Microphone()
        self._taken, self._taken_at = 0, exchange.ticker.tick
        self._had_company = False
        self._alone_since: int | None = None
        self._call = exchange.calls.place(
            voice_url=_voice_url(exchange, conference, name),
            from_=f"client:{LABEL}",
            to=CALLED_NUMBER,
            label=LABEL,
            inbound=self._microphone,
        )
        self._ear = exchange.hearing.answer(self._call.sid, take)

    def hear_from(self, frame: bytes) -> None:
        """20 ms from the browser's microphone."""
        self._microphone.take(frame)

    def look(self) -> Report:
        """How the call stands; hangs up when it was left alone."""
        if self._call.over:
            return Report(state="over", reason=self._reason())
        conference = self._exchange.state.conference_of(self._call.sid)
        if conference is None:
            return Report(state="calling")
        me = conference.participants[self._call.sid]
        others = [p.label or "caller" for p in conference.participants.values() if p is not me]
        self._leave_if_alone(alone=not others)
        talking = bool(others) and conference.status is ConferenceStatus.IN_PROGRESS
        return Report(
            state="on_call" if talking else "waiting",
            conference_sid=conference.sid,
            room=conference.room,
            people=others,
            muted=me.muted,
            hold=me.hold,
            heard=talking and self._speaks() and not (me.muted or me.hold),
            lost=self._microphone.lost,
        )

    def put_down(self) -> None:
        """Hang up; no error if the call is over."""
        self._exchange.hearing.close(self._ear)
        if not self._call.over:
            self._exchange.calls.hang_up(self._call.sid)

    def _reason(self) -> str:
        if self._call.failure is not None:
            return f"The call failed: {self._call.failure}"
        return "Everybody else has hung up." if self._alone_since is not None else "The conference is over."

    def _leave_if_alone(self, *, alone: bool) -> None:
        tick = self._exchange.ticker.tick
        self._had_company = self._had_company or not alone
        if not (alone and self._had_company):
            self._alone_since = None
            return
        if self._alone_since is None:
            self._alone_since = tick
        if (tick - self._alone_since) * TICK_S >= ALONE_S:
            self._exchange.calls.hang_up(self._call.sid)

    def _speaks(self) -> bool:
        """Do frames come in? Silence counts: it is heard, too."""
        tick = self._exchange.ticker.tick
        if self._microphone.taken != self._taken:
            self._taken, self._taken_at = self._microphone.taken, tick
        return self._taken > 0 and (tick - self._taken_at) * TICK_S < NOT_HEARD_S


class Listener:
    """Hears a conference without being in it; nobody on the call knows."""

    def __init__(self, exchange: Exchange, conference: Conference, take: Take) -> None:
        self._exchange, self._conference = exchange, conference
        self._ear = exchange.hearing.listen(conference.sid, take)

    def hear_from(self, frame: bytes) -> None:
        """Nobody hears it."""

    def look(self) -> Report:
        """How the conference stands."""
        conference = self._conference
        if conference.status is ConferenceStatus.COMPLETED:
            return Report(state="over", reason="The conference is over.")
        talking = conference.status is ConferenceStatus.IN_PROGRESS
        people = [p.label or "caller" for p in conference.participants.values()]
        return Report(
            state="on_call" if talking else "waiting",
            conference_sid=conference.sid,
            room=conference.room,
            people=people,
        )

    def put_down(self) -> None:
        """Listen no more."""
        self._exchange.hearing.close(self._ear)


def _voice_url(exchange: Exchange, conference: Conference, name: str) -> str:
    """Where somebody in the conference asked for TwiML, with the same room and a name of the softphone's own."""
    for call_sid in conference.participants:
        url = exchange.calls.voice_url(call_sid)
        if url is not None:
            own = {"room": conference.room, "label": LABEL, "role": "other", "name": name[:MAX_NAME_CHARS]}
            return str(_plain(request_url(url)).update_query({key: value for key, value in own.items() if value}))
    raise NotJoinable("Nobody in this conference came by a voice URL, so a softphone cannot follow them.")


def _plain(url: URL) -> URL:
    """Without what names the other caller."""
    return url.without_query_params("label", "name", "role")
