"""Transcripts in order of speech, read by the index on (conference, start)."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Select, func, select, tuple_

from sidecar.adapters.sql.engine import Database
from sidecar.adapters.sql.rows import event_of
from sidecar.adapters.sql.tables import conferences, events, utterances
from sidecar.domain.events import Event, UtteranceFinal
from sidecar.ports.transcripts import Place, Spoken


class SqlTranscripts:
    """Fulfils ``ports.transcripts.Transcripts``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def utterances(
        self, conference_id: str, *, until: int, beyond: Place | None = None, newest_first: bool = False, limit: int
    ) -> list[Event]:
        """At most ``limit`` ``utterance.final`` events in order of speech, or the other way round, after a place."""
        place = (utterances.c.start_ms, utterances.c.id)
        told = (events.c.conference_id == utterances.c.conference_id) & (events.c.seq == utterances.c.seq)
        statement = (
            select(events, conferences.c.tenant)
            .select_from(utterances.join(events, told).join(conferences, conferences.c.id == events.c.conference_id))
            .where(utterances.c.conference_id == conference_id, utterances.c.seq <= until)
            .order_by(*(column.desc() if newest_first else column for column in place))
            .limit(limit)
        )
        if beyond is not None:
            here, there = tuple_(*place), tuple_(beyond.start_ms, beyond.id)
            statement = statement.where(here < there if newest_first else here > there)
        return await self._events(statement)

    async def utterance(self, conference_id: str, utterance_id: str) -> tuple[Event, int] | None:
        """One line and its present revision."""
        told = (events.c.conference_id == utterances.c.conference_id) & (events.c.seq == utterances.c.seq)
        statement = (
            select(events, conferences.c.tenant, utterances.c.revision)
            .select_from(utterances.join(events, told).join(conferences, conferences.c.id == events.c.conference_id))
            .where(utterances.c.conference_id == conference_id, utterances.c.id == utterance_id)
        )
        async with self._database.read() as connection:
            row = (await connection.execute(statement)).one_or_none()
        return None if row is None else (event_of(row), row.revision)

    async def spoken(self, conference_id: str, *, until: int) -> list[Spoken]:
        """The sums of all utterances, per participant who has one."""
        statement = (
            select(
                utterances.c.participant_id.label("participant"),
                func.sum(utterances.c.end_ms - utterances.c.start_ms).label("talk_ms"),
                func.min(utterances.c.start_ms).label("first_ms"),
                func.max(utterances.c.end_ms).label("last_ms"),
            )
            .where(utterances.c.conference_id == conference_id, utterances.c.seq <= until)
            .group_by(utterances.c.participant_id)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(statement)).all()
        return [
            Spoken(
                participant=row.participant,
                talk_ms=int(row.talk_ms),  # PostgreSQL adds bigints up to a numeric
                first_ms=row.first_ms,
                last_ms=row.last_ms,
            )
            for row in rows
        ]

    async def events(
        self, conference_id: str, *, until: int, after: int = 0, types: Collection[str] | None = None, limit: int
    ) -> list[Event]:
        """At most ``limit`` events with ``seq > after``, in order of seq."""
        statement = (
            select(events, conferences.c.tenant)
            .join(conferences)
            .where(events.c.conference_id == conference_id, events.c.seq > after, events.c.seq <= until)
            .order_by(events.c.seq)
            .limit(limit)
        )
        return await self._events(statement if types is None else statement.where(events.c.type.in_(types)))

    async def other_events(self, conference_id: str, *, until: int, after: int = 0, limit: int = 1000) -> list[Event]:
        """What is not an utterance (who came, what was lost, when it ended) with ``seq > after``, in order of seq."""
        return await self._events(
            select(events, conferences.c.tenant)
            .join(conferences)
            .where(events.c.conference_id == conference_id, events.c.seq > after, events.c.seq <= until)
            .where(events.c.type != UtteranceFinal.type)
            .order_by(events.c.seq)
            .limit(limit)
        )

    async def _events(self, statement: Select[*tuple[object, ...]]) -> list[Event]:
        async with self._database.read() as connection:
            rows = (await connection.execute(statement)).all()
        return [event_of(row) for row in rows]
