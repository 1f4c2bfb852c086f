"""A call in progress, as those see it who perform on it; and the form that asks for its TwiML. No I/O."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import msgspec

from sidecar.emulator.dialling import ToApplication
from sidecar.emulator.sound.track import AudioTrack
from sidecar.emulator.spawn import Running
from sidecar.emulator.state import Account, Call, CallStatus
from sidecar.emulator.streams.playout import Playout
from sidecar.emulator.twiml import DialConference

API_VERSION = "2010-04-01"
MAX_CALL_S = 4 * 3600.0  # Twilio's own limit


class Line(msgspec.Struct):
    """A call in progress: what its caller says (inbound) and hears (outbound), and its task.

    ``playout``: where its documents play: the caller hears it or, when an application was dialled, the conference.
    ``application``, ``hears``: which application, and what of the conference comes to it.
    ``voice_url``: where it first asked for TwiML, if somebody dialled in. If REST asked for it, ``answers_after_s`` is
    how long it is to wait in the queue, and ``dialled_for`` the conference it is to come into.
    ``ends_at``: in loop time, once it is answered.
    """

    call: Call
    tracks: dict[str, AudioTrack]
    playout: Playout
    put_out: asyncio.Event
    application: ToApplication | None = None
    hears: AudioTrack | None = None
    voice_url: str | None = None
    answers_after_s: float | None = None
    dialled_for: DialConference | None = None
    limit_s: float = MAX_CALL_S
    ends_at: float | None = None
    outcome: CallStatus = CallStatus.COMPLETED
    task: Running | None = None

    @property
    def streamed(self) -> Mapping[str, AudioTrack]:
        """The tracks as Twilio names them on this line: inbound comes to Twilio's documents, outbound is theirs."""
        return {"inbound": self.hears or self.tracks["inbound"], "outbound": self.playout}


def phone_line(call: Call, inbound: AudioTrack | None = None) -> Line:
    """Somebody speaks and hears. ``inbound``: speaks instead of recordings."""
    hears = Playout()
    return Line(call, {"inbound": inbound or AudioTrack(), "outbound": hears}, hears, asyncio.Event())


def application_line(call: Call, application: ToApplication, hears: AudioTrack) -> Line:
    """An application speaks and hears."""
    says = Playout()
    return Line(call, {"inbound": says, "outbound": AudioTrack()}, says, asyncio.Event(), application, hears)


def voice_form(account: Account, line: Line) -> dict[str, str]:
    """The fields of a request for TwiML (https://www.twilio.com/docs/voice/twiml#request-parameters).

    Parameters of an application come first: what Twilio itself says has precedence.
    """
    call, application = line.call, line.application
    own = {} if application is None else {**application.parameters, "ApplicationSid": application.sid}
    return own | call_form(account, call)


def call_form(account: Account, call: Call) -> dict[str, str]:
    """What every request about a call says of it."""
    return {
        "AccountSid": account.sid,
        "ApiVersion": API_VERSION,
        "CallSid": call.sid,
        "CallStatus": call.status.value,
        "Called": call.to,
        "Caller": call.from_,
        "Direction": call.direction.value,
        "From": call.from_,
        "To": call.to,
    }
