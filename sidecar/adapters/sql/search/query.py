"""Searches on SQL: the words by each database's own full-text index, all else by ordinary conditions.

Newest first, in the order of storing: an index gives its hits in that order, so a common word costs no more than a rare
one. A search that takes too long all the same, because nearly all of many hits are of somebody else, is stopped.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    cast,
    column,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
    table,
    tuple_,
)
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.adapters.sql.engine import Database
from sidecar.adapters.sql.rows import AnyRow, conference_of
from sidecar.adapters.sql.search.folded import has_words
from sidecar.adapters.sql.search.tables import FTS_TABLE, utterance_words
from sidecar.adapters.sql.tables import conferences, participants, utterances
from sidecar.domain.conference.values import Conference, Role
from sidecar.domain.search import SearchQuery, Term
from sidecar.ports.search import CallPlace, Calls, Found, SearchTimedOut

AnySelect = Select[*tuple[Any, ...]]

SEARCH_TIMEOUT_S = 3.0

# SQLite's machine does so many steps, less than a ms, between two looks at the time.
_STEPS_BETWEEN_LOOKS = 5_000
_QUERY_CANCELED = "57014"

_fts = table(FTS_TABLE, column("rowid"))
_line = utterance_words.c


class SqlSearch:
    """Fulfils ``ports.search.Search``."""

    def __init__(self, database: Database, *, timeout_s: float = SEARCH_TIMEOUT_S) -> None:
        self._database = database
        self._timeout_s = timeout_s

    async def lines(
        self, query: SearchQuery, calls: Calls, *, before: int | None = None, limit: int
    ) -> Sequence[Found]:
        """At most ``limit`` lines that fit the query, said in these calls, newest first; those behind a ``place``."""
        sqlite = self._database.is_sqlite
        # The order in which SQLite's index gives its hits by itself.
        place = _fts.c.rowid if sqlite and query.wanted else _line.n
        statement = _lines(query, sqlite=sqlite).where(_line.tenant == calls.tenant, *_of_calls(calls))
        if before is not None:
            statement = statement.where(place < before)
        async with self._reading() as connection:
            rows = (await connection.execute(statement.order_by(place.desc()).limit(limit))).all()
        return [_found(row) for row in rows]

    async def calls(self, calls: Calls, *, before: CallPlace | None = None, limit: int) -> Sequence[Conference]:
        """At most ``limit`` of these calls, newest first; those behind a place."""
        place = (conferences.c.clock_zero, conferences.c.id)
        statement = select(conferences).where(*_of_calls(calls))
        if before is not None:
            statement = statement.where(tuple_(*place) < tuple_(before.clock_zero, before.id))
        async with self._reading() as connection:
            wanted = statement.order_by(*(part.desc() for part in place)).limit(limit)
            rows = (await connection.execute(wanted)).all()
        return [conference_of(row) for row in rows]

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection whose statement the database itself stops when its time is over. Raises SearchTimedOut then."""
        async with self._database.read() as connection:
            limited = _limited_sqlite if self._database.is_sqlite else _limited_postgresql
            try:
                async with limited(connection, self._timeout_s):
                    yield connection
            except DBAPIError as error:
                if not _was_stopped(error):
                    raise
                raise SearchTimedOut(
                    f"The search was stopped after {self._timeout_s:g} s.",
                    next_step="Name a conference or a time (from, to), or look for a rarer word.",
                ) from error


@asynccontextmanager
async def _limited_sqlite(connection: AsyncConnection, timeout_s: float) -> AsyncIterator[None]:
    driver: Any = (await connection.get_raw_connection()).driver_connection
    deadline = time.monotonic() + timeout_s
    await driver.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS_BETWEEN_LOOKS)
    try:
        yield
    finally:
        await driver.set_progress_handler(None, 0)


@asynccontextmanager
async def _limited_postgresql(connection: AsyncConnection, timeout_s: float) -> AsyncIterator[None]:
    until_the_end_of_the_transaction = True
    limit = func.set_config("statement_timeout", str(round(timeout_s * 1000)), until_the_end_of_the_transaction)
    await connection.execute(select(limit))
    yield


def _was_stopped(error: DBAPIError) -> bool:
    stopped = getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT
    return stopped or getattr(error.orig, "sqlstate", None) == _QUERY_CANCELED


def _lines(query: SearchQuery, *, sqlite: bool) -> AnySelect:
    """All lines that fit, with what ``Found`` tells of them."""
    # The line itself comes last: of most hits that a filter turns away it is not read.
    source = (
        utterance_words.join(participants, participants.c.id == _line.participant_id)
        .join(conferences, conferences.c.id == _line.conference_id)
        .join(utterances, utterances.c.id == _line.utterance_id)
    )
    if query.wanted and sqlite:
        source = source.join(_fts, _fts.c.rowid == _line.n)
    statement = select(
        _line.n, _line.coaching,
        utterances.c.id, utterances.c.start_ms, utterances.c.end_ms, utterances.c.text,
        conferences.c.id.label("conference"), conferences.c.sid, conferences.c.room, conferences.c.clock_zero,
        participants.c.id.label("participant"), participants.c.label, participants.c.name, participants.c.role,
    ).select_from(source)  # fmt: skip
    if query.wanted:
        statement = statement.where(_fts_match(query) if sqlite else _tsvector_match(query))
    return statement.where(*_of_query(query))


def _fts_match(query: SearchQuery) -> ColumnElement[bool]:
    """https://www.sqlite.org/fts5.html#full_text_query_syntax"""

    def said(term: Term) -> str:
        return f'"{" ".join(term.words)}"{" *" if term.prefix else ""}'

    match = " AND ".join(map(said, query.wanted))
    if query.unwanted:
        match = f"({match}) NOT ({' OR '.join(map(said, query.unwanted))})"
    return literal_column(FTS_TABLE).op("MATCH")(match)


def _tsvector_match(query: SearchQuery) -> ColumnElement[bool]:
    """https://www.postgresql.org/docs/current/datatype-textsearch.html#DATATYPE-TSQUERY"""

    def said(term: Term) -> str:
        in_order = " <-> ".join(f"'{word}'" for word in term.words)
        return f"({in_order}{':*' if term.prefix else ''})"

    match = " & ".join([*map(said, query.wanted), *(f"!{said(term)}" for term in query.unwanted)])
    return _line.words.op("@@")(cast(literal(match, Text), TSQUERY))


def _of_query(query: SearchQuery) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    for terms, folded_words in (
        (query.speakers, participants.c.called_words),
        (query.labels, participants.c.label_words),
        (query.rooms, conferences.c.room_words),
    ):
        if terms:
            conditions.append(has_words(folded_words, terms))
    if query.roles:
        conditions.append(participants.c.role.in_(query.roles))
    if query.conference is not None:
        conditions.append(or_(conferences.c.id == query.conference, conferences.c.sid == query.conference))
    return conditions + _between(_line.spoken_at, query.since, query.until)


def _of_calls(calls: Calls) -> list[ColumnElement[bool]]:
    conditions = [conferences.c.tenant == calls.tenant, conferences.c.erasing_at.is_(None)]
    if calls.state is not None:
        conditions.append(conferences.c.state == calls.state)
    if calls.rooms:
        conditions.append(has_words(conferences.c.room_words, calls.rooms))
    agent = participants.alias("agent")
    there = exists().where(agent.c.conference_id == conferences.c.id, agent.c.role == Role.AGENT)
    if calls.own_of is not None:
        conditions.append(there.where(or_(agent.c.name == calls.own_of, agent.c.label == calls.own_of)))
    if calls.agents:
        conditions.append(there.where(has_words(agent.c.called_words, calls.agents)))
    return conditions + _between(conferences.c.clock_zero, calls.since, calls.until)


def _between(
    moment: ColumnElement[datetime], since: datetime | None, until: datetime | None
) -> list[ColumnElement[bool]]:
    conditions = [] if since is None else [moment >= since]
    return conditions if until is None else [*conditions, moment < until]


def _found(row: AnyRow) -> Found:
    return Found(
        place=row.n,
        utterance=row.id,
        conference=row.conference,
        conference_sid=row.sid,
        room=row.room,
        clock_zero=row.clock_zero,
        participant=row.participant,
        label=row.label,
        name=row.name,
        role=Role(row.role),
        start_ms=row.start_ms,
        end_ms=row.end_ms,
        text=row.text,
        coaching=row.coaching,
    )
