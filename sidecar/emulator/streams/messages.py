"""What a service may say on a two-way stream, read as strictly as Twilio's page puts it. Text in, values out, no I/O.

Source: https://www.twilio.com/docs/voice/media-streams/websocket-messages#websocket-messages-to-twilio; a message with
a missing or an extra field is malformed (https://www.twilio.com/docs/api/errors/31951).
"""

from __future__ import annotations

import base64
import binascii

import msgspec

from sidecar.domain.errors import SidecarError


class MessageMalformed(SidecarError):
    """The message is none of the three that a stream takes (Twilio's warning 31951); it is ignored."""

    code = "stream_message_malformed"


class _Message(msgspec.Struct, frozen=True, tag_field="event", forbid_unknown_fields=True, rename="camel"):
    """What all have: the id of the stream that they are for."""

    stream_sid: str


class _Audio(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    payload: str


class _Name(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str


class _Media(_Message, frozen=True, tag="media", forbid_unknown_fields=True, rename="camel"):
    media: _Audio


class _Mark(_Message, frozen=True, tag="mark", forbid_unknown_fields=True, rename="camel"):
    mark: _Name


class _Clear(_Message, frozen=True, tag="clear", forbid_unknown_fields=True, rename="camel"):
    pass


class Media(msgspec.Struct, frozen=True):
    """Play this mu-law audio, 8 bytes a millisecond, after all that came before."""

    audio: bytes


class Mark(msgspec.Struct, frozen=True):
    """Say its name again when all before it has been played."""

    name: str


class Clear(msgspec.Struct, frozen=True):
    """Play nothing of what waits."""


_DECODER: msgspec.json.Decoder[_Media | _Mark | _Clear] = msgspec.json.Decoder(_Media | _Mark | _Clear)


def read_message(text: str, stream_sid: str) -> Media | Mark | Clear:
    """One message to that stream. Raises MessageMalformed, never anything else, whatever the text."""
    try:
        message = _DECODER.decode(text)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise MessageMalformed(f"A message is malformed: {error}.") from None
    if message.stream_sid != stream_sid:
        raise MessageMalformed("A message names another stream.")
    match message:
        case _Media(media=audio):
            return Media(_audio(audio.payload))
        case _Mark(mark=mark):
            return Mark(mark.name)
        case _Clear():
            return Clear()


def _audio(payload: str) -> bytes:
    try:
        return base64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError):  # ValueError: letters beyond ASCII
        raise MessageMalformed("The payload of a media message is not base64.") from None
