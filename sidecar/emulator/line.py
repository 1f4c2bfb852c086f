"""A call in progress, as those see it who perform on it; and the form that asks for its TwiML. No I/O."""

from __future__ import annotations

import asyncio

import msgspec

from sidecar.emulator.audio import AudioTrack
from sidecar.emulator.spawn import Running
from sidecar.emulator.state import Account, Call, CallStatus

API_VERSION = "2010-04-01"
MAX_CALL_S = 4 * 3600.0  # Twilio's own limit


class Line(msgspec.Struct):
    """A call in progress: what its caller says (inbound) and hears (outbound), and its task.

    ``voice_url``: where it first asked for TwiML, if somebody dialled in. ``answers_after_s``: how long it is to wait
    in the queue, if REST asked for it. ``ends_at``: in loop time, once it is answered.
    """

    call: Call
    tracks: dict[str, AudioTrack]
    put_out: asyncio.Event
    voice_url: str | None = None
    answers_after_s: float | None = None
    limit_s: float = MAX_CALL_S
    ends_at: float | None = None
    outcome: CallStatus = CallStatus.COMPLETED
    task: Running | None = None


def voice_form(account: Account, call: Call) -> dict[str, str]:
    """The fields of a request for TwiML (https://www.twilio.com/docs/voice/twiml#request-parameters)."""
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
