"""GET /v1/search: who finds what, pages, snippets, and what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.typedefs import Handler
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from yarl import URL

from sidecar.adapters.sql import Database, SqlAuditLog, SqlDirectory, SqlEventLog, SqlSearch
from sidecar.domain.access.callers import EVERYTHING, Caller, UserRole
from sidecar.domain.conference.values import Role
from sidecar.server import app_keys
from sidecar.server.api.search import search
from sidecar.server.auth.caller import CALLER
from sidecar.server.problems import problems
from sidecar.server.strangers import STRANGERS, Strangers
from tests.facts import fork_request, said
from tests.fakes import FakeClock

ANA = Caller(id="uss_1", name="Ana", by="session", tenant="", scopes=EVERYTHING)


@dataclass
class Api:
    """The search, asked by ``caller``."""

    app: web.Application
    caller: Caller = ANA
    ids: dict[str, str] = field(default_factory=dict)
    client: Any = None

    async def get(self, q: str, **query: str) -> Any:
        """The body of an answer that must be good."""
        answer = await self.client.get("/v1/search", params={"q": q} | query)
        assert answer.status == 200, await answer.text()
        return await answer.json()

    async def texts(self, q: str, **query: str) -> list[str]:
        return [line["text"] for line in (await self.get(q, **query))["data"]]


@pytest.fixture
async def api(database: Database) -> AsyncIterator[Api]:
    """A call of Ana's with a customer, and one of another tenant."""
    api = Api(web.Application())

    @web.middleware
    async def asked_by(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[CALLER] = api.caller
        return await handler(request)

    app = api.app = web.Application(middlewares=[problems, asked_by])
    app[app_keys.SEARCH], app[app_keys.AUDIT] = SqlSearch(database), SqlAuditLog(database)
    app[app_keys.CLOCK], app[STRANGERS] = FakeClock(), Strangers(trusted=(), sockets_most=1)
    app.router.add_get("/v1/search", search)
    directory, log = SqlDirectory(database), SqlEventLog(database)
    ana = await directory.open_fork(fork_request("CA1", name="Ana"))
    ben = await directory.open_fork(fork_request("CA2", label="customer", name="Ben", role=Role.CUSTOMER))
    other = await directory.open_fork(fork_request("CA3", room="theirs", name="Eve", tenant="theirs"))
    await log.append([said(ana, n, text=f"Line {n} of Ana <b>&") for n in range(5)])
    await log.append([said(ben, 5, text="A refund for Ben")])
    await log.append([said(other, 0, text="Line of a secret")])
    api.ids = {"ana": ana.conference.id, "theirs": other.conference.id}
    async with TestClient(TestServer(app)) as client:
        api.client = client
        yield api


async def test_a_line_is_found_with_its_place_its_people_and_its_hits_in_pieces(api: Api) -> None:
    body = await api.get("REFUND")
    [line] = body["data"]
    assert (body["has_more"], body["next_cursor"]) == (False, None)
    assert line["snippet"] == [
        {"text": "A ", "hit": False},
        {"text": "refund", "hit": True},
        {"text": " for Ben", "hit": False},
    ]
    assert line["conference"] == api.ids["ana"]
    assert (line["label"], line["name"], line["role"]) == ("customer", "Ben", "customer")
    assert (line["start_ms"], line["said_at"]) == (5000, "2026-03-01T12:00:05.123456Z")
    assert line["path"] == f"/conferences/{line['conference']}#u-{line['utterance']}"


async def test_what_was_said_is_told_as_text_and_never_as_html(api: Api) -> None:
    [line, *_] = (await api.get("ana"))["data"]
    assert "".join(piece["text"] for piece in line["snippet"]) == "Line 4 of Ana <b>&"


async def test_following_the_pages_gives_every_line_once_newest_first(api: Api) -> None:
    texts, answer = [], await api.client.get("/v1/search", params={"q": "line", "limit": "2"})
    while True:
        body = await answer.json()
        texts += [line["text"][:6] for line in body["data"]]
        if not body["has_more"]:
            break
        answer = await api.client.get(URL(answer.links["next"]["url"]).path_qs)
    assert texts == [f"Line {n}" for n in reversed(range(5))]


async def test_filters_may_stand_in_the_address_and_several_are_one_of_them(api: Api) -> None:
    assert await api.texts("", role="customer") == ["A refund for Ben"]
    assert await api.texts("refund", speaker="ana") == []
    both = await api.client.get("/v1/search?role=customer&role=agent&from=2026-03-01&to=2026-03-01")
    assert len((await both.json())["data"]) == 6
    assert await api.texts("line", conference=api.ids["theirs"]) == []
    assert await api.texts("line", to="2026-02-28") == []


async def test_the_audit_log_says_who_was_shown_what_and_not_what_was_looked_for(api: Api) -> None:
    assert await api.texts("nothing of the kind") == []
    await api.texts("refund")
    [entry] = await api.app[app_keys.AUDIT].entries("", limit=10)
    assert (entry.action, entry.actor_name, entry.target) == ("transcripts.searched", "Ana", api.ids["ana"])
    assert entry.after == {"lines": 1, "conferences": 1}
    assert "refund" not in str(entry).lower()


async def test_each_tenant_finds_its_own(api: Api) -> None:
    assert await api.texts("secret") == []
    api.caller = msgspec.structs.replace(ANA, tenant="theirs")
    assert await api.texts("line") == ["Line of a secret"]
    assert await api.texts("refund") == []


async def test_an_agent_finds_what_was_said_in_calls_of_their_own(api: Api) -> None:
    api.caller = msgspec.structs.replace(ANA, role=UserRole.AGENT)
    assert await api.texts("refund") == ["A refund for Ben"]
    api.caller = msgspec.structs.replace(ANA, role=UserRole.AGENT, name="Ben")
    assert await api.texts("refund") == []


async def test_what_cannot_be_searched_for_is_refused_by_name(api: Api) -> None:
    refused = (
        ("", 422, "query_empty"),
        ("q=%F0%9F%99%82", 422, "query_empty"),
        ("q=%00", 422, "query_empty"),
        ('q="open', 422, "query_invalid"),
        ("q=x&role=boss", 422, "query_invalid"),
        ("q=x&from=yesterday", 422, "query_invalid"),
        (f"q={'x' * 5000}", 422, "query_too_long"),
        ("q=x&limit=0", 400, "limit_invalid"),
        ("q=x&after=bm9uZQ", 400, "cursor_invalid"),
        ("q=x&after=Wzk5OTk5OTk5OTk5OTk5OTk5OTk5XQ", 400, "cursor_invalid"),
    )
    for query, status, code in refused:
        answer = await api.client.get(f"/v1/search?{query}")
        assert (answer.status, (await answer.json())["code"]) == (status, code), query


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    q=st.text(st.one_of(st.characters(codec="utf-8"), st.sampled_from('"-*:()^{}')), max_size=60),
    more=st.dictionaries(
        st.sampled_from(["speaker", "label", "role", "room", "from", "to", "conference", "after"]),
        st.text(st.characters(codec="utf-8"), max_size=12),
        max_size=3,
    ),
)
async def test_no_query_breaks_the_search(api: Api, q: str, more: dict[str, str]) -> None:
    answer = await api.client.get("/v1/search", params={"q": q} | more)
    assert answer.status in {200, 400, 422}, await answer.text()
