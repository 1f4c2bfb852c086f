"""Twilio's form posts as typed values: the voice request, conference events, stream events.

Facts: twilio.com/docs/voice/twiml/conference (status callbacks), twilio.com/docs/voice/twiml/stream. Only fields that
somebody uses are read; unknown fields and unknown events are allowed, missing ones are an error that names the field.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from sidecar.domain.conference.facts import News, NewsKind, Signs
from sidecar.domain.errors import SidecarError

_CALL_SID = re.compile(r"CA[0-9a-fA-F]{32}")
_INVITE = re.compile(r"ast_[0-9A-Za-z_]{1,64}")
_CONFERENCE_SID = re.compile(r"CF[0-9a-fA-F]{32}")


# Speech and announcement events are not asked for, and say nothing that is gone by here.
_NEWS = {
    "conference-start": (NewsKind.STARTED, Signs()),
    "conference-end": (NewsKind.ENDED, Signs()),
    "participant-join": (NewsKind.JOINED, Signs()),
    "participant-leave": (NewsKind.LEFT, Signs()),
    "participant-mute": (NewsKind.CHANGED, Signs(muted=True)),
    "participant-unmute": (NewsKind.CHANGED, Signs(muted=False)),
    "participant-hold": (NewsKind.CHANGED, Signs(hold=True)),
    "participant-unhold": (NewsKind.CHANGED, Signs(hold=False)),
    "participant-modify": (NewsKind.CHANGED, Signs()),
}


class CallbackMalformed(SidecarError):
    """A signed request lacks a field or has one of a wrong form; the message names the field, never its value."""

    code = "callback_malformed"


class VoiceRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A call asks what to do. ``address``: the caller as Twilio names it (E.164, ``client:…``, ``sip:…``).

    ``called``: whom it called, in the same way.
    """

    call_sid: str
    address: str
    called: str = ""


class AssistantRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The assistant's leg asks what to do. ``invite``: whose leg it is; ``attempt``: how often it asked before."""

    call_sid: str
    invite: str
    attempt: int


class ConferenceCallback(msgspec.Struct, frozen=True, kw_only=True):
    """Something happened in a conference. ``kind``: Twilio's StatusCallbackEvent, such as ``participant-join``.

    ``sequence`` orders the events of one conference; delivery may shuffle and repeat them. ``call_sid``, ``label`` and
    ``signs`` are set with events of a participant. ``reason``: why somebody left or it ended, in Twilio's words, or "".
    """

    kind: str
    conference_sid: str
    room: str
    sequence: int
    call_sid: str | None
    reason: str
    signs: Signs
    label: str = ""


class StreamCallback(msgspec.Struct, frozen=True, kw_only=True):
    """News of a media stream. ``kind``: stream-started, stream-stopped or stream-error (``error``: Twilio's reason)."""

    kind: str
    call_sid: str
    stream_sid: str
    name: str
    error: str = ""


def voice_request(form: Mapping[str, str]) -> VoiceRequest:
    """The request for TwiML of an incoming call."""
    return VoiceRequest(
        call_sid=_sid(form, "CallSid", _CALL_SID), address=form.get("From", ""), called=form.get("To", "")
    )


def assistant_request(form: Mapping[str, str], query: Mapping[str, str]) -> AssistantRequest:
    """The request for TwiML of an assistant's leg; what stood behind ``app:…?`` comes as fields of the form."""
    invite, attempt = form.get("invite") or query.get("invite", ""), query.get("attempt", "0")
    if not _INVITE.fullmatch(invite):
        raise CallbackMalformed("invite is not the id of an assistant.")
    if not re.fullmatch(r"[0-9]{1,6}", attempt):
        raise CallbackMalformed("attempt is not a number.")
    return AssistantRequest(call_sid=_sid(form, "CallSid", _CALL_SID), invite=invite, attempt=int(attempt))


def conference_callback(form: Mapping[str, str]) -> ConferenceCallback:
    """A conference status callback."""
    sequence = form.get("SequenceNumber", "")
    if not re.fullmatch(r"[0-9]{1,9}", sequence):
        raise CallbackMalformed("SequenceNumber is not a number.")
    return ConferenceCallback(
        kind=_text(form, "StatusCallbackEvent"),
        conference_sid=_sid(form, "ConferenceSid", _CONFERENCE_SID),
        room=_text(form, "FriendlyName"),
        sequence=int(sequence),
        call_sid=_sid(form, "CallSid", _CALL_SID) if form.get("CallSid") else None,
        reason=form.get("ReasonParticipantLeft") or form.get("ReasonConferenceEnded") or "",
        label=form.get("ParticipantLabel", ""),
        signs=Signs(muted=_flag(form, "Muted"), hold=_flag(form, "Hold"), coaching=_flag(form, "Coaching")),
    )


def news_of(callback: ConferenceCallback) -> News | None:
    """What a callback tells of its conference; None for what nobody here goes by, such as announcements."""
    kind, signs = _NEWS.get(callback.kind, (None, Signs()))
    if kind is None or (callback.call_sid is None and callback.kind.startswith("participant")):
        return None
    # Of what an event is named after, its name is the surest word.
    named = {name: getattr(signs, name) for name in Signs.__struct_fields__ if getattr(signs, name) is not None}
    return News(
        kind=kind,
        provider_seq=callback.sequence,
        call_sid=callback.call_sid,
        reason=callback.reason,
        label=callback.label,
        signs=msgspec.structs.replace(callback.signs, **named),
    )


class CallCallback(msgspec.Struct, frozen=True, kw_only=True):
    """A call went on. ``status``: Twilio's CallStatus, such as ``completed`` or ``no-answer``. ``problem``: Twilio's
    number and words for why it failed, or "".
    """

    call_sid: str
    status: str
    problem: str = ""


def stream_callback(form: Mapping[str, str]) -> StreamCallback:
    """A stream status callback."""
    return StreamCallback(
        kind=_text(form, "StreamEvent"),
        call_sid=_sid(form, "CallSid", _CALL_SID),
        stream_sid=form.get("StreamSid", ""),
        name=form.get("StreamName", ""),
        error=form.get("StreamError", ""),
    )


def call_callback(form: Mapping[str, str]) -> CallCallback:
    """A call status callback."""
    problem = " ".join(form[field] for field in ("ErrorCode", "ErrorMessage") if form.get(field))
    return CallCallback(call_sid=_sid(form, "CallSid", _CALL_SID), status=_text(form, "CallStatus"), problem=problem)


def _text(form: Mapping[str, str], field: str) -> str:
    value = form.get(field, "")
    if not value:
        raise CallbackMalformed(f"{field} is missing.")
    return value


def _flag(form: Mapping[str, str], field: str) -> bool | None:
    """``true`` or ``false``; None where Twilio says neither."""
    return {"true": True, "false": False}.get(form.get(field, "").lower())


def _sid(form: Mapping[str, str], field: str, pattern: re.Pattern[str]) -> str:
    value = _text(form, field)
    if not pattern.fullmatch(value):
        raise CallbackMalformed(f"{field} does not look like a Twilio id.")
    return value
