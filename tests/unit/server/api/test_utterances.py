"""GET /v1/conferences/{id}/utterances: pages, cursors, and what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from yarl import URL

from sidecar.adapters.sql import Database, SqlDirectory, SqlEventLog, SqlTranscripts
from sidecar.server import app_keys
from sidecar.server.api.utterances import list_utterances
from sidecar.server.problems import problems
from tests.callers import no_door, open_house
from tests.facts import open_call, said

LINES = 7


@dataclass
class Api:
    """The list of one conference."""

    client: TestClient[web.Request, web.Application]
    conference: str

    async def get(self, **query: str) -> Any:
        """The body of an answer that must be good."""
        answer = await self.client.get(f"/v1/conferences/{self.conference}/utterances", params=query)
        assert answer.status == 200, await answer.text()
        return await answer.json()


@pytest.fixture
async def api(database: Database) -> AsyncIterator[Api]:
    """Seven lines of Ana."""
    app = web.Application(middlewares=[problems, no_door])
    open_house(app, database)
    directory = SqlDirectory(database)
    app[app_keys.DIRECTORY], app[app_keys.TRANSCRIPTS] = directory, SqlTranscripts(database)
    app.router.add_get("/v1/conferences/{id}/utterances", list_utterances)
    bound = await open_call(directory)
    await directory.bind_conference(bound.conference.id, "CF1")
    await SqlEventLog(database).append([said(bound, n, text=f"Line {n}.") for n in range(LINES)])
    async with TestClient(TestServer(app)) as client:
        yield Api(client, bound.conference.id)


async def test_a_line_is_told_with_its_seq_and_all_that_is_stored_of_it(api: Api) -> None:
    body = await api.get()
    assert (len(body["data"]), body["has_more"], body["next_cursor"]) == (LINES, False, None)
    first = body["data"][0]
    assert first["seq"] == 1
    assert first["timestamp"].endswith("Z")
    assert (first["text"], first["start_ms"], first["end_ms"], first["revision"]) == ("Line 0.", 0, 900, 1)


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_following_the_cursors_gives_every_line_once(api: Api, order: str) -> None:
    texts, query = [], {"limit": "3", "order": order}
    while True:
        body = await api.get(**query)
        texts += [line["text"] for line in body["data"]]
        if not body["has_more"]:
            break
        query["after"] = body["next_cursor"]
    lines = [f"Line {n}." for n in range(LINES)]
    assert texts == (lines if order == "asc" else lines[::-1])


async def test_the_next_page_is_linked_too(api: Api) -> None:
    answer = await api.client.get("/v1/conferences/CF1/utterances?limit=3&order=desc")
    following = URL(answer.links["next"]["url"])
    body = await (await api.client.get(following.path_qs)).json()
    assert [line["text"] for line in body["data"]] == ["Line 3.", "Line 2.", "Line 1."]


async def test_what_makes_no_sense_is_refused_by_name(api: Api) -> None:
    refused = (
        ("limit=0", "limit_invalid"), ("limit=501", "limit_invalid"), ("limit=-1", "limit_invalid"),
        ("limit=٣", "limit_invalid"), ("order=up", "order_invalid"), ("after=", "cursor_invalid"),
        ("after=%00", "cursor_invalid"), ("after=é", "cursor_invalid"),
        ("after=OTk5OTk5OTk5OTk5OTk5OTk5OTk5LnV0dF8x", "cursor_invalid"),
    )  # fmt: skip
    for query, code in refused:
        answer = await api.client.get(f"/v1/conferences/CF1/utterances?{query}")
        assert (answer.status, (await answer.json())["code"]) == (400, code), query


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(cursor=st.text(st.characters(codec="utf-8"), max_size=40))
async def test_no_cursor_breaks_the_list(api: Api, cursor: str) -> None:
    answer = await api.client.get("/v1/conferences/CF1/utterances", params={"after": cursor})
    assert answer.status in {200, 400}


async def test_an_unknown_conference_is_a_404(api: Api) -> None:
    answer = await api.client.get("/v1/conferences/cnf_none/utterances")
    assert (answer.status, (await answer.json())["code"]) == (404, "not_found")
