"""The assistant's leg at the telephone network: announced, called in, heard by whom it should be, put out again."""

from __future__ import annotations

import msgspec
import structlog

from sidecar.domain.assistant.stay import Announce, Assistant
from sidecar.domain.conference.values import Conference
from sidecar.domain.errors import StoreUnavailable, TelephonyFailed
from sidecar.domain.notice import Announcement, assistant_joins, spoken_within_s
from sidecar.ports.assistants import Assistants
from sidecar.ports.telephony import AssistantLeg, Telephony

log = structlog.get_logger()


class LegPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How its leg is called: the TwiML application, the number, and how long it may stay."""

    application_sid: str
    from_number: str
    time_limit_s: int


class Leg:
    """Of one assistant. ``call_sid``: its call, once that is known."""

    def __init__(
        self,
        assistant: Assistant,
        conference: Conference,
        policy: LegPolicy,
        *,
        telephony: Telephony,
        rows: Assistants,
    ) -> None:
        self._assistant = assistant
        self._conference = conference
        self._policy = policy
        self._telephony = telephony
        self._rows = rows
        self.call_sid = assistant.call_sid

    async def announce(self) -> float:
        """Everybody hears that it comes, for so many seconds from now on. Raises TelephonyFailed."""
        assistant, sid = self._assistant, self._conference.sid
        if assistant.announce is Announce.NONE or sid is None:
            return 0.0
        asks = assistant.announce is Announce.ASK
        await self._telephony.announce(sid, None, kind=Announcement.ASSISTANT_ASKS if asks else Announcement.ASSISTANT)
        return spoken_within_s(assistant_joins(assistant.name, asks=asks))

    async def call_in(self, coached: str | None) -> None:
        """It rings and answers by itself. ``coached``: who alone hears it. Raises TelephonyFailed."""
        assistant, sid = self._assistant, self._conference.sid
        if sid is None:
            raise TelephonyFailed("The conference has not begun.", refused=True)
        self.call_sid = await self._telephony.join_assistant(
            sid,
            AssistantLeg(
                invite=assistant.id,
                label=assistant.label,
                application_sid=self._policy.application_sid,
                from_number=self._policy.from_number,
                time_limit_s=self._policy.time_limit_s,
                coached=coached,
            ),
        )
        log.info("assistant_called_in", assistant=assistant.id, call_sid=self.call_sid)
        try:
            await self._rows.know_call(assistant.id, self.call_sid)
        except StoreUnavailable as error:
            log.warning("assistant_call_not_noted", assistant=assistant.id, code=error.code)

    async def is_heard_by(self, coached: str | None) -> None:
        """Only by this call from now on, or by everybody (None). Raises TelephonyFailed."""
        if self._conference.sid is not None and self.call_sid is not None:
            await self._telephony.set_audience(self._conference.sid, self.call_sid, coached=coached)

    async def put_out(self) -> None:
        """It leaves the conference. Where that fails, it gets no further line, and its time limit ends it."""
        try:
            await self._rows.dismiss(self._assistant.id)
            if self._conference.sid is not None and self.call_sid is not None:
                await self._telephony.remove(self._conference.sid, self.call_sid)
        except (TelephonyFailed, StoreUnavailable) as error:
            log.warning("assistant_not_removed", assistant=self._assistant.id, code=error.code)

    async def held(self) -> None:
        """A line of it was open for a while."""
        try:
            await self._rows.line_held(self._assistant.id)
        except StoreUnavailable as error:
            log.warning("line_not_noted", assistant=self._assistant.id, code=error.code)

    async def dismiss(self) -> None:
        """Whatever becomes of us, it is to go. Raises StoreUnavailable."""
        await self._rows.dismiss(self._assistant.id)
