"""What was stored by an older version is found after the upgrade."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, DateTime, column, insert, table

from sidecar.adapters.sql import Database, SqlSearch, migrate
from sidecar.adapters.sql.engine import sqlite_file
from sidecar.domain.events import UtteranceFinal
from sidecar.domain.search import search_query
from sidecar.ports.search import Calls
from tests.facts import NOON
from tests.stores import upgrade_to

BEFORE = "0009"
SAID = ("Guten Tag, Frau Müller.", "A refund, please.", "A refund takes five days.")


def write_old_rows(connection: Connection) -> None:
    """A call with three lines, the last of them whispered."""

    def write(into: str, /, **values: Any) -> None:
        moments = {key: DateTime(timezone=True) for key, value in values.items() if value is NOON}
        connection.execute(insert(table(into, *(column(key, moments.get(key)) for key in values))).values(values))

    write("conferences", id="cnf_1", tenant="", room="Zürich 1", state="ended", clock_zero=NOON, seq=3)
    write(
        "participants", id="par_1", conference_id="cnf_1", position=1, call_sid="CA1", label="agent", name="Zoë",
        role="agent", state="left", created_at=NOON,
    )  # fmt: skip
    write(
        "forks", id="frk_1", conference_id="cnf_1", participant_id="par_1", position=1, call_sid="CA1",
        state="stopped", epoch=1,
    )  # fmt: skip
    for n, text in enumerate(SAID):
        line = UtteranceFinal(
            id=f"utt_{n}", participant="par_1", fork="frk_1", session="ses_1", result_index=n, revision=1,
            start_ms=n * 1000, end_ms=n * 1000 + 900, text=text, engine="local", lag_ms=1, coaching=n == 2,
        )  # fmt: skip
        write(
            "events", conference_id="cnf_1", seq=n + 1, id=f"evt_{n}", type=line.type, timestamp=NOON,
            data=msgspec.json.encode(line).decode(),
        )  # fmt: skip
        write(
            "utterances", id=line.id, conference_id="cnf_1", seq=n + 1, participant_id="par_1", fork_id="frk_1",
            session="ses_1", result_index=n, revision=1, start_ms=line.start_ms, end_ms=line.end_ms, text=text,
            engine="local", lag_ms=1,
        )  # fmt: skip


async def test_lines_rooms_and_names_of_before_the_upgrade_are_found(empty_store_url: str) -> None:
    database = Database(empty_store_url)
    if (file := sqlite_file(database.url)) is not None:
        file.parent.mkdir()
    async with database.write() as connection:
        await connection.run_sync(upgrade_to, BEFORE)
        await connection.run_sync(write_old_rows)
    await migrate(empty_store_url)
    search = SqlSearch(database)
    for query, texts in {
        "muller": SAID[:1],
        "refund": SAID[1:],
        "room:zurich speaker:zoe label:agent": SAID,
    }.items():
        lines = await search.lines(search_query(query), Calls(tenant=""), limit=10)
        assert [line.text for line in reversed(lines)] == list(texts)
        assert [line.coaching for line in lines] == [line.text == SAID[2] for line in lines]
    early = search_query("refund", [("to", (NOON + timedelta(seconds=2)).isoformat())])
    assert len(await search.lines(early, Calls(tenant=""), limit=10)) == 1
    await database.close()
