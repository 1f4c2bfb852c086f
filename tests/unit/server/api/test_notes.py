"""/v1/conferences/{id}/notes: what is noted, to which moment, by whom, and what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from yarl import URL

from sidecar.adapters.sql import Database, SqlAnswers, SqlAuditLog, SqlDirectory, SqlEventLog, SqlTranscripts
from sidecar.domain.events import ConferenceEnded
from sidecar.domain.redaction.rules import Policy, Rules
from sidecar.runtime.event_bus import EventBus, conference_topic
from sidecar.runtime.event_writer import EventWriter
from sidecar.server import app_keys
from sidecar.server.api.notes import add_note, list_notes
from sidecar.server.problems import problems
from sidecar.server.strangers import STRANGERS, Strangers
from tests.callers import no_door, open_house
from tests.facts import NOON, draft, open_call
from tests.fakes import FakeClock

MINUTE_MS = 60_000


@dataclass
class Api:
    """The notes of one call that began a minute ago."""

    client: TestClient[web.Request, web.Application]
    conference: str
    log: SqlEventLog
    bus: EventBus

    @property
    def path(self) -> str:
        return f"/v1/conferences/{self.conference}/notes"

    async def add(self, *, status: int = 201, key: str | None = None, **wish: Any) -> Any:
        answer = await self.client.post(self.path, json=wish, headers={"Idempotency-Key": key} if key else {})
        assert answer.status == status, await answer.text()
        return await answer.json()

    async def notes(self) -> list[Any]:
        body: dict[str, list[Any]] = await (await self.client.get(self.path)).json()
        return body["data"]


@pytest.fixture
async def api(database: Database) -> AsyncIterator[Api]:
    app = web.Application(middlewares=[problems, no_door])
    open_house(app, database)
    clock, bus = FakeClock(NOON + timedelta(milliseconds=MINUTE_MS)), EventBus()
    directory, log = SqlDirectory(database), SqlEventLog(database)
    writer, rules = EventWriter(log, bus, clock), Rules(Policy())
    app[app_keys.DIRECTORY], app[app_keys.TRANSCRIPTS] = directory, SqlTranscripts(database)
    app[app_keys.CLOCK], app[app_keys.EVENT_WRITER], app[app_keys.ANSWERS] = clock, writer, SqlAnswers(database)
    app[app_keys.AUDIT], app[app_keys.REDACTION_RULES] = SqlAuditLog(database), lambda _tenant: rules
    app[STRANGERS] = Strangers(trusted=(), sockets_most=1)
    app.router.add_get("/v1/conferences/{id}/notes", list_notes)
    app.router.add_post("/v1/conferences/{id}/notes", add_note)
    bound = await open_call(directory)
    async with asyncio.TaskGroup() as tasks, TestClient(TestServer(app)) as client:
        running = tasks.create_task(writer.run(), name="event-writer")
        yield Api(client, bound.conference.id, log, bus)
        running.cancel()


async def test_a_note_is_told_at_once_stored_as_an_event_and_listed(api: Api) -> None:
    with api.bus.subscribe([conference_topic(api.conference)]) as following:
        note = await api.add(text=" Call back <b>tomorrow</b> ", at_ms=8140)
        [told] = await following.next_batch()
    assert told.event.type == "note.added"
    assert (note["text"], note["at_ms"], note["by"]) == ("Call back <b>tomorrow</b>", 8140, "Ana")
    assert note["note"].startswith("not_")
    [event] = await api.log.read(api.conference)
    assert (event.type, event.seq, event.tenant) == ("note.added", 1, "")
    assert await api.notes() == [note]


async def test_without_a_moment_it_goes_to_the_present_one_and_of_a_call_that_is_over_to_its_end(api: Api) -> None:
    assert (await api.add(text="now"))["at_ms"] == MINUTE_MS
    ended = ConferenceEnded(reason="over", at_ms=20_000)
    await api.log.append([draft(api.conference, ended, at=NOON + timedelta(seconds=20))])
    assert (await api.add(text="afterwards"))["at_ms"] == 20_000
    assert (await api.add(text="begun before it was over", at_ms=20_400))["at_ms"] == 20_000


async def test_a_request_that_is_repeated_notes_once(api: Api) -> None:
    first = await api.add(text="once", at_ms=1, key="k1")
    assert await api.add(text="once", at_ms=1, key="k1") == first
    assert len(await api.notes()) == 1


async def test_what_redaction_hides_in_speech_it_hides_in_notes(api: Api) -> None:
    note = await api.add(text="card 4111 1111 1111 1111 declined")
    assert "4111" not in note["text"]
    assert "4111" not in str(await api.log.read(api.conference))


async def test_a_note_that_cannot_be_is_refused_and_nothing_is_stored(api: Api) -> None:
    refused: tuple[tuple[dict[str, Any], str], ...] = (
        ({"text": ""}, "text_invalid"),
        ({"text": " \n "}, "text_invalid"),
        ({"text": "two\nlines"}, "text_invalid"),
        ({"text": "\u0000"}, "text_invalid"),
        ({"text": "x" * 1001}, "text_invalid"),
        ({"text": "x", "at_ms": -1}, "at_ms_invalid"),
        ({"text": "x", "at_ms": MINUTE_MS + 5_001}, "at_ms_invalid"),
        ({"text": "x", "at_ms": 10**30}, "at_ms_invalid"),
        ({"text": "x", "at_ms": "1"}, "body_invalid"),
        ({"at_ms": 1}, "body_invalid"),
        ({"text": "x", "by": "Eve"}, "body_invalid"),
    )
    for wish, code in refused:
        assert (await api.add(status=422, **wish))["code"] == code, wish
    assert await api.notes() == []


async def test_following_the_pages_gives_every_note_once(api: Api) -> None:
    for n in range(5):
        await api.add(text=f"note {n}", at_ms=50_000 - n)
    texts, path = [], f"{api.path}?limit=2"
    while path:
        answer = await api.client.get(path)
        texts += [note["text"] for note in (await answer.json())["data"]]
        path = URL(answer.links["next"]["url"]).path_qs if "next" in answer.links else ""
    assert texts == [f"note {n}" for n in range(5)]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text(st.characters(codec="utf-8"), max_size=30))
async def test_any_text_is_noted_as_it_is_or_refused(api: Api, text: str) -> None:
    answer = await api.client.post(api.path, json={"text": text})
    assert answer.status in {201, 422}
    if answer.status == 201:
        assert (await answer.json())["text"] == text.strip()
