"""The event log on SQL: facts get their numbers and are stored with all that follows from them, or not at all.

``seq`` comes from the conference's row, which is locked first: numbers have no holes and commit in order, which a
sequence of the database does not promise. Rows are locked in sorted order, so that two nodes cannot deadlock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Table, bindparam, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.adapters.sql.engine import Database
from sidecar.adapters.sql.errors import StoreRefused
from sidecar.adapters.sql.projections import coverage_of, fork_named_by, project, raise_coverage
from sidecar.adapters.sql.rows import AnyRow, event_of
from sidecar.adapters.sql.search.index import index_lines
from sidecar.adapters.sql.tables import conferences, events, forks, meta, utterances
from sidecar.domain.errors import NotFound
from sidecar.domain.events import Draft, Entry, Event, UtteranceFinal
from sidecar.ports.outbox import Outbox

UtteranceKey = tuple[str, str, int]


class SqlEventLog:
    """Fulfils ``ports.event_log.EventLog``.

    Appending is idempotent: a draft whose id is stored gives its stored event again, so a batch can be tried again
    after a commit of which nobody knows whether it happened. ``outbox``: what is to be told outside goes there, in
    the same transaction; None: nothing is.
    """

    def __init__(self, database: Database, outbox: Outbox[AsyncConnection] | None = None) -> None:
        self._database = database
        self._outbox = outbox

    async def append(self, batch: Sequence[Entry]) -> list[Event | None]:
        """Store a batch in one transaction. NotFound names a conference or fork that does not exist."""
        if not batch:
            return []
        try:
            stored = await self._store(batch)
        except StoreRefused:
            # Nearly always because something of it is stored. That is rare, so only now we look for it.
            stored = await self._store(batch, look_for_doubles=True)
        if self._outbox is not None:
            self._outbox.ring()
        return stored

    async def read(self, conference_id: str, *, after: int = 0, limit: int = 1000) -> list[Event]:
        """Events with ``seq > after`` in order of seq, at most ``limit``."""
        statement = (
            select(events, conferences.c.tenant)
            .join(conferences)
            .where(events.c.conference_id == conference_id, events.c.seq > after)
            .order_by(events.c.seq)
            .limit(limit)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(statement)).all()
        return [event_of(row) for row in rows]

    async def epoch(self) -> str:
        """Random word of this database's life, made by its first migration."""
        async with self._database.read() as connection:
            word: str = (await connection.execute(select(meta.c.epoch))).scalar_one()
        return word

    async def _store(self, batch: Sequence[Entry], *, look_for_doubles: bool = False) -> list[Event | None]:
        async def store(connection: AsyncConnection) -> list[Event | None]:
            numbered, told = await _append(connection, batch, look_for_doubles=look_for_doubles)
            if self._outbox is not None and numbered:
                await self._outbox.put(connection, numbered)
            return told

        return await self._database.transact(store)


async def _append(
    connection: AsyncConnection, batch: Sequence[Entry], *, look_for_doubles: bool
) -> tuple[list[Event], list[Event | None]]:
    """The events that are new, and what became of each entry."""
    drafts = [entry for entry in batch if isinstance(entry, Draft)]
    stored: dict[str, Event] = {}
    taken: set[UtteranceKey] = set()
    if look_for_doubles:
        await _lock(connection, conferences, {draft.conference for draft in drafts})
        stored = await _stored_events(connection, drafts)
        taken = await _stored_results(connection, drafts)
    numbered = await _number(connection, _without_doubles(drafts, set(stored), taken))
    await _lock(connection, forks, {fork for entry in batch if (fork := fork_named_by(entry))})

    if numbered:
        await connection.execute(events.insert(), [_event_row(event) for event in numbered])
    if spoken := [_utterance_row(event, event.data) for event in numbered if isinstance(event.data, UtteranceFinal)]:
        await connection.execute(utterances.insert(), spoken)
    await index_lines(connection, numbered)
    for event in numbered:
        await project(connection, event)
    await raise_coverage(connection, coverage_of(batch))

    told = stored | {event.id: event for event in numbered}
    return numbered, [told.get(entry.id) if isinstance(entry, Draft) else None for entry in batch]


async def _lock(connection: AsyncConnection, table: Table, ids: set[str]) -> None:
    """Nobody else appends to these until the end of the transaction. NotFound for an id that has no row."""
    if not ids:
        return
    wanted = select(table.c.id).where(table.c.id.in_(sorted(ids))).order_by(table.c.id)
    rows = await connection.execute(wanted.with_for_update(key_share=True))
    if missing := ids - {row.id for row in rows}:
        raise _not_found(table, min(missing))


def _not_found(table: Table, missing: str) -> NotFound:
    return NotFound(
        f"There is no {table.name.removesuffix('s')} {missing}.", next_step="Open it in the directory first."
    )


async def _stored_events(connection: AsyncConnection, drafts: Sequence[Draft]) -> dict[str, Event]:
    """Those drafts that are stored already, by id."""
    if not drafts:
        return {}
    wanted = select(events, conferences.c.tenant).join(conferences).where(events.c.id.in_([d.id for d in drafts]))
    return {row.id: event_of(row) for row in await connection.execute(wanted)}


async def _stored_results(connection: AsyncConnection, drafts: Sequence[Draft]) -> set[UtteranceKey]:
    """Those recogniser results of the drafts that are stored already."""
    keys = {key for draft in drafts if (key := _utterance_key(draft))}
    if not keys:
        return set()
    columns = (utterances.c.fork_id, utterances.c.session, utterances.c.result_index)
    rows = await connection.execute(select(*columns).where(tuple_(*columns).in_(sorted(keys))))
    return {(row.fork_id, row.session, row.result_index) for row in rows}


def _without_doubles(drafts: Sequence[Draft], ids: set[str], results: set[UtteranceKey]) -> list[Draft]:
    """In order, each id and each recogniser result once, and none of those given."""
    fresh = []
    for draft in drafts:
        key = _utterance_key(draft)
        if draft.id in ids or key in results:
            continue
        ids.add(draft.id)
        if key is not None:
            results.add(key)
        fresh.append(draft)
    return fresh


def _utterance_key(draft: Draft) -> UtteranceKey | None:
    data = draft.data
    return (data.fork, data.session, data.result_index) if isinstance(data, UtteranceFinal) else None


async def _number(connection: AsyncConnection, fresh: Sequence[Draft]) -> list[Event]:
    """Spend the next seq numbers of each conference on these drafts, in order. The conferences are locked then.

    Two statements, however many conferences there are: hundreds of finals may come in the same moment.
    """
    counts = sorted(Counter(draft.conference for draft in fresh).items())
    if not counts:
        return []
    of = conferences.c
    raised = update(conferences).where(of.id == bindparam("of_id")).values(seq=of.seq + bindparam("more"))
    await connection.execute(raised, [{"of_id": conference, "more": count} for conference, count in counts])
    wanted = select(of.id, of.seq, of.sid, of.tenant).where(of.id.in_([conference for conference, _ in counts]))
    homes: dict[str, AnyRow] = {row.id: row for row in await connection.execute(wanted)}
    next_seq: dict[str, int] = {}
    for conference, count in counts:
        if conference not in homes:
            raise _not_found(conferences, conference)
        next_seq[conference] = homes[conference].seq - count + 1
    numbered = []
    for draft in fresh:
        seq = next_seq[draft.conference]
        next_seq[draft.conference] += 1
        home = homes[draft.conference]
        numbered.append(
            Event(
                id=draft.id,
                type=draft.data.type,
                seq=seq,
                timestamp=draft.timestamp,
                conference=draft.conference,
                conference_sid=home.sid,
                tenant=home.tenant,
                data=draft.data,
            )
        )
    return numbered


def _event_row(event: Event) -> dict[str, Any]:
    try:
        data = msgspec.json.encode(event.data).decode()
    except (UnicodeEncodeError, TypeError) as error:
        raise StoreRefused(f"Event {event.id} cannot be written as JSON.") from error
    return {
        "conference_id": event.conference,
        "seq": event.seq,
        "id": event.id,
        "type": event.type,
        "timestamp": event.timestamp,
        "conference_sid": event.conference_sid,
        "data": data,
    }


def _utterance_row(event: Event, data: UtteranceFinal) -> dict[str, Any]:
    return {
        "id": data.id,
        "conference_id": event.conference,
        "seq": event.seq,
        "participant_id": data.participant,
        "fork_id": data.fork or None,
        "session": data.session,
        "result_index": data.result_index,
        "revision": data.revision,
        "start_ms": data.start_ms,
        "end_ms": data.end_ms,
        "text": data.text,
        "engine": data.engine,
        "lag_ms": data.lag_ms,
        "confidence": data.confidence,
    }
