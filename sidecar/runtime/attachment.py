"""Rows for calls that are in a conference without having asked us for their TwiML."""

from __future__ import annotations

import asyncio
from itertools import chain, repeat

import structlog

from sidecar.domain.attachment import is_assistant
from sidecar.domain.conference import Conference, Participant, ParticipantState, Role, role_of
from sidecar.domain.conference_facts import Met
from sidecar.domain.errors import StoreUnavailable, TelephonyFailed
from sidecar.ports.clock import Clock
from sidecar.ports.directory import Directory, ForkRequest
from sidecar.ports.telephony import Telephony

log = structlog.get_logger()

# The address only decides a role, which can be corrected: it is not worth that words are lost.
ADDRESS_TIMEOUT_S = 2.0
STORE_BACKOFF_S = (0.5, 1.0, 2.0, 4.0)


class Introduction:
    """Finds out who a stranger is and makes its rows."""

    def __init__(self, *, directory: Directory, telephony: Telephony, clock: Clock) -> None:
        self._directory = directory
        self._telephony = telephony
        self._clock = clock

    async def make(self, conference: Conference, call_sid: str, label: str) -> Met:
        """Goes on until the store takes the rows. Our own assistant gets no fork."""
        now = self._clock.now()
        if is_assistant(label):
            return Met(participant=self._assistant(conference, call_sid, label), fork=None)
        role = await self._role(call_sid, label)
        word = label or (role.value if role is not Role.OTHER else "caller")
        request = ForkRequest(
            conference_id=conference.id,
            participant_id=self._clock.new_id("par"),
            fork_id=self._clock.new_id("frk"),
            tenant=conference.tenant,
            room=conference.room,
            call_sid=call_sid,
            label=word,
            name=word.replace("_", " ").capitalize(),
            role=role,
            token_hash="",
            token_expires_at=now,
            now=now,
        )
        for wait_s in chain(STORE_BACKOFF_S, repeat(STORE_BACKOFF_S[-1])):
            try:
                bound = await self._directory.open_participant(request)
            except StoreUnavailable as error:
                log.warning("call_not_met", conference=conference.id, call_sid=call_sid, code=error.code)
                await asyncio.sleep(wait_s)
            else:
                break
        log.info("call_met", conference=conference.id, participant=bound.participant.id, fork=bound.fork.id)
        return Met(participant=bound.participant, fork=bound.fork)

    def _assistant(self, conference: Conference, call_sid: str, label: str) -> Participant:
        return Participant(
            id=self._clock.new_id("par"),
            conference_id=conference.id,
            call_sid=call_sid,
            label=label,
            name="Assistant",
            role=Role.ASSISTANT,
            state=ParticipantState.EXPECTED,
        )

    async def _role(self, call_sid: str, label: str) -> Role:
        """By the label; only where that says nothing, by the address."""
        role = role_of(parameter=None, label=label, address="")
        if role is not Role.OTHER:
            return role
        try:
            async with asyncio.timeout(ADDRESS_TIMEOUT_S):
                return role_of(parameter=None, label=label, address=await self._telephony.address(call_sid))
        except (TelephonyFailed, TimeoutError) as error:
            log.warning("address_unknown", call_sid=call_sid, error=type(error).__name__)
            return Role.OTHER
