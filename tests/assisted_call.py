"""A call with an assistant in it, as tests see it: people say phrases, and the API of assistants is asked."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.line import LIMIT_S, Line
from tests.phrase_book import PhraseBook


class AssistedCall:
    """A conference of two people who say phrases, and the API of its assistants."""

    def __init__(self, line: Line, book: PhraseBook) -> None:
        self.line, self.book = line, book
        self.conference = ""
        self.people: dict[str, Any] = {}

    async def begin(self) -> None:
        """Two people, for two minutes at most."""
        await self.line.play(120)
        await self.line.service.until("conference.started")
        [conference] = (await self.line.service.get("/v1/conferences"))["data"]
        self.conference = f"/v1/conferences/{conference['id']}"
        found = await self.line.service.get(f"{self.conference}/participants")
        self.people = {one["label"]: one for one in found["data"]}

    def participant(self, label: str) -> str:
        """Its id."""
        return str(self.people[label]["id"])

    async def says(self, label: str, phrase: str) -> None:
        """Somebody speaks; returns at once."""
        await self.line.control(
            f"/control/calls/{self.people[label]['call_sid']}/say", {"says": [{"wav": self.book.wav(phrase)}]}
        )

    async def ask(self, method: str, path: str = "", body: Any = None, **headers: str) -> tuple[int, Any]:
        """A request to the assistants' API."""
        url = f"{self.line.service.base}{self.conference}/assistants{path}"
        async with self.line.service.http.request(method, url, json=body, headers=headers) as answer:
            return answer.status, await answer.json()

    async def invite(self, **wish: Any) -> str:
        """An assistant that is there."""
        status, body = await self.ask("POST", body=wish)
        assert status == 202, body
        count = 1
        while (await self.told("assistant.joined", count))["assistant"] != body["id"]:
            count += 1  # another one was there before
        return str(body["id"])

    async def state(self, assistant: str) -> dict[str, Any]:
        """How it stands with one."""
        found: dict[str, Any] = await self.line.service.get(f"{self.conference}/assistants/{assistant}")
        return found

    async def until_state(self, assistant: str, wanted: str) -> None:
        """As soon as it does that."""
        async with asyncio.timeout(LIMIT_S):
            while (await self.state(assistant))["state"] != wanted:
                await asyncio.sleep(0.05)

    async def until_speaking(self) -> None:
        """As soon as one of them speaks."""
        [one, *_] = (await self.line.service.get(f"{self.conference}/assistants"))["data"]
        await self.until_state(one["id"], "speaking")

    async def cut(self, assistant: str) -> None:
        """Its line loses its connection."""
        call_sid = (await self.state(assistant))["call_sid"]
        streams = [one for one in (await self.line.state())["streams"] if one["call_sid"] == call_sid]
        await self.line.control(f"/control/streams/{streams[-1]['sid']}/cut")

    async def told(self, type_: str, nth: int = 1) -> dict[str, Any]:
        """The nth event of that type, as soon as there is one."""
        async with asyncio.timeout(LIMIT_S):
            while True:
                found = [event for event in await self.line.service.events() if event["type"] == type_]
                if len(found) >= nth:
                    data: dict[str, Any] = found[nth - 1]["data"]
                    return data
                await asyncio.sleep(0.05)
