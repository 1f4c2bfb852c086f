"""JSON bodies: what fits is a typed value, everything else a problem that names the field."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st

from sidecar.server.api.bodies import body_of, pointer
from sidecar.server.problems import problems

Client = TestClient[web.Request, web.Application]


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    count: int


class Wish(msgspec.Struct, forbid_unknown_fields=True):
    name: str = ""
    several: list[Inner] = []


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async def take(request: web.Request) -> web.Response:
        return web.json_response({"name": (await body_of(request, Wish)).name})

    app = web.Application(middlewares=[problems])
    app.router.add_post("/v1/take", take)
    async with TestClient(TestServer(app)) as client:
        yield client


@pytest.mark.parametrize(
    ("body", "status", "where"),
    [
        (b"{", 400, None),
        (b'{"name": "\xff"}', 400, None),
        (b"[1]", 422, "#"),
        (b'{"name": 7}', 422, "#/name"),
        (b'{"nmae": "x"}', 422, "#/nmae"),
        (b'{"several": [{"count": 1}, {"count": "x"}]}', 422, "#/several/1/count"),
        (b'{"several": [{}]}', 422, "#/several/0/count"),
    ],
)
async def test_a_body_that_does_not_fit_is_a_problem(
    client: Client, body: bytes, status: int, where: str | None
) -> None:
    answer = await client.post("/v1/take", data=body, headers={"Content-Type": "application/json"})
    told = await answer.json(content_type="application/problem+json")
    assert (answer.status, told["code"]) == (status, "body_invalid")
    assert [error["pointer"] for error in told.get("errors", [])] == ([where] if where else [])


async def test_another_media_type_is_refused_and_none_is_taken_as_json(client: Client) -> None:
    answer = await client.post("/v1/take", data=b"name=x", headers={"Content-Type": "text/plain"})
    assert (answer.status, (await answer.json(content_type=None))["code"]) == (415, "unsupported_media_type")
    assert await (await client.post("/v1/take")).json() == {"name": ""}
    plain = await client.post("/v1/take", data=b'{"name": "x"}', skip_auto_headers=["Content-Type"])
    assert await plain.json() == {"name": "x"}


@given(st.text())
def test_any_words_of_an_error_give_a_pointer(said: str) -> None:
    assert pointer(said).startswith("#")
