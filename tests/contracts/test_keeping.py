"""The contracts of ports.keeping, and of words that are taken out by hand, on every fulfilment.

That nothing is left is seen by reading every column of every table, so a table that is new tomorrow is looked at, too.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import String, cast, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.adapters.sql import Database, SqlDirectory, SqlEventLog, SqlOutbox, SqlTranscripts, SqlWebhookEndpoints
from sidecar.adapters.sql.keeping import erasure as sql_erasure
from sidecar.adapters.sql.keeping.erasure import SqlErasure
from sidecar.adapters.sql.keeping.policies import SqlKeepings
from sidecar.adapters.sql.tables import answers, dial_outs, metadata
from sidecar.adapters.sql.webhooks.tables import (
    webhook_attempts,
    webhook_deliveries,
    webhook_delivery_events,
    webhook_endpoints,
)
from sidecar.domain.alerts.events import AlertRaised
from sidecar.domain.alerts.rules import AlertKind, Severity
from sidecar.domain.assistant.events import AssistantTurn
from sidecar.domain.errors import NotFound
from sidecar.domain.events import ConferenceEnded, EventData, TranscriptCompleted, UtteranceFinal, Word
from sidecar.domain.keeping import Keeping, NotDeletable
from sidecar.domain.redaction.by_hand import UtteranceChanged
from sidecar.domain.redaction.events import UtteranceRedacted
from sidecar.domain.redaction.own_patterns import OwnPattern
from sidecar.domain.redaction.rules import Kind, Policy
from sidecar.domain.webhooks.endpoints import Endpoint, EndpointState
from sidecar.ports.directory import BoundFork
from tests.facts import NOON, draft, open_call, utterance

SECRET = "Rosebud"


async def everything(database: Database) -> str:
    """All that is stored, as text."""
    found = []
    async with database.read() as connection:
        for table in metadata.sorted_tables:
            rows = await connection.execute(select(*(cast(column, String) for column in table.columns)))
            found += [f"{table.name}: {row}" for row in rows]
    return "\n".join(found)


def redaction(line: UtteranceFinal, *, revision: int = 2, text: str = "My word is [redacted]") -> UtteranceRedacted:
    return UtteranceRedacted(
        id=line.id, participant=line.participant, revision=revision, text=text, by="Ana", at_ms=60_000
    )


@pytest.fixture
async def call(any_database: Database) -> BoundFork:
    """Somebody in a room."""
    return await open_call(SqlDirectory(any_database), "CA" + "1" * 32)


async def store(database: Database, call: BoundFork, *facts: EventData) -> None:
    await SqlEventLog(database).append([draft(call.conference.id, fact) for fact in facts])


async def over(database: Database, call: BoundFork) -> None:
    """The conference ended, and its transcript is complete."""
    manifest = TranscriptCompleted(utterances=0, gaps=0, gap_ms=0, last_seq=1, sha256="", revision=1)
    await store(database, call, ConferenceEnded(reason="ended", at_ms=1), manifest)


async def test_what_was_taken_out_by_hand_is_nowhere(any_database: Database, call: BoundFork) -> None:
    """Not in the line, not in an event, not in a turn of the assistant, not where searches look. Words keep times."""
    words = [Word(text, n, n + 1) for n, text in enumerate(["My", "word", "is", SECRET])]
    line = msgspec.structs.replace(utterance(call, 0, text=f"My word is {SECRET}"), words=words, cut=f"or {SECRET}?")
    other = utterance(call, 1, text="hello")
    turn = AssistantTurn(
        assistant="ast_1", participant=call.participant.id, utterance=line.id, start_ms=0, end_ms=1,
        text=f"My word is {SECRET}", heard=f"word is {SECRET}", why="addressed", outcome="completed",
    )  # fmt: skip
    alert = AlertRaised(
        alert="alr_1", rule="rul_1", name="word", kind=AlertKind.PHRASE, severity=Severity.NOTICE, at_ms=1,
        participant=call.participant.id, utterance=line.id, quote=SECRET, quote_start=11, quote_end=18,
    )  # fmt: skip
    await store(any_database, call, line, turn, other, alert)
    async with any_database.write() as connection:
        await _a_delivery_that_was_answered_with(connection, f"got {SECRET}", call)
    assert SECRET in await everything(any_database)
    await store(any_database, call, redaction(line))
    assert SECRET.lower() not in (await everything(any_database)).lower()
    found = await SqlTranscripts(any_database).utterance(call.conference.id, line.id)
    assert found is not None
    told, revision = found
    assert isinstance(told.data, UtteranceFinal)
    assert (told.data.text, told.data.cut, revision) == ("My word is [redacted]", "[redacted]", 2)
    assert [(word.text, word.start_ms) for word in told.data.words] == [
        ("My", 0), ("word", 1), ("is", 2), ("[redacted]", 3)
    ]  # fmt: skip
    events = await SqlEventLog(any_database).read(call.conference.id)
    assert [event.seq for event in events] == [1, 2, 3, 4, 5]
    assert events[2].data == other
    await store(any_database, call, redaction(line, revision=3, text="[redacted]"))
    assert "My word" not in await everything(any_database)


async def _a_delivery_that_was_answered_with(connection: AsyncConnection, text: str, *calls: BoundFork) -> None:
    """Of the first event of each; of several it is a batch, which belongs to none."""
    await connection.execute(
        webhook_endpoints.insert().values(
            id="whe_2", tenant="", url="https://example.com", description="", types="[]", state="enabled",
            created_at=NOON, secret="whsec_x",
        )
    )  # fmt: skip
    await connection.execute(
        webhook_deliveries.insert().values(
            id="whd_1", endpoint_id="whe_2", tenant="", message_id="msg_1", type="utterance.final",
            conference_id=None if len(calls) > 1 else calls[0].conference.id, events=len(calls), state="delivered",
            created_at=NOON,
        )
    )  # fmt: skip
    await connection.execute(
        webhook_delivery_events.insert(),
        [
            {"delivery_id": "whd_1", "position": position, "conference_id": call.conference.id, "seq": 1}
            for position, call in enumerate(calls)
        ],
    )
    await connection.execute(
        webhook_attempts.insert().values(
            delivery_id="whd_1", number=1, at=NOON, took_ms=1, outcome="delivered", error="", response=text
        )
    )


async def test_a_redaction_of_what_somebody_else_has_changed_is_refused_whole(
    any_database: Database, call: BoundFork
) -> None:
    """Else it would bring back what the other one took out."""
    line = utterance(call, 0, text="one two")
    await store(any_database, call, line, redaction(line, text="[redacted] two"))
    before = await everything(any_database)
    with pytest.raises(UtteranceChanged):
        await store(any_database, call, redaction(line, text="one [redacted]"))
    with pytest.raises(NotFound):
        await store(any_database, call, redaction(msgspec.structs.replace(line, id="utt_unknown")))
    assert await everything(any_database) == before


async def test_a_conference_that_is_deleted_leaves_no_row_and_no_word(
    any_database: Database, call: BoundFork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In steps of few rows; nobody finds it from the first one on; another conference is left as it is."""
    monkeypatch.setattr(sql_erasure, "STEP_ROWS", 2)
    outbox, directory = SqlOutbox(), SqlDirectory(any_database)
    await SqlWebhookEndpoints(any_database, outbox).add(
        Endpoint(
            id="whe_1", tenant="", url="https://example.com", description="", types=("utterance.final",),
            state=EndpointState.ENABLED, created_at=NOON,
        ),
        secret="whsec_x",
    )  # fmt: skip
    other = await open_call(directory, "CA" + "2" * 32, room="elsewhere")
    log = SqlEventLog(any_database, outbox)
    lines = [draft(call.conference.id, utterance(call, n, text=f"{SECRET} {n}")) for n in range(7)]
    await log.append([*lines, draft(other.conference.id, utterance(other, 0, text="kept"))])
    async with any_database.write() as connection:
        await connection.execute(
            dial_outs.insert().values(
                id="dial_1", tenant="", conference_id=call.conference.id, caller="key_1", country="US",
                label="expert", at=NOON,
            )
        )  # fmt: skip
        await connection.execute(
            answers.insert().values(
                caller="key_1", key="k", fingerprint="f", created_at=NOON, body=f'{{"c":"{call.conference.id}"}}'
            )
        )
        await _a_delivery_that_was_answered_with(connection, f"got {SECRET}", call, other)
    erasure = SqlErasure(any_database)
    with pytest.raises(NotDeletable) as refused:
        await erasure.begin(call.conference, now=NOON)
    assert refused.value.code == "conference_going_on"
    await log.append([draft(call.conference.id, ConferenceEnded(reason="ended", at_ms=1))])
    with pytest.raises(NotDeletable) as refused:
        await erasure.begin(call.conference, now=NOON)
    assert refused.value.code == "transcript_unfinished"
    await over(any_database, call)

    await erasure.begin(call.conference, now=NOON)
    assert await directory.conference(call.conference.id) is None
    assert [one.id for one in await directory.conferences()] == [other.conference.id]
    assert await erasure.begun() == [call.conference.id]
    steps = 0
    while await erasure.go_on(call.conference.id):
        steps += 1
    assert steps > 7
    assert await erasure.wipe()
    assert await erasure.begun() == []
    left = await everything(any_database)
    for gone in (call.conference.id, call.participant.id, call.fork.id, call.participant.call_sid, SECRET):
        assert gone.lower() not in left.lower()
    assert "kept" in left
    assert "whd_1" in left  # the batch told of the other one, too
    assert "dial_1" in left  # it still counts for the caps


async def test_what_was_deleted_is_not_in_sqlite_s_files_either(database: Database) -> None:
    """Neither in free pages nor in the write-ahead log."""
    call = await open_call(SqlDirectory(database), "CA" + "1" * 32)
    await store(database, call, *(utterance(call, n, text=f"{SECRET} {n} " * 50) for n in range(50)))
    await over(database, call)
    erasure = SqlErasure(database)
    await erasure.begin(call.conference, now=NOON)
    while await erasure.go_on(call.conference.id):
        pass
    assert await erasure.wipe()
    files = list(Path(str(database.url.database)).parent.iterdir())
    assert len(files) >= 2
    said = (SECRET.encode(), SECRET.lower().encode())  # and folded, for searches
    assert [file.name for file in files if any(word in file.read_bytes() for word in said)] == []


async def test_what_is_due_is_complete_and_old_enough_the_oldest_first(any_database: Database) -> None:
    directory, erasure = SqlDirectory(any_database), SqlErasure(any_database)
    calls = [await open_call(directory, f"CA{n}", room=f"room {n}") for n in range(4)]
    for n, call in enumerate(calls[:3]):
        ended = draft(call.conference.id, ConferenceEnded(reason="ended", at_ms=1), at=NOON - timedelta(days=n))
        await SqlEventLog(any_database).append([ended])
        if n:
            await over(any_database, call)
    due = await erasure.due("", ended_before=NOON, limit=10)
    assert [one.id for one in due] == [calls[2].conference.id, calls[1].conference.id]
    assert await erasure.due("", ended_before=NOON - timedelta(days=3), limit=10) == []
    assert await erasure.due("another", ended_before=NOON, limit=10) == []
    assert await erasure.tenants() == [""]


async def test_a_tenant_s_decision_is_kept_and_can_be_changed(any_database: Database) -> None:
    keepings = SqlKeepings(any_database)
    assert await keepings.all() == {}
    mine = Keeping(
        policy=Policy(kinds=frozenset({Kind.EMAIL}), region="GB", patterns=(OwnPattern("order number", r"SO-\d{6}"),)),
        retention_days=30,
    )
    await keepings.decide("acme", Keeping())
    await keepings.decide("", Keeping(retention_days=1))
    await keepings.decide("acme", mine)
    assert await keepings.all() == {"acme": mine, "": Keeping(retention_days=1)}
