"""The directory on SQL: who is where, in short transactions, and the single-use tokens of forks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Insert, Select, Update, bindparam, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.adapters.sql.conference_filter import conditions, is_own
from sidecar.adapters.sql.engine import Database, serialise
from sidecar.adapters.sql.projections import next_position
from sidecar.adapters.sql.rows import AnyRow, conference_of, fork_of, participant_of
from sidecar.adapters.sql.tables import PlainText, UtcDateTime, conferences, forks, participants
from sidecar.domain.conference.values import (
    Conference,
    ConferenceState,
    Fork,
    ForkState,
    Participant,
    ParticipantState,
    unique_label,
    unique_name,
)
from sidecar.domain.errors import ForkRefused, NotFound
from sidecar.ports.directory import BoundFork, ConferenceFilter, ConferencePlace, ForkRequest, RoomOfAnotherTenant

AnySelect = Select[*tuple[Any, ...]]

_NOT_ENDED = conferences.c.state != ConferenceState.ENDED
_THERE = conferences.c.erasing_at.is_(None)
_NEWEST_FIRST = (conferences.c.clock_zero.desc(), conferences.c.id.desc())


class SqlDirectory:
    """Fulfils ``ports.directory.Directory``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open_fork(self, request: ForkRequest) -> BoundFork:
        """Find or make conference, participant and fork; the fork is pending with the request's token afterwards."""
        async with self._database.write() as connection:
            # Two calls for the same new room arrive at once as a rule: the second must find what the first made.
            await serialise(connection, request.room or request.call_sid)
            conference_id = await _conference_for(connection, request)
            participant_id = await _participant_for(connection, request, conference_id)
            fork_id = await _fork_for(connection, request, conference_id, participant_id)
            return await _bound(connection, fork_id)

    async def find_or_open_conference(
        self, sid: str, *, room: str, conference_id: str, tenant: str, now: datetime
    ) -> Conference | None:
        """By its sid, else by its room, else a new one."""
        async with self._database.write() as connection:
            await serialise(connection, room)
            known = (await connection.execute(_of_sid(sid))).first()
            if known is not None:
                return conference_of(known)
            in_room = select(conferences).where(conferences.c.room == room, _NOT_ENDED).with_for_update()
            waiting = (await connection.execute(in_room)).first()
            if waiting is None:
                await connection.execute(_new_conference(conference_id, tenant, room, now).values(sid=sid))
            elif waiting.sid is None:
                await connection.execute(update(conferences).where(conferences.c.id == waiting.id).values(sid=sid))
            else:
                return None
            return conference_of((await connection.execute(_of_sid(sid))).one())

    async def open_participant(self, request: ForkRequest) -> BoundFork:
        """The request has no token."""
        async with self._database.write() as connection:
            await serialise(connection, request.room or request.call_sid)
            participant_id = await _participant_for(connection, request, request.conference_id)
            return await _bound(connection, await _fork_for(connection, request, request.conference_id, participant_id))

    async def renew_fork(self, fork_id: str, *, token_hash: str, expires_at: datetime) -> BoundFork:
        """A fresh token and the next epoch; the fork's state is left as it is."""
        async with self._database.write() as connection:
            renewed = await connection.execute(_new_token(fork_id, token_hash, expires_at))
            if renewed.rowcount == 0:
                raise NotFound(f"There is no fork {fork_id}.")
            return await _bound(connection, fork_id)

    async def claim_fork(self, *, token_hash: str, call_sid: str, stream_sid: str, now: datetime) -> BoundFork:
        """Spend a token in one statement, so that of many callers exactly one gets the fork."""
        spent = (
            update(forks)
            .where(
                forks.c.token_hash == token_hash,
                forks.c.token_used_at.is_(None),
                forks.c.token_expires_at > now,
                forks.c.call_sid == call_sid,
            )
            .values(token_used_at=now, stream_sid=stream_sid)
            .returning(forks.c.id)
        )
        async with self._database.write() as connection:
            fork_id = (await connection.execute(spent)).scalar_one_or_none()
            if fork_id is not None:
                return await _bound(connection, fork_id)
            row = (await connection.execute(select(forks).where(forks.c.token_hash == token_hash))).one_or_none()
        raise _refusal(row, call_sid=call_sid)

    async def bind_conference(self, conference_id: str, sid: str) -> Conference:
        """Note the provider's id. A sid that is noted already is left as it is. NotFound for an unknown id."""
        this = conferences.c.id == conference_id
        async with self._database.write() as connection:
            await connection.execute(update(conferences).where(this, conferences.c.sid.is_(None)).values(sid=sid))
            row = (await connection.execute(select(conferences).where(this))).one_or_none()
        if row is None:
            raise NotFound(f"There is no conference {conference_id}.")
        return conference_of(row)

    async def conference(self, id_or_sid: str, *, tenant: str | None = None) -> Conference | None:
        """By our id or the provider's."""
        wanted = select(conferences).where(_THERE, or_(conferences.c.id == id_or_sid, conferences.c.sid == id_or_sid))
        if tenant is not None:
            wanted = wanted.where(conferences.c.tenant == tenant)
        found = await self._conferences(wanted.order_by(*_NEWEST_FIRST).limit(1))
        return found[0] if found else None

    async def conference_in_room(self, room: str) -> Conference | None:
        """The conference of that room that has not ended."""
        found = await self._conferences(select(conferences).where(conferences.c.room == room, _NOT_ENDED))
        return found[0] if found else None

    async def conferences(
        self, *, room: str | None = None, tenant: str | None = None, agent: str | None = None, limit: int = 50
    ) -> list[Conference]:
        """Newest first."""
        wanted = select(conferences).where(_THERE).order_by(*_NEWEST_FIRST).limit(limit)
        if room is not None:
            wanted = wanted.where(conferences.c.room == room)
        if tenant is not None:
            wanted = wanted.where(conferences.c.tenant == tenant)
        if agent is not None:
            wanted = wanted.where(is_own(agent))
        return await self._conferences(wanted)

    async def listed(
        self, wanted: ConferenceFilter, *, beyond: ConferencePlace | None = None, limit: int
    ) -> list[Conference]:
        """Newest first, after a place."""
        statement = select(conferences).where(*conditions(wanted)).order_by(*_NEWEST_FIRST).limit(limit)
        if beyond is not None:
            here = tuple_(conferences.c.clock_zero, conferences.c.id)
            there = tuple_(bindparam("zero", beyond.clock_zero, UtcDateTime), bindparam("id", beyond.id, PlainText))
            statement = statement.where(here < there)
        return await self._conferences(statement)

    async def unfinished(self) -> list[Conference]:
        """Conferences without ``transcript.completed``, oldest first."""
        return await self._conferences(
            select(conferences)
            .where(conferences.c.completed_at.is_(None), _THERE)
            .order_by(conferences.c.clock_zero, conferences.c.id)
        )

    async def participants(self, conference_id: str) -> Sequence[Participant]:
        """In order of arrival."""
        wanted = select(participants).where(participants.c.conference_id == conference_id)
        return [participant_of(row) for row in await self._rows(wanted.order_by(participants.c.position))]

    async def forks(self, conference_id: str) -> Sequence[Fork]:
        """In order of making."""
        wanted = select(forks).where(forks.c.conference_id == conference_id).order_by(forks.c.position)
        return [fork_of(row) for row in await self._rows(wanted)]

    async def _conferences(self, statement: AnySelect) -> list[Conference]:
        return [conference_of(row) for row in await self._rows(statement)]

    async def _rows(self, statement: AnySelect) -> Sequence[AnyRow]:
        async with self._database.read() as connection:
            return (await connection.execute(statement)).all()


async def _conference_for(connection: AsyncConnection, request: ForkRequest) -> str:
    """The id of the conference the call goes to, locked; made if there is none."""
    if request.room is None:
        # A room of its own is named after its conference; a repeated request must find it by the call.
        of_call = participants.c.conference_id == conferences.c.id
        mine = select(conferences.c.id, conferences.c.tenant).join(participants, of_call)
        mine = mine.where(participants.c.call_sid == request.call_sid, conferences.c.room == conferences.c.id)
    else:
        mine = select(conferences.c.id, conferences.c.tenant).where(conferences.c.room == request.room)
    lock = mine.where(_NOT_ENDED).limit(1).with_for_update(key_share=True, of=conferences)
    found = (await connection.execute(lock)).first()
    if found is not None:
        if found.tenant != request.tenant:
            raise RoomOfAnotherTenant(
                f"Conference {found.id} goes on in the room that call {request.call_sid} asks for.",
                next_step="Give the rooms of each tenant names of their own.",
            )
        return str(found.id)
    room = request.room or request.conference_id
    await connection.execute(_new_conference(request.conference_id, request.tenant, room, request.now))
    return request.conference_id


def _new_conference(conference_id: str, tenant: str, room: str, now: datetime) -> Insert:
    return conferences.insert().values(
        id=conference_id, tenant=tenant, room=room, state=ConferenceState.WAITING, clock_zero=now, seq=0
    )


def _of_sid(sid: str) -> AnySelect:
    return select(conferences).where(conferences.c.sid == sid).order_by(*_NEWEST_FIRST).limit(1)


async def _participant_for(connection: AsyncConnection, request: ForkRequest, conference_id: str) -> str:
    present = select(participants.c.id, participants.c.call_sid, participants.c.label, participants.c.name)
    rows = (await connection.execute(present.where(participants.c.conference_id == conference_id))).all()
    for row in rows:
        if row.call_sid == request.call_sid:
            return str(row.id)
    await connection.execute(
        participants.insert().values(
            id=request.participant_id,
            conference_id=conference_id,
            position=await next_position(connection, conference_id),
            call_sid=request.call_sid,
            label=unique_label(request.label, {row.label for row in rows}),
            name=unique_name(request.name, {row.name for row in rows}),
            role=request.role,
            state=ParticipantState.EXPECTED,
            created_at=request.now,
        )
    )
    return request.participant_id


async def _fork_for(connection: AsyncConnection, request: ForkRequest, conference_id: str, participant_id: str) -> str:
    of_participant = select(forks.c.id).where(forks.c.participant_id == participant_id)
    fork_id = await connection.scalar(of_participant)
    if fork_id is not None and not request.token_hash:
        return str(fork_id)
    if fork_id is not None:
        renewed = _new_token(fork_id, request.token_hash, request.token_expires_at)
        await connection.execute(renewed.values(state=ForkState.PENDING))
        return str(fork_id)
    made = await connection.execute(select(forks.c.id).where(forks.c.conference_id == conference_id))
    conference = select(conferences).where(conferences.c.id == conference_id)
    clock = conference_of((await connection.execute(conference)).one())
    await connection.execute(
        forks.insert().values(
            id=request.fork_id,
            conference_id=conference_id,
            participant_id=participant_id,
            position=len(made.all()) + 1,
            call_sid=request.call_sid,
            state=ForkState.PENDING,
            epoch=1 if request.token_hash else 0,
            covered_ms=clock.clock_ms(request.now),  # what was said before the call came is not ours to cover
            token_hash=request.token_hash or None,
            token_expires_at=request.token_expires_at,
        )
    )
    return request.fork_id


def _new_token(fork_id: str, token_hash: str, expires_at: datetime) -> Update:
    """The old token names nothing any more."""
    return (
        update(forks)
        .where(forks.c.id == fork_id)
        .values(epoch=forks.c.epoch + 1, token_hash=token_hash, token_expires_at=expires_at, token_used_at=None)
    )


async def _bound(connection: AsyncConnection, fork_id: str) -> BoundFork:
    fork = (await connection.execute(select(forks).where(forks.c.id == fork_id))).one()
    participant = select(participants).where(participants.c.id == fork.participant_id)
    conference = select(conferences).where(conferences.c.id == fork.conference_id)
    return BoundFork(
        conference=conference_of((await connection.execute(conference)).one()),
        participant=participant_of((await connection.execute(participant)).one()),
        fork=fork_of(fork),
    )


def _refusal(row: AnyRow | None, *, call_sid: str) -> ForkRefused:
    """Why the token did not open anything, for the counters and the log."""
    if row is None:
        return ForkRefused("The token of the media stream is unknown.", code="fork_token_unknown")
    if row.token_used_at is not None:
        return ForkRefused(f"The token of fork {row.id} was used before.", code="fork_token_used")
    if row.call_sid != call_sid:
        return ForkRefused(f"The token of fork {row.id} belongs to another call.", code="fork_token_other_call")
    return ForkRefused(f"The token of fork {row.id} came too late.", code="fork_token_expired")
