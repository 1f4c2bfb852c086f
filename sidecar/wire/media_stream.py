"""Twilio Media Streams: text frames in, typed messages out, and the three frames that go to Twilio on two-way ones.
Knows no socket and no clock.

Facts: twilio.com/docs/voice/media-streams/websocket-messages. Counters and times come as JSON strings; numbers are
taken as well. The caller feeds each text frame to ``MediaStream.receive`` and must close the socket on a fatal error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec

from sidecar.domain.errors import SidecarError

# Frames of 20 ms are below 400 bytes; a start message stays below 64 KiB even with 99 parameters of 500 characters.
MAX_MESSAGE_BYTES = 64 * 1024
# What tracks of the caller are called: the value differs between Twilio's pages.
INBOUND = frozenset({"inbound", "inbound_track"})


class MediaStreamError(SidecarError):
    """A frame that is not what Twilio documents. ``fatal``: the stream cannot go on.

    Codes: media_not_json, media_malformed, media_out_of_order, media_format_unsupported.
    """

    code = "media_malformed"

    def __init__(self, message: str, *, code: str, fatal: bool = False) -> None:
        super().__init__(message, code=code)
        self.fatal = fatal


class Started(msgspec.Struct, frozen=True):
    """The stream begins: whose call it is, and the Parameters that our TwiML or REST call gave it."""

    stream_sid: str
    call_sid: str
    parameters: Mapping[str, str]


class Media(msgspec.Struct, frozen=True, gc=False):
    """A piece of the caller's audio: mu-law 8 kHz of any length. ``timestamp_ms`` counts from the stream's start."""

    sequence: int
    timestamp_ms: int
    audio: bytes


class Stopped(msgspec.Struct, frozen=True):
    """The stream or the call ended on purpose."""


class Marked(msgspec.Struct, frozen=True):
    """What was sent before the mark of this name has been played, or thrown away by a ``clear``."""

    name: str


class Ignored(msgspec.Struct, frozen=True):
    """Nothing to do: ``connected``, the other track, or an event that this version does not know."""

    event: str


Message = Started | Media | Marked | Stopped | Ignored
# The decoder takes a string for a number here, and refuses what is not in the range.
Counter = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]


class _MediaBody(msgspec.Struct, gc=False):
    payload: bytes
    timestamp: Counter
    track: str = "inbound"


class _Format(msgspec.Struct, rename="camel"):
    encoding: str = "audio/x-mulaw"
    sample_rate: Counter = 8000
    channels: Counter = 1


class _StartBody(msgspec.Struct, rename="camel"):
    call_sid: str
    stream_sid: str
    media_format: _Format = msgspec.field(default_factory=_Format)
    custom_parameters: dict[str, str] | None = None


class _Connected(msgspec.Struct, tag_field="event", tag="connected"):
    pass


class _Start(msgspec.Struct, tag_field="event", tag="start"):
    start: _StartBody


class _Media(msgspec.Struct, tag_field="event", tag="media", rename="camel", gc=False):
    media: _MediaBody
    sequence_number: Counter = 0


class _Stop(msgspec.Struct, tag_field="event", tag="stop"):
    pass


class _MarkBody(msgspec.Struct):
    name: str


class _Mark(msgspec.Struct, tag_field="event", tag="mark"):
    mark: _MarkBody


class _Any(msgspec.Struct):
    event: str


_DECODER = msgspec.json.Decoder(_Connected | _Start | _Media | _Mark | _Stop, strict=False)
_ANY_DECODER = msgspec.json.Decoder(_Any)


class MediaStream:
    """The protocol state of one media socket: connected, start, media …, stop."""

    def __init__(self) -> None:
        self.started = False
        self.stopped = False

    def receive(self, frame: bytes | str) -> Message:
        """One text frame. Raises MediaStreamError; the state is then as before, and unless it is fatal go on reading.

        After ``Started`` the caller must check the token in its parameters before it uses any audio.
        """
        message = _decode(frame)
        if isinstance(message, _Media):
            if not self.started:
                raise MediaStreamError("Media came before start.", code="media_out_of_order", fatal=True)
            body = message.media
            if body.track not in INBOUND:
                return Ignored("media")
            return Media(message.sequence_number, body.timestamp, body.payload)
        if isinstance(message, _Start):
            if self.started:
                raise MediaStreamError("A second start came on one stream.", code="media_out_of_order", fatal=True)
            started = _start(message.start)
            self.started = True
            return started
        if isinstance(message, _Stop):
            if not self.started:
                raise MediaStreamError("Stop came before start.", code="media_out_of_order", fatal=True)
            self.stopped = True
            return Stopped()
        if isinstance(message, _Mark):
            if not self.started:
                raise MediaStreamError("A mark came before start.", code="media_out_of_order", fatal=True)
            return Marked(message.mark.name)
        return Ignored("connected") if isinstance(message, _Connected) else message


def media_frame(stream_sid: str, audio: bytes) -> str:
    """Audio to be played behind what was sent before: mu-law 8 kHz, any length. On two-way streams only.

    A frame with a field too many or too few is refused (twilio.com/docs/api/errors/31951).
    """
    return msgspec.json.encode({"event": "media", "streamSid": stream_sid, "media": {"payload": audio}}).decode()


def mark_frame(stream_sid: str, name: str) -> str:
    """Twilio sends the name back (``Marked``) when all that was sent before has been played, or cleared."""
    return msgspec.json.encode({"event": "mark", "streamSid": stream_sid, "mark": {"name": name}}).decode()


def clear_frame(stream_sid: str) -> str:
    """Throw away what was sent and is not played yet; the marks in it come back."""
    return msgspec.json.encode({"event": "clear", "streamSid": stream_sid}).decode()


def _decode(frame: bytes | str) -> _Connected | _Start | _Media | _Mark | _Stop | Ignored:
    try:
        message: _Connected | _Start | _Media | _Mark | _Stop = _DECODER.decode(frame)
    except msgspec.ValidationError as error:
        return _unknown(frame, error)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MediaStreamError("A frame was not JSON.", code="media_not_json") from error
    return message


def _unknown(frame: bytes | str, error: msgspec.ValidationError) -> Ignored:
    """Twilio may add events: an unknown name is ignored, a known one with wrong fields is an error."""
    try:
        event = _ANY_DECODER.decode(frame).event
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        event = None
    if event is None or event in ("connected", "start", "media", "mark", "stop"):
        # msgspec names the field and the types, never the value: nothing of the call gets into the message
        raise MediaStreamError(f"A {event or 'nameless'} frame has a wrong shape: {error}.", code="media_malformed")
    return Ignored(event)


def _start(body: _StartBody) -> Started:
    if not body.call_sid or not body.stream_sid:
        raise MediaStreamError("The start frame names no call or stream.", code="media_malformed")
    form = body.media_format
    if form.encoding != "audio/x-mulaw" or form.sample_rate != 8000 or form.channels != 1:
        raise MediaStreamError(
            f"Stream {body.stream_sid[:40]} is not audio/x-mulaw, 8000 Hz, 1 channel.",
            code="media_format_unsupported",
            fatal=True,
        )
    return Started(body.stream_sid, body.call_sid, body.custom_parameters or {})
