"""Rows for calls that are in a conference without having asked us for their TwiML."""

from __future__ import annotations

import asyncio
from itertools import chain, repeat

import structlog

from sidecar.domain.assistant.stay import Assistant, id_in_label, is_assistant
from sidecar.domain.conference.facts import Met
from sidecar.domain.conference.values import Conference, Participant, ParticipantState, Role, role_of
from sidecar.domain.errors import StoreUnavailable, TelephonyFailed
from sidecar.ports.assistants import Assistants
from sidecar.ports.clock import Clock
from sidecar.ports.directory import Directory, ForkRequest
from sidecar.ports.telephony import Telephony

log = structlog.get_logger()

# The address only decides a role, which can be corrected: it is not worth that words are lost.
ADDRESS_TIMEOUT_S = 2.0
STORE_BACKOFF_S = (0.5, 1.0, 2.0, 4.0)


class Introduction:
    """Finds out who a stranger is and makes its rows."""

    def __init__(
        self, *, directory: Directory, telephony: Telephony, clock: Clock, assistants: Assistants | None = None
    ) -> None:
        """``assistants``: by which our own are known."""
        self._assistants = assistants
        self._directory = directory
        self._telephony = telephony
        self._clock = clock

    async def make(self, conference: Conference, call_sid: str, label: str) -> Met:
        """Goes on until the store takes the rows. Our own assistant gets no fork; one that nobody wants any more, and
        whose leg is in the room all the same, is put out."""
        now = self._clock.now()
        ours = await self._assistant_on(call_sid, label)
        if ours is not None and ours.live:
            return Met(participant=_participant(ours, call_sid), fork=None)
        if ours is not None or is_assistant(label):
            if ours is not None:  # others may have assistants of their own
                await self._put_out(conference, call_sid)
            return Met(participant=self._stranger(conference, call_sid, label), fork=None)
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

    async def _assistant_on(self, call_sid: str, label: str) -> Assistant | None:
        """The assistant whose leg this is, by its label or its call."""
        if self._assistants is None:
            return None
        for wait_s in chain(STORE_BACKOFF_S, repeat(STORE_BACKOFF_S[-1])):
            try:
                return await self._assistants.of_leg(call_sid, id_in_label(label) if is_assistant(label) else "")
            except StoreUnavailable as error:
                log.warning("call_not_met", call_sid=call_sid, code=error.code)
                await asyncio.sleep(wait_s)
        return None

    async def _put_out(self, conference: Conference, call_sid: str) -> None:
        if conference.sid is None:
            return
        try:
            await self._telephony.remove(conference.sid, call_sid)
        except TelephonyFailed as error:
            log.warning("orphan_not_removed", conference=conference.id, call_sid=call_sid, code=error.code)
        else:
            log.info("orphan_removed", conference=conference.id, call_sid=call_sid)

    def _stranger(self, conference: Conference, call_sid: str, label: str) -> Participant:
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


def _participant(assistant: Assistant, call_sid: str) -> Participant:
    return Participant(
        id=assistant.participant_id,
        conference_id=assistant.conference_id,
        call_sid=call_sid,
        label=assistant.label,
        name=assistant.name,
        role=Role.ASSISTANT,
        state=ParticipantState.EXPECTED,
    )
