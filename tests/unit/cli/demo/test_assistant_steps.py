"""What a played call asks of the assistant, as the service receives it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from sidecar.cli.demo.assistant_steps import AssistantSteps, steps_of
from sidecar.cli.demo.door import Door
from sidecar.cli.demo.show import Show


class Api:
    """Takes what is asked for. ``refuses``: with this sentence."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self.refuses = ""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._take)
        self.server = TestServer(app)
        self.url = ""

    async def _take(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer sck_1"
        body = await request.json() if request.can_read_body else None
        self.asked.append((request.method, request.path.removeprefix("/v1/conferences/cnf_1/assistants"), body))
        if self.refuses:
            return web.json_response({"detail": self.refuses}, status=409)
        return web.json_response({"id": "ast_1"}, status=202)


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    api = Api()
    await api.server.start_server()
    api.url = str(api.server.make_url("")).rstrip("/")
    yield api
    await api.server.close()


async def take(api: Api, *steps: dict[str, Any]) -> None:
    """One after another."""
    door = Door(api.url, "token", "sck_1")
    async with aiohttp.ClientSession() as http:
        assistant = AssistantSteps(http, door, Show(quiet=True), "cnf_1")
        for step in steps:
            await assistant.take({"text": ""} | step)


async def test_an_assistant_is_invited_told_something_and_sent_away(api: Api) -> None:
    """Each as the API wants it, of the assistant that came."""
    await take(
        api,
        {"do": "invite", "text": "Be brief."},
        {"do": "prompt", "text": "Recap."},
        {"do": "say", "text": "Good morning."},
        {"do": "stop"},
        {"do": "dismiss"},
    )
    assert api.asked == [
        ("POST", "", {"prompt": "Be brief."}),
        ("POST", "/ast_1/prompts", {"text": "Recap."}),
        ("POST", "/ast_1/say", {"text": "Good morning."}),
        ("POST", "/ast_1/stop", None),
        ("DELETE", "/ast_1", None),
    ]


async def test_without_an_assistant_the_call_goes_on(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    """What was refused is shown in the service's words, and nothing more is asked."""
    api.refuses = "Assistants are switched off."
    await take(api, {"do": "invite"}, {"do": "say", "text": "Hello."})
    assert [path for _, path, _ in api.asked] == [""]
    assert "Assistants are switched off." in capsys.readouterr().err


async def test_a_service_that_does_not_answer_is_shown(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    """It may have been killed just then."""
    await api.server.close()
    await take(api, {"do": "invite"})
    assert "did not answer" in capsys.readouterr().err


def test_steps_are_taken_in_order_of_time() -> None:
    """However a scenario lists them."""
    assert [step["at"] for step in steps_of({"assistant": [{"at": 3.0}, {"at": 1.0}]})] == [1.0, 3.0]
    assert steps_of({}) == []
