"""The assistant over an emulated network: invited, heard, interrupted, cut off and back, dismissed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sidecar.runtime.assistant_desk import Engines
from tests.fake_engines import FakeChatModel, FakeVoice
from tests.line import Line, running_line


class Call:
    """A conference of two people, and the API of its assistants."""

    def __init__(self, line: Line, voice: FakeVoice) -> None:
        self.line, self.voice = line, voice
        self.path = ""

    async def begin(self) -> None:
        """Two people, for a minute."""
        await self.line.play(60)
        await self.line.service.until("conference.started")
        [conference] = (await self.line.service.get("/v1/conferences"))["data"]
        self.path = f"/v1/conferences/{conference['id']}/assistants"

    async def ask(self, method: str, path: str = "", body: Any = None, **headers: str) -> tuple[int, Any]:
        """A request to the assistants' API."""
        url = self.line.service.base + self.path + path
        async with self.line.service.http.request(method, url, json=body, headers=headers) as answer:
            return answer.status, await answer.json()

    async def invite(self, **wish: Any) -> str:
        """An assistant that is on its way."""
        status, body = await self.ask("POST", body=wish)
        assert status == 202, body
        return str(body["id"])

    async def until(self, type_: str) -> dict[str, Any]:
        """The newest event of that type, as soon as there is one."""
        events = await self.line.service.until(type_)
        found: dict[str, Any] = [event for event in events if event["type"] == type_][-1]["data"]
        return found


@pytest.fixture
async def call(tmp_path: Path) -> AsyncIterator[Call]:
    voice = FakeVoice()
    async with running_line(tmp_path, engines=Engines(FakeChatModel(), voice)) as line:
        call = Call(line, voice)
        await call.begin()
        yield call


async def test_it_is_invited_says_what_it_is_told_and_leaves(call: Call) -> None:
    one = await call.invite(prompt="Be brief.")
    await call.until("assistant.joined")
    assert (await call.ask("POST", f"/{one}/say", {"text": "Good morning."}))[0] == 202
    turn = await call.until("assistant.turn")
    assert (turn["heard"], turn["outcome"], turn["why"]) == ("Good morning.", "completed", "say")
    assert (await call.ask("DELETE", f"/{one}"))[0] == 202
    left = await call.until("assistant.left")
    assert left["reason"] == "dismissed"
