"""Twilio's REST API through its own client, for what ports.telephony asks.

Facts of twilio 9.13 that shape this file: its async client must be built inside the running loop, it ignores its
timeout argument (so every call is bounded here), and its own retries repeat creates (so they stay off).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import aiohttp
import msgspec
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from sidecar.domain.errors import TelephonyFailed
from sidecar.domain.notice import Announcement
from sidecar.ports.telephony import ConferenceStatus, LiveParticipant

CALL_TIMEOUT_S = 10.0
# A dialled telephone rings so long.
RING_S = 30
API_HOST = "https://api.twilio.com"
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


class TwilioTelephony:
    """Fulfils ports.telephony.Telephony. The addresses are our public ones.

    ``announcements_url``: without the kind at its end, and without a slash.
    """

    def __init__(
        self, account: TwilioAccount, *, media_url: str, stream_events_url: str, announcements_url: str
    ) -> None:
        self._account = account
        self._media_url = media_url
        self._stream_events_url = stream_events_url
        self._announcements_url = announcements_url
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
            return ConferenceStatus(in_progress=True, started=fetched.status == "in-progress")
        return ConferenceStatus(in_progress=False, ended_at=fetched.date_updated)

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

    async def announce(self, conference_sid: str, call_sid: str, *, kind: Announcement) -> None:
        """Participant update with AnnounceUrl; twilio.com/docs/voice/api/conference-participant-resource."""
        participant = self._client().conferences(conference_sid).participants(call_sid)
        url = f"{self._announcements_url}/{kind}"
        await _bounded(participant.update_async(announce_url=url, announce_method="POST"), call_sid)

    async def dial(self, conference_sid: str, *, from_number: str, to_number: str, label: str) -> str:
        """Participants.create by the conference's SID; twilio.com/docs/voice/api/conference-participant-resource."""
        participants = self._client().conferences(conference_sid).participants
        create = participants.create_async(
            from_=from_number, to=to_number, label=label, beep="false", end_conference_on_exit=False, timeout=RING_S
        )
        return str((await _bounded(create, conference_sid)).call_sid)

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
            http = _HttpClient(account.api_base_url or API_HOST)
            self._built = Client(account.key, account.secret, account.account_sid, http_client=http)
        return self._built


class _HttpClient(AsyncTwilioHttpClient):  # type: ignore[misc] # the package has no types
    """Twilio's client, able to talk to another base URL, and with the way of authenticating that aiohttp keeps."""

    def __init__(self, base_url: str) -> None:
        super().__init__()
        self._base_url = base_url

    async def request(  # noqa: PLR0917 - the base class has them in this order
        self,
        method: str,
        url: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        **kwargs: Any,
    ) -> Response:
        """As the original, with the host replaced and the key as a header."""
        if auth is not None:
            headers = {**(headers or {}), "Authorization": aiohttp.encode_basic_auth(*auth)}
        url = url.replace(API_HOST, self._base_url, 1)
        return await super().request(method, url, params=params, data=data, headers=headers, **kwargs)


async def _bounded(call: Awaitable[Any], subject: str) -> Any:
    """One REST call within its time limit, its failures translated. ``subject``: the id it is about."""
    try:
        async with asyncio.timeout(CALL_TIMEOUT_S):
            return await call
    except TwilioException as error:
        code = _error_code(error)
        raise TelephonyFailed(
            f"Twilio refused a request about {subject}: error {code}.",
            gone=code in GONE,
            provider_code=code,
            next_step=f"See twilio.com/docs/api/errors/{code}.",
        ) from error
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise TelephonyFailed(
            f"Twilio did not answer a request about {subject}: {type(error).__name__}.",
            next_step="Check the network and TWILIO_API_BASE_URL.",
        ) from error


def _error_code(error: TwilioException) -> int | None:
    """Twilio's number. Where a list fails, the client leaves it in the response that it could not page through."""
    if isinstance(error, TwilioRestException):
        code: int = error.code
        return code
    try:
        body = json.loads(error.args[1].text)
        return int(body["code"])
    except (IndexError, AttributeError, KeyError, TypeError, ValueError):
        return None
