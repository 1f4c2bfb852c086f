"""Calls somebody into a conference that goes on, if the policy allows it."""

from __future__ import annotations

import msgspec
import structlog

from sidecar.domain.conference.values import Conference
from sidecar.domain.dial_out import DialOutPolicy, DialOutRefused, callee
from sidecar.domain.errors import ConferenceOver
from sidecar.ports.clock import Clock
from sidecar.ports.dial_outs import DialOut, DialOuts
from sidecar.ports.directory import Directory
from sidecar.ports.telephony import Telephony

log = structlog.get_logger()


class Dialled(msgspec.Struct, frozen=True, kw_only=True):
    """A call that the provider has taken; whether somebody answers it is told by ``participant.joined``."""

    conference: str
    call_sid: str
    label: str


class Dialler:
    """``telephony`` None: there is no account to call with."""

    def __init__(
        self,
        policy: DialOutPolicy,
        *,
        directory: Directory,
        dial_outs: DialOuts,
        telephony: Telephony | None,
        clock: Clock,
    ) -> None:
        self._policy = policy
        self._directory = directory
        self._dial_outs = dial_outs
        self._telephony = telephony
        self._clock = clock

    async def dial(self, conference: Conference, *, number: str, label: str, caller: str) -> Dialled:
        """Once, never again by itself. Raises DialOutRefused and ConferenceOver before anybody is called, and
        TelephonyFailed: perhaps somebody is called all the same, unless the provider refused."""
        who = callee(number, self._policy)
        if self._telephony is None:
            raise DialOutRefused(
                "There is no account to call with.",
                code="dial_out_off",
                next_step="Set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN.",
            )
        if conference.sid is None:
            raise ConferenceOver(f"Conference {conference.id} has not begun at the network.", code="conference_waiting")
        taken = {one.label for one in await self._directory.participants(conference.id)}
        wish = DialOut(
            id=self._clock.new_id("dlo"),
            tenant=conference.tenant,
            conference_id=conference.id,
            caller=caller,
            country=who.country,
            label=label,
            at=self._clock.now(),
        )
        policy = self._policy
        reserved = await self._dial_outs.reserve(wish, taken=taken, per_hour=policy.per_hour, per_day=policy.per_day)
        log.info("dialling", dial_out=reserved.id, conference=conference.id, caller=caller, country=who.country)
        call_sid = await self._telephony.dial(
            conference.sid, from_number=policy.from_number, to_number=who.number, label=reserved.label
        )
        log.info("dialled", dial_out=reserved.id, conference=conference.id, call_sid=call_sid)
        return Dialled(conference=conference.id, call_sid=call_sid, label=reserved.label)
