"""What ports.telephony asks, in the words of Twilio's REST API.

The vendor's library is behind ``twilio_client``. It takes the better part of a second to be imported, so that is done
aside, at the first question: neither a start nor anybody's audio waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec

from sidecar.domain.errors import TelephonyFailed
from sidecar.domain.notice import Announcement
from sidecar.ports.telephony import AssistantLeg, ConferenceStatus, LiveParticipant

if TYPE_CHECKING:
    from sidecar.adapters.twilio_client import TwilioClient

# A dialled telephone rings so long.
RING_S = 30
IN_PROGRESS = ("init", "in-progress")
# twilio.com/docs/voice/api/call-resource: the states that nothing follows.
CALL_OVER = ("completed", "busy", "failed", "no-answer", "canceled")


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
        self._opened: TwilioClient | None = None

    async def find_conference(self, room: str) -> str | None:
        """The conference of that room that is not over: rooms are one at a time."""
        found = await self.ask(lambda client: client.conferences.list_async(friendly_name=room, limit=20), room)
        return next((str(c.sid) for c in found if c.status in IN_PROGRESS), None)

    async def status(self, conference_sid: str) -> ConferenceStatus:
        """Waiting or running is in progress. A completed conference is not updated after its end."""
        try:
            fetched = await self.ask(lambda client: client.conferences(conference_sid).fetch_async(), conference_sid)
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
        listed = await self.ask(
            lambda client: client.conferences(conference_sid).participants.list_async(), conference_sid
        )
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

    async def is_over(self, call_sid: str) -> bool:
        """GET Calls/{CA}."""
        try:
            call = await self.ask(lambda client: client.calls(call_sid).fetch_async(), call_sid)
        except TelephonyFailed as error:
            if error.gone:
                return True
            raise
        return call.status in CALL_OVER

    async def start_stream(self, call_sid: str, *, name: str, parameters: Mapping[str, str]) -> str:
        """POST Calls/{CA}/Streams; the parameters come back in the stream's start message."""
        numbered = {
            f"parameter{i}_{part}": text
            for i, (key, value) in enumerate(parameters.items(), start=1)
            for part, text in (("name", key), ("value", value))
        }
        made = await self.ask(
            lambda client: client.calls(call_sid).streams.create_async(
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
        try:
            await self.ask(lambda client: client.calls(call_sid).streams(name).update_async(status="stopped"), call_sid)
        except TelephonyFailed as error:
            if not error.gone:
                raise

    async def address(self, call_sid: str) -> str:
        """Of a call that came in, who called; of one that we or somebody else placed, who was called."""
        call = await self.ask(lambda client: client.calls(call_sid).fetch_async(), call_sid)
        caller = call._from  # noqa: SLF001 - the client's name for "from", which is a word of Python
        return str((caller if call.direction == "inbound" else call.to) or "")

    async def announce(self, conference_sid: str, call_sid: str | None, *, kind: Announcement) -> None:
        """Participant or conference update with AnnounceUrl; twilio.com/docs/voice/api/conference-participant-resource,
        twilio.com/docs/voice/api/conference-resource."""
        url = f"{self._announcements_url}/{kind}"

        def ask(client: Any) -> Awaitable[Any]:
            conference = client.conferences(conference_sid)
            hearer = conference if call_sid is None else conference.participants(call_sid)
            answer: Awaitable[Any] = hearer.update_async(announce_url=url, announce_method="POST")
            return answer

        await self.ask(ask, call_sid or conference_sid)

    async def dial(self, conference_sid: str, *, from_number: str, to_number: str, label: str) -> str:
        """Participants.create by the conference's SID; twilio.com/docs/voice/api/conference-participant-resource."""
        dialled = await self.ask(
            lambda client: client.conferences(conference_sid).participants.create_async(
                from_=from_number, to=to_number, label=label, beep="false", end_conference_on_exit=False, timeout=RING_S
            ),
            conference_sid,
        )
        return str(dialled.call_sid)

    async def join_assistant(self, conference_sid: str, leg: AssistantLeg) -> str:
        """Participants.create by the conference's SID: by its name, Twilio would open a room if it were over.

        ``To=app:``: twilio.com/docs/voice/api/conference-participant-resource. What follows the question mark comes
        back with the request for TwiML.
        """
        invite = urlencode({"invite": leg.invite})
        coaching = {} if leg.coached is None else {"coaching": True, "call_sid_to_coach": leg.coached}
        made = await self.ask(
            lambda client: client.conferences(conference_sid).participants.create_async(
                from_=leg.from_number,
                to=f"app:{leg.application_sid}?{invite}",
                label=leg.label,
                start_conference_on_enter=False,
                end_conference_on_exit=False,
                beep="false",
                early_media=False,
                time_limit=leg.time_limit_s,
                jitter_buffer_size="small",
                status_callback=f"{self._participant_events_url}?{invite}",
                status_callback_event=["initiated", "ringing", "answered", "completed"],
                **coaching,
            ),
            conference_sid,
        )
        return str(made.call_sid)

    async def remove(self, conference_sid: str, call_sid: str) -> None:
        """DELETE of the participant, then the end of the call: while it is not in the room yet, there is only that."""
        ends: tuple[Callable[[Any], Awaitable[Any]], ...] = (
            lambda client: client.conferences(conference_sid).participants(call_sid).delete_async(),
            lambda client: client.calls(call_sid).update_async(status="completed"),
        )
        for end in ends:
            try:
                await self.ask(end, call_sid)
            except TelephonyFailed as error:
                if not error.gone:
                    raise

    async def set_audience(self, conference_sid: str, call_sid: str, *, coached: str | None) -> None:
        """Participant update with Coaching."""
        changed = {"coaching": False} if coached is None else {"coaching": True, "call_sid_to_coach": coached}
        await self.ask(
            lambda client: client.conferences(conference_sid).participants(call_sid).update_async(**changed), call_sid
        )

    async def ask(self, question: Callable[[Any], Awaitable[Any]], subject: str) -> Any:
        """Anything of Twilio's client, within its limits. ``subject``: the id that it is about, for errors.

        Raises TelephonyFailed.
        """
        return await (await self._client()).ask(question, subject)

    async def close(self) -> None:
        """Close the client's connections."""
        if self._opened is not None:
            await self._opened.close()
            self._opened = None

    async def _client(self) -> TwilioClient:
        if self._opened is None:
            module = await asyncio.to_thread(import_module, "sidecar.adapters.twilio_client")
            self._opened = self._opened or module.TwilioClient(self._account)  # somebody else may have been faster
        return self._opened
