"""The assistant over an emulated network: invited, addressed, interrupted, cut off and back, dismissed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sidecar.adapters.chat_models.scripted import ScriptedChatModel
from sidecar.domain import notice
from sidecar.runtime.assistant_desk import Engines
from tests.fake_engines import FakeVoice
from tests.line import LIMIT_S, Line, running_line
from tests.phrase_book import BookRecogniser, PhraseBook

PHRASES = (
    "My order number is seven three five two nine.",
    "Ava, give us a recap.",
    "No, that is not what I wanted.",
    "Hold on please.",
    "Mm-hm, okay.",
)


class Call:
    """A conference of two people who say phrases, and the API of its assistants."""

    def __init__(self, line: Line, voice: FakeVoice, book: PhraseBook) -> None:
        self.line, self.voice, self.book = line, voice, book
        self.path = ""
        self.people: dict[str, str] = {}

    async def begin(self) -> None:
        """Two people, for two minutes at most."""
        await self.line.play(120)
        await self.line.service.until("conference.started")
        [conference] = (await self.line.service.get("/v1/conferences"))["data"]
        self.path = f"/v1/conferences/{conference['id']}/assistants"
        found = await self.line.service.get(f"/v1/conferences/{conference['id']}/participants")
        self.people = {one["label"]: one["call_sid"] for one in found["data"]}

    async def says(self, label: str, phrase: str) -> None:
        """Somebody speaks; returns at once."""
        await self.line.control(f"/control/calls/{self.people[label]}/say", {"says": [{"wav": self.book.wav(phrase)}]})

    async def ask(self, method: str, path: str = "", body: Any = None, **headers: str) -> tuple[int, Any]:
        """A request to the assistants' API."""
        url = self.line.service.base + self.path + path
        async with self.line.service.http.request(method, url, json=body, headers=headers) as answer:
            return answer.status, await answer.json()

    async def invite(self, **wish: Any) -> str:
        """An assistant that is there."""
        status, body = await self.ask("POST", body=wish)
        assert status == 202, body
        await self.told("assistant.joined")
        return str(body["id"])

    async def told(self, type_: str, nth: int = 1) -> dict[str, Any]:
        """The nth event of that type, as soon as there is one."""
        async with asyncio.timeout(LIMIT_S):
            while True:
                found = [event for event in await self.line.service.events() if event["type"] == type_]
                if len(found) >= nth:
                    data: dict[str, Any] = found[nth - 1]["data"]
                    return data
                await asyncio.sleep(0.05)


@pytest.fixture
async def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Call]:
    """Announcements take no time."""
    monkeypatch.setattr(notice, "BEFORE_IT_STARTS_S", 0.0)
    monkeypatch.setattr(notice, "SPOKEN_CHARS_PER_S", 1_000)
    voice, book = FakeVoice(), PhraseBook(tmp_path, *PHRASES)
    async with running_line(tmp_path, BookRecogniser(book), Engines(ScriptedChatModel(), voice)) as line:
        call = Call(line, voice, book)
        await call.begin()
        yield call


async def test_it_is_invited_answers_is_interrupted_and_leaves(call: Call) -> None:
    await call.says("customer", PHRASES[0])
    one = await call.invite(prompt="Be brief.")
    assert (await call.ask("POST", f"/{one}/say", {"text": "Good morning."}))[0] == 202
    turn = await call.told("assistant.turn")
    assert (turn["heard"], turn["outcome"], turn["why"]) == ("Good morning.", "completed", "say")
    await call.says("agent", PHRASES[1])
    await asyncio.sleep(6)
    await call.says("customer", PHRASES[2])
    turn = await call.told("assistant.turn", 2)
    assert (turn["outcome"], turn["why"]) == ("interrupted", "addressed")
    assert (await call.ask("DELETE", f"/{one}"))[0] == 202
    left = await call.told("assistant.left")
    assert left["reason"] == "dismissed"
