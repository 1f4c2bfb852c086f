"""Keeps the words of lines where searches find them; runs in the transaction that stores the lines.

Whoever changes a stored text calls ``index_lines`` again. Whoever deletes a line deletes its words first: a foreign key
refuses to leave them behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.adapters.sql.engine import Database
from sidecar.adapters.sql.search.tables import utterance_words
from sidecar.adapters.sql.tables import conferences
from sidecar.domain.events import Event, UtteranceFinal
from sidecar.domain.folding import folded

# Pages of the index that one transaction merges, in a few ms: the event log waits for it.
MERGE_PAGES = 50
_MERGE = text("INSERT INTO utterance_words_fts(utterance_words_fts, rank) VALUES ('merge', :pages)")
_CHANGES = text("SELECT total_changes()")


async def index_lines(connection: AsyncConnection, events: Sequence[Event]) -> None:
    """Take in the lines among these events; of a line that is known, the words that it has now."""
    lines = [(event, event.data) for event in events if isinstance(event.data, UtteranceFinal)]
    if not lines:
        return
    homes = select(conferences.c.id, conferences.c.clock_zero)
    found = await connection.execute(homes.where(conferences.c.id.in_({event.conference for event, _ in lines})))
    clock_zero = {row.id: row.clock_zero for row in found}
    rows: list[dict[str, Any]] = [
        {
            "utterance_id": line.id,
            "conference_id": event.conference,
            "participant_id": line.participant,
            "tenant": event.tenant,
            "spoken_at": clock_zero[event.conference] + timedelta(milliseconds=line.start_ms),
            "coaching": line.coaching,
            "words": folded(line.text),
        }
        for event, line in lines
    ]
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(utterance_words)
    taken_in = insert.on_conflict_do_update(
        index_elements=["utterance_id"], set_={"words": insert.excluded.words, "spoken_at": insert.excluded.spoken_at}
    )
    await connection.execute(taken_in, rows)


async def merge_index(database: Database) -> None:
    """Leave no remains of deleted words in SQLite's index, where they stand beside a mark until parts of it are merged.

    In small transactions, as https://www.sqlite.org/fts5.html#the_merge_command has it: a negative number of pages
    takes in the whole index, positive ones go on, and hardly a change means that nothing is left to do.
    """
    if not database.is_sqlite:
        return
    pages, changes = -MERGE_PAGES, 2
    while changes >= 2:
        async with database.write() as connection:
            before = await connection.scalar(_CHANGES)
            await connection.execute(_MERGE, {"pages": pages})
            changes = await connection.scalar(_CHANGES) - before
        pages = MERGE_PAGES
