"""What follows from an event for the rows of conference, participant and fork; runs in the event's transaction.

The conference's row is locked by then, so reading before writing is safe here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.adapters.sql.alerts import project_alert
from sidecar.adapters.sql.keeping.forgetting import forget_words
from sidecar.adapters.sql.tables import assistants, conferences, forks, participants
from sidecar.domain.alerts.events import AlertAcknowledged, AlertRaised
from sidecar.domain.assistant.events import AssistantFailed, AssistantJoined, AssistantLeft, AssistantTurn
from sidecar.domain.assistant.stay import Stage
from sidecar.domain.blocks import display_name
from sidecar.domain.conference.values import ConferenceState, ForkState, ParticipantState, Role
from sidecar.domain.events import (
    ConferenceEnded,
    ConferenceStarted,
    Coverage,
    Entry,
    Event,
    ForkInterrupted,
    ForkResumed,
    ForkStarted,
    ForkStopped,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantUpdated,
    TranscriptCompleted,
    TranscriptGap,
    TranscriptPaused,
    TranscriptResumed,
)
from sidecar.domain.redaction.events import UtteranceRedacted


async def project(connection: AsyncConnection, event: Event) -> None:
    """Bring the rows up to date with one stored event. Utterance rows and coverage are written in bulk elsewhere."""
    match event.data:
        case ConferenceStarted() | ConferenceEnded() | TranscriptPaused() | TranscriptResumed() | TranscriptCompleted():
            await _project_conference(connection, event)
        case ParticipantJoined() | ParticipantUpdated() | ParticipantLeft():
            await _project_participant(connection, event)
        case ForkStarted() | ForkResumed() | ForkInterrupted() | ForkStopped():
            await _project_fork(connection, event)
        case AssistantJoined() | AssistantTurn() | AssistantLeft() | AssistantFailed():
            await _project_assistant(connection, event)
        case AlertRaised() | AlertAcknowledged():
            await project_alert(connection, event)
        case UtteranceRedacted() as redacted:
            await forget_words(connection, event, redacted)
        case _:
            pass


async def _project_conference(connection: AsyncConnection, event: Event) -> None:
    this = update(conferences).where(conferences.c.id == event.conference)
    match event.data:
        case ConferenceStarted(conference_sid=sid):
            # Callbacks arrive in any order: an ended conference never goes back to live.
            waiting = this.where(conferences.c.state == ConferenceState.WAITING)
            await connection.execute(waiting.values(state=ConferenceState.LIVE))
            if sid is not None:
                await connection.execute(this.where(conferences.c.sid.is_(None)).values(sid=sid))
        case ConferenceEnded():
            not_ended = this.where(conferences.c.state != ConferenceState.ENDED)
            await connection.execute(not_ended.values(state=ConferenceState.ENDED, ended_at=event.timestamp))
        case TranscriptPaused(at_ms=at_ms):
            await connection.execute(this.values(paused_ms=at_ms, resumed_ms=None))
        case TranscriptResumed(at_ms=at_ms):
            await connection.execute(this.values(resumed_ms=at_ms))
        case TranscriptCompleted():
            await connection.execute(this.values(completed_at=event.timestamp))
        case _:
            pass


async def _project_participant(connection: AsyncConnection, event: Event) -> None:
    match event.data:
        case ParticipantJoined() as joined:
            known = _told(joined) | {"state": ParticipantState.JOINED}
            found = await connection.execute(
                update(participants).where(participants.c.id == joined.participant).values(known)
            )
            if found.rowcount == 0:  # joined without asking us for TwiML first
                await connection.execute(
                    participants.insert().values(
                        id=joined.participant,
                        conference_id=event.conference,
                        position=await next_position(connection, event.conference),
                        call_sid=joined.call_sid,
                        created_at=event.timestamp,
                        **known,
                    )
                )
        case ParticipantUpdated() as updated:
            await connection.execute(
                update(participants).where(participants.c.id == updated.participant).values(_told(updated))
            )
        case ParticipantLeft() as left:
            values: dict[str, Any] = {"state": ParticipantState.LEFT} | _numbered(left)
            await connection.execute(update(participants).where(participants.c.id == left.participant).values(values))
        case _:
            pass


def _told(data: ParticipantJoined | ParticipantUpdated) -> dict[str, Any]:
    return {
        "label": data.label,
        "name": data.name,
        "role": data.role,
        "label_words": data.label,
        "called_words": display_name(data.name, data.label),
        "muted": data.muted,
        "hold": data.hold,
        "coaching": data.coaching,
    } | _numbered(data)


def _numbered(data: ParticipantJoined | ParticipantUpdated | ParticipantLeft) -> dict[str, Any]:
    return {} if data.provider_seq is None else {"provider_seq": data.provider_seq}


async def next_position(connection: AsyncConnection, conference_id: str) -> int:
    """The place of a new participant (and its fork) in the order of arrival."""
    last = await connection.scalar(
        select(func.max(participants.c.position)).where(participants.c.conference_id == conference_id)
    )
    return (last or 0) + 1


async def _project_fork(connection: AsyncConnection, event: Event) -> None:
    match event.data:
        case ForkStarted(fork=fork, stream_sid=stream_sid) | ForkResumed(fork=fork, stream_sid=stream_sid):
            values = {"state": ForkState.LIVE, "stream_sid": stream_sid}
            await connection.execute(update(forks).where(forks.c.id == fork).values(values))
        case ForkInterrupted(fork=fork):
            still_open = update(forks).where(forks.c.id == fork, forks.c.state != ForkState.STOPPED)
            await connection.execute(still_open.values(state=ForkState.INTERRUPTED))
        case ForkStopped(fork=fork):
            await connection.execute(update(forks).where(forks.c.id == fork).values(state=ForkState.STOPPED))
        case _:
            pass


async def _project_assistant(connection: AsyncConnection, event: Event) -> None:
    match event.data:
        case AssistantJoined() as joined:
            known = {"stage": Stage.JOINED, "joined_at": event.timestamp, "call_sid": joined.call_sid}
            await _change_live(connection, joined.assistant, known)
            await _meet_assistant(connection, event, joined)
        case AssistantTurn(assistant=assistant):
            await connection.execute(update(assistants).where(assistants.c.id == assistant).values(speaking=None))
        case AssistantLeft(assistant=assistant, reason=reason):
            ended = {"stage": Stage.LEFT, "ended_at": event.timestamp, "reason": reason, "dismissed": True}
            await _change_live(connection, assistant, ended)
        case AssistantFailed(assistant=assistant, reason=reason, detail=detail):
            ended = {"stage": Stage.FAILED, "ended_at": event.timestamp, "reason": reason, "dismissed": True}
            await _change_live(connection, assistant, ended | {"detail": detail})
        case _:
            pass


async def _change_live(connection: AsyncConnection, assistant: str, values: dict[str, Any]) -> None:
    """What is over stays over."""
    this = assistants.c.id == assistant
    live = assistants.c.stage.in_((Stage.REQUESTED, Stage.JOINED))
    await connection.execute(update(assistants).where(this, live).values(values))


async def _meet_assistant(connection: AsyncConnection, event: Event, joined: AssistantJoined) -> None:
    """Its line may be open before the provider tells that it is in the room; its words need a participant."""
    known = select(participants.c.id).where(
        participants.c.conference_id == event.conference, participants.c.call_sid == joined.call_sid
    )
    if await connection.scalar(known) is not None:
        return
    await connection.execute(
        participants.insert().values(
            id=joined.participant,
            conference_id=event.conference,
            position=await next_position(connection, event.conference),
            call_sid=joined.call_sid,
            label=joined.label,
            name=joined.name,
            role=Role.ASSISTANT,
            state=ParticipantState.EXPECTED,
            created_at=event.timestamp,
        )
    )


def fork_named_by(entry: Entry) -> str | None:
    """The fork that an entry speaks of, if any."""
    if isinstance(entry, Coverage):
        return entry.fork
    return getattr(entry.data, "fork", None) or None


def coverage_of(entries: Iterable[Entry]) -> dict[str, int]:
    """Fork to the conference clock up to which these entries leave nothing uncovered.

    A final does not say it: another session may still hear again what was said before.
    """
    covered: dict[str, int] = {}
    for entry in entries:
        match entry if isinstance(entry, Coverage) else entry.data:
            # Before its first stream a fork has nothing to cover.
            case (
                Coverage(fork=fork, covered_ms=until)
                | TranscriptGap(fork=fork, to_ms=until)
                | ForkStarted(fork=fork, at_ms=until)
            ):
                covered[fork] = max(until, covered.get(fork, 0))
            case _:
                pass
    return covered


async def raise_coverage(connection: AsyncConnection, covered: Mapping[str, int]) -> None:
    """Raise ``covered_ms``; it never falls."""
    if not covered:
        return
    raised = (
        update(forks)
        .where(forks.c.id == bindparam("fork"), forks.c.covered_ms < bindparam("until"))
        .values(covered_ms=bindparam("until"))
    )
    await connection.execute(raised, [{"fork": fork, "until": until} for fork, until in sorted(covered.items())])
