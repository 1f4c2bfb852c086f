"""Twilio's REST API through its own client, for what ports.telephony asks.

Facts of twilio 9.13 that shape this file: its async client must be built inside the running loop, it ignores its
timeout argument (so every call is bounded here), and its own retries repeat creates (so they stay off).
"""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import aiohttp
import msgspec
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.rest import Client

from sidecar.adapters.twilio_http import API_HOST, PacedHttpClient, TooBusy
from sidecar.domain.errors import TelephonyFailed
from sidecar.domain.notice import Announcement
from sidecar.ports.telephony import AssistantLeg, ConferenceStatus, LiveParticipant

CALL_TIMEOUT_S = 10.0
# A dialled telephone rings so long.
RING_S = 30
# Of what Twilio says to an error; it is shown to people.
REASON_CHARS = 200
# twilio.com/docs/api/errors: the resource is gone; the call is not in progress.
GONE = {20404, 21220}
IN_PROGRESS = ("init", "in-progress")


class TwilioAccount(msgspec.Struct, frozen=True, kw_only=True):
    """Whose API, and with which key. ``key`` and ``secret``: an API key, or the account sid and its auth token.

    ``api_base_url``: another place for the API, without a slash at the end; None for Twilio's own.
    """

    account_sid: str
    key: str
    secret: str
    api_base_url: str | None = None


def load_client() -> None:
    """Import what the client would import with its first request. It takes half a second: call it in a thread."""
    importlib.import_module("twilio.rest.api.v2010")


class TwilioTelephony:
    """Fulfils ports.telephony.Telephony. The addresses are our public ones.

    ``announcements_url``: without the kind at its end, and without a slash.
    """

    def __init__(
        self,
        account: TwilioAccount,
        *,
        media_url: str,
        stream_events_url: str,
        announcements_url: str,
        participant_events_url: str,
    ) -> None:
        self._account = account
        self._media_url = media_url
        self._stream_events_url = stream_events_url
        self._announcements_url = announcements_url
        self._participant_events_url = participant_events_url
        self._built: Client | None = None

    async def find_conference(self, room: str) -> str | None:
        """The conference of that room that is not over: rooms are one at a time."""
        found = await _bounded(self._client().conferences.list_async(friendly_name=room, limit=20), room)
        return next((str(c.sid) for c in found if c.status in IN_PROGRESS), None)

    async def status(self, conference_sid: str) -> ConferenceStatus:
        """Waiting or running is in progress. A completed conference is not updated after its end."""
        try:
            fetched = await _bounded(self._client().conferences(conference_sid).fetch_async(), conference_sid)
        except TelephonyFailed as error:
            if error.gone:
                return ConferenceStatus(in_progress=False)
            raise
        if fetched.status in IN_PROGRESS:
            started = fetched.status == "in-progress"
            return ConferenceStatus(in_progress=True, started=started, room=fetched.friendly_name)
        return ConferenceStatus(in_progress=False, ended_at=fetched.date_updated, room=fetched.friendly_name)

    async def participants(self, conference_sid: str) -> Sequence[LiveParticipant]:
        """Active members only; that is all that Twilio lists."""
        listed = await _bounded(self._client().conferences(conference_sid).participants.list_async(), conference_sid)
        return [
            LiveParticipant(
                call_sid=p.call_sid,
                label=p.label or "",
                muted=bool(p.muted),
                hold=bool(p.hold),
                coaching=bool(p.coaching),
            )
            for p in listed
        ]

    async def start_stream(self, call_sid: str, *, name: str, parameters: Mapping[str, str]) -> str:
        """POST Calls/{CA}/Streams; the parameters come back in the stream's start message."""
        numbered = {
            f"parameter{i}_{part}": text
            for i, (key, value) in enumerate(parameters.items(), start=1)
            for part, text in (("name", key), ("value", value))
        }
        create: Any = self._client().calls(call_sid).streams.create_async
        made = await _bounded(
            create(
                url=self._media_url,
                name=name,
                track="inbound_track",
                status_callback=self._stream_events_url,
                **numbered,
            ),
            call_sid,
        )
        return str(made.sid)

    async def stop_stream(self, call_sid: str, *, name: str) -> None:
        """POST Calls/{CA}/Streams/{Name}, whoever started it; 404: there is none."""
        stream = self._client().calls(call_sid).streams(name)
        try:
            await _bounded(stream.update_async(status="stopped"), call_sid)
        except TelephonyFailed as error:
            if not error.gone:
                raise

    async def address(self, call_sid: str) -> str:
        """Of a call that came in, who called; of one that we or somebody else placed, who was called."""
        call = await _bounded(self._client().calls(call_sid).fetch_async(), call_sid)
        caller = call._from  # noqa: SLF001 - the client's name for "from", which is a word of Python
        return str((caller if call.direction == "inbound" else call.to) or "")

    async def announce(self, conference_sid: str, call_sid: str | None, *, kind: Announcement) -> None:
        """Participant or conference update with AnnounceUrl; twilio.com/docs/voice/api/conference-participant-resource,
        twilio.com/docs/voice/api/conference-resource."""
        conference = self._client().conferences(conference_sid)
        hearer = conference if call_sid is None else conference.participants(call_sid)
        url = f"{self._announcements_url}/{kind}"
        await _bounded(hearer.update_async(announce_url=url, announce_method="POST"), call_sid or conference_sid)

    async def dial(self, conference_sid: str, *, from_number: str, to_number: str, label: str) -> str:
        """Participants.create by the conference's SID; twilio.com/docs/voice/api/conference-participant-resource."""
        participants = self._client().conferences(conference_sid).participants
        create = participants.create_async(
            from_=from_number, to=to_number, label=label, beep="false", end_conference_on_exit=False, timeout=RING_S
        )
        return str((await _bounded(create, conference_sid)).call_sid)

    async def join_assistant(self, conference_sid: str, leg: AssistantLeg) -> str:
        """Participants.create by the conference's SID: by its name, Twilio would open a room if it were over.

        ``To=app:``: twilio.com/docs/voice/api/conference-participant-resource. What follows the question mark comes
        back with the request for TwiML.
        """
        coaching = {} if leg.coached is None else {"coaching": True, "call_sid_to_coach": leg.coached}
        create: Any = self._client().conferences(conference_sid).participants.create_async
        made = await _bounded(
            create(
                from_=leg.from_number,
                to=f"app:{leg.application_sid}?{urlencode({'invite': leg.invite})}",
                label=leg.label,
                start_conference_on_enter=False,
                end_conference_on_exit=False,
                beep="false",
                early_media=False,
                time_limit=leg.time_limit_s,
                jitter_buffer_size="small",
                status_callback=f"{self._participant_events_url}?{urlencode({'invite': leg.invite})}",
                status_callback_event=["initiated", "ringing", "answered", "completed"],
                **coaching,
            ),
            conference_sid,
        )
        return str(made.call_sid)

    async def remove(self, conference_sid: str, call_sid: str) -> None:
        """DELETE of the participant, then the end of the call: while it is not in the room yet, there is only that."""
        client = self._client()
        for end in (
            client.conferences(conference_sid).participants(call_sid).delete_async,
            lambda: client.calls(call_sid).update_async(status="completed"),
        ):
            try:
                await _bounded(end(), call_sid)
            except TelephonyFailed as error:
                if not error.gone:
                    raise

    async def set_audience(self, conference_sid: str, call_sid: str, *, coached: str | None) -> None:
        """Participant update with Coaching."""
        participant = self._client().conferences(conference_sid).participants(call_sid)
        changed = {"coaching": False} if coached is None else {"coaching": True, "call_sid_to_coach": coached}
        await _bounded(participant.update_async(**changed), call_sid)

    async def ask(self, question: Callable[[Client], Awaitable[Any]], subject: str) -> Any:
        """Anything else of Twilio's client, under the same limits. ``subject``: what it is about, for errors."""
        return await _bounded(question(self._client()), subject)

    async def close(self) -> None:
        """Close the client's connections."""
        if self._built is not None:
            await self._built.http_client.close()
            self._built = None

    def _client(self) -> Client:
        if self._built is None:
            account = self._account
            http = PacedHttpClient(account.api_base_url or API_HOST)
            self._built = Client(account.key, account.secret, account.account_sid, http_client=http)
        return self._built


async def _bounded(call: Awaitable[Any], subject: str) -> Any:
    """One REST call within its time limit, its failures translated. ``subject``: the id it is about."""
    try:
        async with asyncio.timeout(CALL_TIMEOUT_S):
            return await call
    except TooBusy as error:
        raise TelephonyFailed(
            f"Twilio takes no request about {subject} for {error.retry_after_s:.0f} s: status {error.status}.",
            reason=f"Twilio is busy, status {error.status}",
            refused=error.status == HTTPStatus.TOO_MANY_REQUESTS,
            retry_after_s=error.retry_after_s,
        ) from error
    except TwilioException as error:
        status, code, said = _answer_of(error)
        raise TelephonyFailed(
            f"Twilio refused a request about {subject}: error {code}.",
            gone=code in GONE,
            provider_code=code,
            reason=f"Twilio error {code}: {said}" if said else f"Twilio error {code}",
            refused=status is not None and status < HTTPStatus.INTERNAL_SERVER_ERROR,
            next_step=f"See twilio.com/docs/api/errors/{code}.",
        ) from error
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise TelephonyFailed(
            f"Twilio did not answer a request about {subject}: {type(error).__name__}.",
            reason="Twilio did not answer",
            next_step="Check the network and TWILIO_API_BASE_URL.",
        ) from error


def _answer_of(error: TwilioException) -> tuple[int | None, int | None, str]:
    """Status, Twilio's number and its words. Where a list fails, they are in the response that was no page."""
    if isinstance(error, TwilioRestException):
        return int(error.status), int(error.code), str(error.msg).partition(": ")[2][:REASON_CHARS]
    try:
        response = error.args[1]
        body = json.loads(response.text)
        return int(response.status_code), int(body["code"]), str(body["message"])[:REASON_CHARS]
    except (IndexError, AttributeError, KeyError, TypeError, ValueError):
        return None, None, ""
