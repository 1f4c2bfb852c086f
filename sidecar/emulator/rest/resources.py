"""State as the REST API's JSON, field by field as https://github.com/twilio/twilio-oai describes it. Pure."""

from __future__ import annotations

from typing import Any

from sidecar.emulator.clock import rfc2822
from sidecar.emulator.dialling import seconds
from sidecar.emulator.line import API_VERSION
from sidecar.emulator.state import Application, Call, Conference, Participant, PhoneNumber, Stream, VoiceHook

REGION = "us1"

Resource = dict[str, Any]


def _account_uri(account_sid: str) -> str:
    return f"/{API_VERSION}/Accounts/{account_sid}"


def conference(account_sid: str, conference: Conference) -> Resource:
    """api.v2010.account.conference"""
    uri = f"{_account_uri(account_sid)}/Conferences/{conference.sid}"
    return {
        "account_sid": account_sid,
        "api_version": API_VERSION,
        "call_sid_ending_conference": conference.call_sid_ending,
        "date_created": rfc2822(conference.created_at),
        "date_updated": rfc2822(conference.updated_at),
        "friendly_name": conference.room,
        "reason_conference_ended": conference.reason_ended,
        "region": REGION,
        "sid": conference.sid,
        "status": conference.status.value,
        "subresource_uris": {"participants": f"{uri}/Participants.json", "recordings": f"{uri}/Recordings.json"},
        "uri": f"{uri}.json",
    }


def participant(
    account_sid: str,
    conference_sid: str | None,
    participant: Participant,
    *,
    status: str = "connected",
    queue_ms: int | None = None,
) -> Resource:
    """api.v2010.account.conference.participant; just dialled, the conference may not be there yet."""
    uri = f"{_account_uri(account_sid)}/Conferences/{conference_sid}/Participants/{participant.call_sid}.json"
    return {
        "account_sid": account_sid,
        "call_sid": participant.call_sid,
        "call_sid_to_coach": participant.call_sid_to_coach,
        "coaching": participant.coaching,
        "conference_sid": conference_sid,
        "date_created": rfc2822(participant.joined_at),
        "date_updated": rfc2822(participant.updated_at),
        "end_conference_on_exit": participant.end_on_exit,
        "hold": participant.hold,
        "label": participant.label,
        "muted": participant.muted,
        "queue_time": None if queue_ms is None else str(queue_ms),
        "start_conference_on_enter": participant.start_on_enter,
        "status": status,
        "uri": None if conference_sid is None else uri,
    }


def call(account_sid: str, call: Call) -> Resource:
    """api.v2010.account.call; what a caller of this emulator has no value for is null."""
    uri = f"{_account_uri(account_sid)}/Calls/{call.sid}"
    duration = None if call.ended_at is None else str(seconds(call))
    return {
        "account_sid": account_sid,
        "answered_by": None,
        "api_version": API_VERSION,
        "caller_name": None,
        "date_created": rfc2822(call.created_at),
        "date_updated": rfc2822(call.updated_at),
        "direction": call.direction.value,
        "duration": duration,
        "end_time": None if call.ended_at is None else rfc2822(call.ended_at),
        "forwarded_from": None,
        "from": call.from_,
        "from_formatted": call.from_,
        "group_sid": None,
        "parent_call_sid": None,
        "phone_number_sid": None,
        "price": None,
        "price_unit": "USD",
        "queue_time": str(call.queue_ms),
        "sid": call.sid,
        "start_time": None if call.answered_at is None else rfc2822(call.answered_at),
        "status": call.status.value,
        "subresource_uris": {"recordings": f"{uri}/Recordings.json", "streams": f"{uri}/Streams.json"},
        "to": call.to,
        "to_formatted": call.to,
        "trunk_sid": None,
        "uri": f"{uri}.json",
    }


def stream(account_sid: str, stream: Stream, *, stopped: bool = False) -> Resource:
    """api.v2010.account.call.stream; ``stopped``: the stop was just ordered and is on its way."""
    return {
        "account_sid": account_sid,
        "call_sid": stream.call_sid,
        "date_updated": rfc2822(stream.updated_at),
        "name": stream.order.name,
        "sid": stream.sid,
        "status": "stopped" if stopped or stream.status.over else "in-progress",
        "uri": f"{_account_uri(account_sid)}/Calls/{stream.call_sid}/Streams/{stream.sid}.json",
    }


def phone_number(account_sid: str, number: PhoneNumber) -> Resource:
    """api.v2010.account.incoming_phone_number; what concerns messages and emergencies is null."""
    return {
        "account_sid": account_sid,
        "address_requirements": "none",
        "address_sid": None,
        "api_version": API_VERSION,
        "beta": False,
        "bundle_sid": None,
        "capabilities": {"fax": False, "mms": False, "sms": False, "voice": True},
        "date_created": rfc2822(number.created_at),
        "date_updated": rfc2822(number.updated_at),
        "emergency_address_sid": None,
        "emergency_address_status": "unregistered",
        "emergency_status": "Inactive",
        "friendly_name": number.friendly_name,
        "identity_sid": None,
        "origin": "twilio",
        "phone_number": number.phone_number,
        "sid": number.sid,
        "sms_application_sid": None,
        **_messages(),
        "status": "in-use",
        "trunk_sid": None,
        "type": "local",
        "uri": f"{_account_uri(account_sid)}/IncomingPhoneNumbers/{number.sid}.json",
        "voice_application_sid": number.application_sid,
        "voice_receive_mode": "voice",
        **_voice(number.hook),
    }


def application(account_sid: str, application: Application) -> Resource:
    """api.v2010.account.application; what concerns messages is null."""
    return {
        "account_sid": account_sid,
        "api_version": API_VERSION,
        "date_created": rfc2822(application.created_at),
        "date_updated": rfc2822(application.updated_at),
        "friendly_name": application.friendly_name,
        "message_status_callback": None,
        "public_application_connect_enabled": False,
        "sid": application.sid,
        "sms_status_callback": None,
        **_messages(),
        "uri": f"{_account_uri(account_sid)}/Applications/{application.sid}.json",
        **_voice(application.hook),
    }


def _voice(hook: VoiceHook) -> Resource:
    return {
        "status_callback": hook.status_callback or None,
        "status_callback_method": hook.status_callback_method,
        "voice_caller_id_lookup": False,
        "voice_fallback_method": "POST",
        "voice_fallback_url": None,
        "voice_method": hook.method,
        "voice_url": hook.url or None,
    }


def _messages() -> Resource:
    return {"sms_fallback_method": "POST", "sms_fallback_url": None, "sms_method": "POST", "sms_url": None}
