"""State as the REST API's JSON, field by field as https://github.com/twilio/twilio-oai describes it. Pure."""

from __future__ import annotations

from typing import Any

from sidecar.emulator.calls import API_VERSION
from sidecar.emulator.clock import rfc2822
from sidecar.emulator.state import Call, Conference, Participant, Stream

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


def participant(account_sid: str, conference: Conference, participant: Participant) -> Resource:
    """api.v2010.account.conference.participant"""
    return {
        "account_sid": account_sid,
        "call_sid": participant.call_sid,
        "call_sid_to_coach": participant.call_sid_to_coach,
        "coaching": participant.coaching,
        "conference_sid": conference.sid,
        "date_created": rfc2822(participant.joined_at),
        "date_updated": rfc2822(participant.joined_at),
        "end_conference_on_exit": participant.end_on_exit,
        "hold": participant.hold,
        "label": participant.label,
        "muted": participant.muted,
        "queue_time": None,
        "start_conference_on_enter": participant.start_on_enter,
        "status": "connected",
        "uri": f"{_account_uri(account_sid)}/Conferences/{conference.sid}/Participants/{participant.call_sid}.json",
    }


def call(account_sid: str, call: Call) -> Resource:
    """api.v2010.account.call; what a caller of this emulator has no value for is null."""
    uri = f"{_account_uri(account_sid)}/Calls/{call.sid}"
    duration = None if call.ended_at is None else str(round((call.ended_at - call.created_at).total_seconds()))
    return {
        "account_sid": account_sid,
        "answered_by": None,
        "api_version": API_VERSION,
        "caller_name": None,
        "date_created": rfc2822(call.created_at),
        "date_updated": rfc2822(call.updated_at),
        "direction": "inbound",
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
        "queue_time": "0",
        "sid": call.sid,
        "start_time": rfc2822(call.created_at),
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
