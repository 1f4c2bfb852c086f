"""Has the notice spoken to a participant of a call that we attach to. What nobody was told of is not transcribed."""

from __future__ import annotations

import asyncio

import structlog

from sidecar.domain.notice import Announcement, spoken_within_s
from sidecar.ports.telephony import Telephony

log = structlog.get_logger()


class NoticeSpeaker:
    """``notice``: the words, "" for none."""

    def __init__(self, telephony: Telephony, notice: str) -> None:
        self._telephony = telephony
        self._notice = notice

    async def speak(self, *, conference_sid: str, call_sid: str) -> None:
        """Returns when the participant has heard the notice, at once without one: now its first fork may be opened.

        Raises TelephonyFailed: it was not spoken, so do not open the fork; try again unless the call is ``gone``.
        """
        if not self._notice:
            return
        await self._telephony.announce(conference_sid, call_sid, kind=Announcement.NOTICE)
        log.info("notice_asked_for", call_sid=call_sid)
        await asyncio.sleep(spoken_within_s(self._notice))
