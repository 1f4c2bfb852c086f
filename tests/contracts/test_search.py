"""The contract of ports.search, on every fulfilment: the same finds the same, whichever database it is."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, text

from sidecar.adapters.sql import Database, SqlDirectory, SqlEventLog, SqlSearch
from sidecar.adapters.sql.search.index import index_lines
from sidecar.adapters.sql.search.tables import utterance_words
from sidecar.domain.conference.values import ConferenceState, Role
from sidecar.domain.events import ConferenceEnded, ConferenceStarted, ParticipantUpdated, UtteranceFinal
from sidecar.domain.search import QueryRefused, search_query
from sidecar.ports.directory import BoundFork
from sidecar.ports.search import CallPlace, Calls, Found, Search, SearchTimedOut
from tests.facts import NOON, draft, fork_request, utterance

OURS = Calls(tenant="")


@pytest.fixture
def search(any_database: Database) -> Search:
    return SqlSearch(any_database)


async def call(database: Database, call_sid: str, **changes: Any) -> BoundFork:
    """A participant on its call."""
    return await SqlDirectory(database).open_fork(fork_request(call_sid, **changes))


async def say(database: Database, who: BoundFork, *texts: str, first: int = 0, **changes: Any) -> list[str]:
    """One line after the other, each a second after the one before. Returns their ids."""
    lines = [utterance(who, first + n, text=said) for n, said in enumerate(texts)]
    fields = [{name: getattr(line, name) for name in UtteranceFinal.__struct_fields__} | changes for line in lines]
    drafts = [draft(who.conference.id, UtteranceFinal(**values)) for values in fields]
    await SqlEventLog(database).append(drafts)
    return [line.id for line in lines]


async def found(search: Search, query: str, calls: Calls = OURS, *filters: tuple[str, str]) -> list[str]:
    """The texts that are found, oldest first."""
    lines = await search.lines(search_query(query, filters), calls, limit=100)
    return [line.text for line in reversed(lines)]


REFUND = "I want a refund within two weeks, please."
POLICY = "Our refund policy: two working weeks!"
CAFE = "The Café in the Weißstraße is called Müller's."
DONT = "I don't know; it's 10:30 already"
KANJI = "返金について 教えてください"
EMOJI = "🙂 thanks 🙂🙂"


# What is looked for, and what is found; None: it is refused.
QUERIES: tuple[tuple[str, list[str] | None], ...] = (
    ("refund", [REFUND, POLICY]),
    ("REFUND weeks", [REFUND, POLICY]),
    ("refund please", [REFUND]),
    ('"two weeks"', [REFUND]),
    ('"refund within two"', [REFUND]),
    ('"weeks two"', []),
    ("refund -policy", [REFUND]),
    ('weeks -"two weeks"', [POLICY]),
    ("refund -policy -please", []),
    ("poli*", [POLICY]),
    ('"two work"*', [POLICY]),
    ("polic", []),
    ("cafe", [CAFE]),
    ("CAFÉ", [CAFE]),
    ("muller", [CAFE]),
    ("Müller's", [CAFE]),
    ("weissstrasse", [CAFE]),
    ("don't", [DONT]),
    ("don’t", [DONT]),
    ("10:30", [DONT]),
    ("30:10", []),
    ("返金", [KANJI]),
    ("教えて", [KANJI]),
    ("金返", []),
    ("thanks 🙂", [EMOJI]),
    ("and or not near", []),
    ('thanks "', None),
    ("🙂", None),
    ("", None),
    ("-refund", None),
    ("x" * 10_000, None),
    ("\0", None),
    ("thanks\0", [EMOJI]),
    ("thanks' OR 1=1 --", []),
    ("words:thanks", []),
    ("{words} : thanks", []),
    ("^thanks", [EMOJI]),
    ("thanks & !x | y <-> z", []),
    ("'thanks':1A", []),
    ("thanks\\", [EMOJI]),
    ("NEAR(thanks)", []),
)


async def test_a_query_finds_the_lines_that_fit_or_is_refused(any_database: Database, search: Search) -> None:
    await say(any_database, await call(any_database, "CA1"), REFUND, POLICY, CAFE, DONT, KANJI, EMOJI)
    for query, texts in QUERIES:
        if texts is None:
            with pytest.raises(QueryRefused):
                await found(search, query)
        else:
            assert await found(search, query) == texts, query


HOSTILE = st.sampled_from("\"-*: \0'\\&|!<>()^{}+~éßŁ支🙂")
ANY_TEXT = st.text(st.one_of(st.characters(codec="utf-8"), HOSTILE), max_size=40)


@given(said=ANY_TEXT, query=ANY_TEXT)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_query_finds_something_or_is_refused_and_a_text_finds_itself(
    any_database: Database, search: Search, said: str, query: str
) -> None:
    who = await call(any_database, f"CA{id(said)}{hash((said, query))}", room=None)
    [utterance_id] = await say(any_database, who, said)
    for asked in (query, said.replace('"', " ").replace("-", " ").replace(":", " ").replace("*", " ")):
        try:
            wanted = search_query(asked, [("conference", who.conference.id)])
        except QueryRefused:
            continue
        lines = await search.lines(wanted, OURS, limit=10)
        assert asked == query or [line.utterance for line in lines] == [utterance_id]


async def test_a_line_comes_with_its_speaker_its_call_and_its_place(any_database: Database, search: Search) -> None:
    who = await call(any_database, "CA1", room="support-1", label="agent", name="Ana Müller")
    ids = await say(any_database, who, "Hello there.", "Goodbye.", coaching=True)
    [line] = await search.lines(search_query("goodbye"), OURS, limit=10)
    assert line == Found(
        place=line.place, utterance=ids[1], conference=who.conference.id, conference_sid=None, room="support-1",
        clock_zero=NOON, participant=who.participant.id, label="agent", name="Ana Müller", role=Role.AGENT,
        start_ms=1000, end_ms=1900, text="Goodbye.", coaching=True,
    )  # fmt: skip


async def test_filters_by_speaker_label_role_room_and_conference(any_database: Database, search: Search) -> None:
    ana = await call(any_database, "CA1", room="Zürich 1", label="agent", name="Ana Müller")
    ben = await call(any_database, "CA2", room="Zürich 1", label="customer", name="", role=Role.CUSTOMER)
    eve = await call(any_database, "CA3", room="basel", label="agent-2", name="Eve Ana")
    await say(any_database, ana, "hello from ana")
    await say(any_database, ben, "hello from ben")
    await say(any_database, eve, "hello from eve")
    for query, names in {
        "speaker:ana": "ana eve",
        'speaker:"ana muller"': "ana",
        "speaker:mul*": "ana",
        "speaker:customer": "ben",
        "speaker:nobody": "",
        "speaker:eve speaker:muller": "ana eve",
        "label:agent": "ana eve",
        "label:agent-2": "eve",
        "role:customer": "ben",
        "role:agent role:customer": "ana ben eve",
        "room:zurich": "ana ben",
        'room:"Zürich 1" role:agent': "ana",
        "room:urich": "",
    }.items():
        expected = [f"hello from {name}" for name in names.split()]
        assert await found(search, f"hello {query}") == expected, query
        assert await found(search, query) == expected, query
    assert await found(search, "hello", OURS, ("conference", eve.conference.id)) == ["hello from eve"]


async def test_filters_by_when_it_was_said_and_not_by_when_the_call_began(
    any_database: Database, search: Search
) -> None:
    who = await call(any_database, "CA1", now=NOON.replace(hour=23, minute=59, second=58, microsecond=0))
    await say(any_database, who, "one", "two", "three", "four")
    assert await found(search, "after:2026-03-02") == ["three", "four"]
    assert await found(search, "before:2026-03-02") == ["one", "two"]
    assert await found(search, "", OURS, ("from", "2026-03-01"), ("to", "2026-03-01")) == ["one", "two"]
    between = ("from", "2026-03-01T23:59:59Z"), ("to", "2026-03-02T01:00:01+01:00")
    assert await found(search, "", OURS, *between) == ["two", "three"]
    assert await found(search, "after:2026-03-02 before:2026-03-02") == []


async def test_pages_follow_each_other_newest_first_without_hole_or_double(
    any_database: Database, search: Search
) -> None:
    who = await call(any_database, "CA1")
    await say(any_database, who, *(f"line {n}" for n in range(7)))
    for query in ("line", "role:agent"):
        seen: list[str] = []
        before: int | None = None
        while page := await search.lines(search_query(query), OURS, before=before, limit=3):
            seen += [line.text for line in page]
            before = page[-1].place
            await say(any_database, who, "line that came meanwhile", first=100 + len(seen) + len(query) * 50)
        assert [one for one in seen if "meanwhile" not in one] == [f"line {n}" for n in reversed(range(7))]


async def test_another_tenant_finds_nothing_and_sees_no_call(any_database: Database, search: Search) -> None:
    await say(any_database, await call(any_database, "CA1"), "a secret")
    theirs = Calls(tenant="theirs")
    assert await found(search, "secret", theirs) == []
    assert await found(search, "role:agent", theirs) == []
    assert await search.calls(theirs, limit=10) == []
    assert await found(search, "secret") == ["a secret"]


async def test_what_is_unheard_is_not_found(any_database: Database, search: Search) -> None:
    await say(any_database, await call(any_database, "CA1"), "Five days", cut=" or ten, perhaps.")
    assert await found(search, "five") == ["Five days"]
    assert await found(search, "perhaps") == []


async def test_a_line_that_is_told_twice_is_found_once(any_database: Database, search: Search) -> None:
    who = await call(any_database, "CA1")
    twice = draft(who.conference.id, utterance(who, 0, text="only once"))
    log = SqlEventLog(any_database)
    await log.append([twice])
    await log.append([twice])
    assert await found(search, "once") == ["only once"]


async def test_a_name_that_is_corrected_is_found_by_the_new_one(any_database: Database, search: Search) -> None:
    who = await call(any_database, "CA1", label="customer", name="", role=Role.CUSTOMER)
    await say(any_database, who, "hello")
    corrected = ParticipantUpdated(participant=who.participant.id, label="vip", name="Zoë", role=Role.CUSTOMER)
    await SqlEventLog(any_database).append([draft(who.conference.id, corrected)])
    assert await found(search, "speaker:zoe label:vip") == ["hello"]
    assert await found(search, "speaker:customer") == []


async def test_the_words_of_a_changed_text_are_found_and_those_of_before_are_not(
    any_database: Database, search: Search
) -> None:
    who = await call(any_database, "CA1")
    log = SqlEventLog(any_database)
    [stored] = await log.append([draft(who.conference.id, utterance(who, 0, text="my card is 4111"))])
    assert stored is not None
    assert isinstance(stored.data, UtteranceFinal)
    hidden = msgspec.structs.replace(stored.data, text="my card is hidden")
    async with any_database.write() as connection:
        await index_lines(connection, [msgspec.structs.replace(stored, data=hidden)])
    assert await found(search, "4111") == []
    assert len(await found(search, "hidden")) == 1


async def test_a_deleted_line_is_gone_from_the_index(any_database: Database, search: Search) -> None:
    who = await call(any_database, "CA1")
    gone, _ = await say(any_database, who, "to be deleted", "to be kept")
    async with any_database.write() as connection:
        await connection.execute(delete(utterance_words).where(utterance_words.c.utterance_id == gone))
    assert await found(search, "be") == ["to be kept"]
    assert await found(search, "deleted") == []


async def test_a_store_that_is_packed_anew_finds_the_same(database: Database) -> None:
    """SQLite may number rows anew then, unless a table says otherwise."""
    who = await call(database, "CA1")
    gone, *_ = await say(database, who, "the first", "the second", "the third")
    async with database.write() as connection:
        await connection.execute(delete(utterance_words).where(utterance_words.c.utterance_id == gone))
        await connection.execute(text("DELETE FROM utterances WHERE id = :id"), {"id": gone})
    with closing(sqlite3.connect(str(database.url.database))) as connection:
        connection.execute("VACUUM")
    assert await found(SqlSearch(database), "third") == ["the third"]


async def test_a_search_that_takes_too_long_is_stopped_and_the_next_one_works(any_database: Database) -> None:
    who = await call(any_database, "CA1")
    for n in range(3):
        await say(any_database, who, *(f"word {n}" for n in range(400)), first=1000 * n)
    hasty = SqlSearch(any_database, timeout_s=0.001)
    everything = search_query("word -nothing speaker:nobody label:nobody")

    async def insist() -> None:
        """A quick machine may be done within the time, now and then."""
        for _ in range(200):
            await hasty.lines(everything, OURS, limit=1)

    with pytest.raises(SearchTimedOut):
        await insist()
    assert len(await found(SqlSearch(any_database), '"word 1"')) == 3


async def test_calls_are_listed_newest_first_by_state_agent_room_and_time(
    any_database: Database, search: Search
) -> None:
    made: list[BoundFork] = []
    for n, (room, name, role) in enumerate(
        [("north 1", "Ana", Role.AGENT), ("north 2", "Ben", Role.AGENT), ("south", "Ana", Role.CUSTOMER)]
    ):
        made.append(await call(any_database, f"CA{n}", room=room, name=name, role=role, now=NOON + timedelta(hours=n)))
    log = SqlEventLog(any_database)
    started = [ConferenceStarted(room=one.conference.room, conference_sid=None) for one in made]
    await log.append([draft(one.conference.id, data) for one, data in zip(made, started, strict=True)])
    await log.append([draft(made[1].conference.id, ConferenceEnded(reason="left", at_ms=1))])

    async def rooms(**wanted: Any) -> Sequence[str]:
        return [one.room for one in await search.calls(Calls(tenant="", **wanted), limit=10)]

    def named(words: str) -> Any:
        return search_query(words).wanted

    assert await rooms() == ["south", "north 2", "north 1"]
    assert await rooms(state=ConferenceState.ENDED) == ["north 2"]
    assert await rooms(state=ConferenceState.LIVE) == ["south", "north 1"]
    assert await rooms(agents=named("ana")) == ["north 1"]
    assert await rooms(rooms=named("north")) == ["north 2", "north 1"]
    assert await rooms(since=NOON + timedelta(hours=1)) == ["south", "north 2"]
    assert await rooms(until=NOON + timedelta(hours=1)) == ["north 1"]
    first = await search.calls(OURS, limit=2)
    place = CallPlace(first[-1].clock_zero, first[-1].id)
    assert [one.room for one in await search.calls(OURS, before=place, limit=2)] == ["north 1"]


async def test_lines_are_found_in_the_calls_that_are_asked_for_only(any_database: Database, search: Search) -> None:
    for n, name in enumerate(("Ana", "Ben")):
        who = await call(any_database, f"CA{n}", room=f"room {n}", name=name)
        await say(any_database, who, f"hello from {name}")
    ana = Calls(tenant="", agents=search_query("ana").wanted)
    assert await found(search, "hello", ana) == ["hello from Ana"]
    assert await found(search, "hello", Calls(tenant="", rooms=search_query('"room 1"').wanted)) == ["hello from Ben"]
    assert await found(search, "hello", Calls(tenant="", state=ConferenceState.ENDED)) == []
