"""Rows to the values of ``domain.conference.values`` and ``domain.events``."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Row

from sidecar.domain.assistant.stay import Announce, Assistant, Audience, Speaks, Spoken, Stage
from sidecar.domain.conference.values import (
    Conference,
    ConferenceState,
    Fork,
    ForkState,
    Participant,
    ParticipantState,
    Role,
)
from sidecar.domain.errors import SidecarError
from sidecar.domain.events import Event, decode_data

AnyRow = Row[*tuple[Any, ...]]


def conference_of(row: AnyRow) -> Conference:
    """A row of ``conferences``."""
    return Conference(
        id=row.id,
        tenant=row.tenant,
        room=row.room,
        sid=row.sid,
        state=ConferenceState(row.state),
        clock_zero=row.clock_zero,
        ended_at=row.ended_at,
        seq=row.seq,
        paused_ms=row.paused_ms,
        resumed_ms=row.resumed_ms,
    )


def participant_of(row: AnyRow) -> Participant:
    """A row of ``participants``."""
    return Participant(
        id=row.id,
        conference_id=row.conference_id,
        call_sid=row.call_sid,
        label=row.label,
        name=row.name,
        role=Role(row.role),
        state=ParticipantState(row.state),
        muted=row.muted,
        hold=row.hold,
        coaching=row.coaching,
        provider_seq=row.provider_seq,
    )


def fork_of(row: AnyRow) -> Fork:
    """A row of ``forks``."""
    return Fork(
        id=row.id,
        conference_id=row.conference_id,
        participant_id=row.participant_id,
        call_sid=row.call_sid,
        state=ForkState(row.state),
        epoch=row.epoch,
        stream_sid=row.stream_sid,
        covered_ms=row.covered_ms,
    )


def assistant_of(row: AnyRow) -> Assistant:
    """A row of ``assistants``, without its token."""
    return Assistant(
        id=row.id,
        conference_id=row.conference_id,
        participant_id=row.participant_id,
        tenant=row.tenant,
        name=row.name,
        by=row.by,
        prompt=row.prompt,
        speaks=Speaks(row.speaks),
        announce=Announce(row.announce),
        audience=Audience(row.audience),
        requested_at=row.requested_at,
        stage=Stage(row.stage),
        muted=row.muted,
        call_sid=row.call_sid,
        joined_at=row.joined_at,
        ended_at=row.ended_at,
        renderings=row.renderings,
        dismissed=row.dismissed,
        reason=row.reason,
        detail=row.detail,
        speaking=msgspec.json.decode(row.speaking, type=Spoken) if row.speaking else None,
    )


def event_of(row: AnyRow) -> Event:
    """A row of ``events`` with the ``tenant`` of its conference. SidecarError for a type of a later version."""
    try:
        data = decode_data(row.type, row.data)
    except KeyError as error:
        raise SidecarError(
            f"Event {row.id} is of type {row.type}, which this version does not know.",
            next_step="Run a version that is at least as new as the one that wrote the database.",
            code="event_type_unknown",
        ) from error
    return Event(
        id=row.id,
        type=row.type,
        seq=row.seq,
        timestamp=row.timestamp,
        conference=row.conference_id,
        conference_sid=row.conference_sid,
        tenant=row.tenant,
        data=data,
    )
