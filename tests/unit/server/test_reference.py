"""The page at /docs: everything of the document is on it, once, and every link of it leads somewhere."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from sidecar.assets import assets_root
from sidecar.server import app_keys
from sidecar.server.pages.reference_view import reference_page, words
from sidecar.server.pages.rendering import RENDERER, Renderer
from sidecar.server.pages.static_files import StaticFiles
from sidecar.server.reference import add_reference
from sidecar.server.strangers import STRANGERS, Strangers
from sidecar.server.twilio.edge import TwilioEdge
from tests.openapi import METHODS, document, event_schemas

Client = TestClient[web.Request, web.Application]


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    app = web.Application()
    web_root = assets_root() / "web"
    app[RENDERER] = Renderer(web_root / "templates", StaticFiles.load(web_root / "static"))
    app[STRANGERS] = Strangers(trusted=(), sockets_most=1)
    app[app_keys.TWILIO_EDGE] = TwilioEdge(public_url="https://sidecar.example")
    add_reference(app)
    async with TestClient(TestServer(app)) as client:
        yield client


async def test_everything_is_on_the_page_once_and_links_lead_somewhere(client: Client) -> None:
    text = await (await client.get("/docs")).text()
    anchors = Counter(re.findall(r' id="([^"]+)"', text))
    operations = [
        item[method]["operationId"] for item in document()["paths"].values() for method in METHODS if method in item
    ]
    expected = {
        *operations,
        *(f"event-{type_}" for type_ in event_schemas()),
        *(f"webhook-{type_}" for type_ in document()["webhooks"]),
        *(f"problem-{code}" for code in document()["x-problems"]),
    }
    assert expected - set(anchors) == set()
    assert [anchor for anchor, times in anchors.items() if times > 1] == []
    assert set(re.findall(r'href="#([^"]+)"', text)) - set(anchors) == set()


async def test_the_lines_to_copy_are_for_the_reader_s_own_origin(client: Client) -> None:
    text = await (await client.get("/docs", headers={"Host": "calls.example:8443"})).text()
    assert "http://calls.example:8443/v1/conferences" in text
    assert "origin.invalid" not in text
    hostile = await (await client.get("/docs", headers={"Host": 'x"><script>alert(1)</script>'})).text()
    assert "<script>alert" not in hostile
    assert "https://sidecar.example/v1/conferences" in hostile


async def test_programs_get_the_same_document(client: Client) -> None:
    answer = await client.get("/openapi.json")
    assert (answer.content_type, await answer.json()) == ("application/json", document())
    answer = await client.get("/openapi.yaml")
    assert answer.content_type == "application/yaml"
    assert await answer.read() == (assets_root() / "docs" / "openapi.yaml").read_bytes()


def parts_of(command: str) -> list[str]:
    return shlex.split(command.replace("\\\n", ""))


def test_a_line_to_copy_is_one_command_of_a_shell() -> None:
    operations = {one.anchor: one for group in reference_page(document()).groups for one in group.operations}
    for one in operations.values():
        assert parts_of(one.curl)[0] == "curl"
    assert parts_of(operations["pause_transcription"].curl) == [
        "curl", "-X", "POST", "-H", "Authorization: Bearer $SIDECAR_API_KEY", "-H", "Idempotency-Key: $(date +%s%N)",
        "-H", "Content-Type: application/json", "-d", '{"reason": "card number"}',
        "https://origin.invalid/v1/conferences/CF00000000000000000000000000000001/pause",
    ]  # fmt: skip
    assert operations["stream"].curl.startswith("curl -N")


def test_code_in_a_sentence_is_told_apart() -> None:
    assert words("`a` is not `b`.") == (("a", True), (" is not ", False), ("b", True), (".", False))
