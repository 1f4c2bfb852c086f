"""Card numbers spoken on a call, over the emulator, with the service in a process of its own: they are nowhere."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from sidecar.cli.children import free_ports
from tests.book_call import BookCall, book_call

FIRST = "My card number is four one one one one one one one"
REST = "one one one one one one one one thank you"
WHOLE = "And the other one is 5500 0000 0000 0004, okay?"
SOCIAL = "My social is one two three forty five six seven eight nine."
RECAP = "Ava, give us a recap."
ORDER = "My order number is seven three five two nine."
# What nobody may find: parts of the numbers, in every way in which they were said.
# A moment's microseconds may be any digits.
MICROSECONDS = re.compile(rb"(?<=:\d\d\.)\d{6}")
# Not four digits alone, but for one: ids have some.
SECRETS = [
    "4111",
    "one one one one",
    "is 5500",
    "5500 00",
    "0000 00",
    "six seven eight nine",
    "forty five",
    "123-45",
    "123456789",
]


@asynccontextmanager
async def receiver(bodies: list[bytes]) -> AsyncIterator[str]:
    """An endpoint that keeps whatever comes."""

    async def receive(request: web.Request) -> web.Response:
        bodies.append(await request.read())
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/hook", receive)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    port = free_ports(1)
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield f"http://127.0.0.1:{port}/hook"
    finally:
        await runner.cleanup()


class Listener:
    """All bytes of the event streams of a call and of the wallboard."""

    def __init__(self, call: BookCall) -> None:
        self._call = call
        self.heard = b""

    async def run(self) -> None:
        """Until it is cancelled, or the service is gone."""
        topics = [("topic", f"conference:{self._call.conference.rpartition('/')[2]}"), ("topic", "wallboard")]
        service = self._call.line.service
        try:
            async with service.http.get(service.base + "/v1/stream", params=topics) as stream:
                async for chunk in stream.content.iter_any():
                    self.heard += chunk
        except aiohttp.ClientError:
            pass

    async def until(self, part: bytes) -> None:
        """As soon as that was told."""
        async with asyncio.timeout(30):
            while part not in self.heard:
                await asyncio.sleep(0.05)


def contents_of(folder: Path, names: str) -> dict[str, bytes]:
    """Files, whole."""
    return {file.name: file.read_bytes() for file in folder.glob(names)}


def found_in(places: dict[str, bytes]) -> list[tuple[str, str, bytes]]:
    """Which secret is where."""
    return [
        (name, secret, content[max(0, at - 40) : at + 40])
        for name, content in ((name, MICROSECONDS.sub(b"", content)) for name, content in places.items())
        for secret in SECRETS
        if (at := content.find(secret.encode())) >= 0
    ]


@pytest.mark.timeout(180)
async def test_card_numbers_that_were_spoken_are_in_no_store_and_on_no_wire(tmp_path: Path) -> None:
    """In one go and in two, by two people, recapped by the assistant: database with its log, exports, streams,
    webhooks, search and what the process has logged."""
    bodies: list[bytes] = []
    settings: dict[str, Any] = {
        "SIDECAR_WEBHOOK_ALLOW_NETS": "127.0.0.0/8",
        "SIDECAR_WEBHOOK_ALLOW_HTTP": "true",
        "SIDECAR_LOG_LEVEL": "debug",
    }
    logs = tmp_path / "logs"
    phrases = (FIRST, REST, WHOLE, SOCIAL, RECAP)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(receiver(bodies))
        call = await stack.enter_async_context(book_call(tmp_path, *phrases, **settings))
        call.logs = logs
        await stack.enter_async_context(call.service())
        service = call.line.service
        endpoint = {"url": url, "types": ["*"]}
        async with service.http.post(f"{service.base}/v1/webhook_endpoints", json=endpoint) as answer:
            assert answer.status == 201, await answer.text()
        await call.begin()
        listener = Listener(call)
        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(listener.run())
            await call.says("customer", FIRST)
            await listener.until(b"My card number is [number]")
            await asyncio.sleep(1)  # a breath
            await call.says("customer", REST)
            assert (await call.told("utterance.final", 2))["text"] == "[card number] thank you"
            await call.says("agent", WHOLE)
            assert (await call.told("utterance.final", 3))["text"] == "And the other one is [card number], okay?"
            await call.says("customer", SOCIAL)
            assert (await call.told("utterance.final", 4))["text"] == "My social is [social security number]."
            await call.invite(announce="none", audience="agent")
            await call.says("agent", RECAP)
            turn = await call.told("assistant.turn")
            assert "[card number]" in turn["text"]
            for person in call.people.values():
                await call.line.hang_up(person["call_sid"])
            events = await call.line.ended()
            async with asyncio.timeout(30):
                while not any(b"transcript.completed" in body for body in bodies):
                    await asyncio.sleep(0.1)
            listening.cancel()
        places = {"streams": listener.heard, "webhooks": b"".join(bodies), "events": repr(events).encode()}
        for form in ("txt", "vtt", "srt", "json", "csv"):
            async with service.http.get(f"{service.base}{call.conference}/transcript.{form}") as answer:
                places[form] = await answer.read()
        async with service.http.get(f"{service.base}/v1/search", params={"q": "card"}) as answer:
            places["search"] = await answer.read()
            assert b"card number" in places["search"]
        places |= contents_of(tmp_path, "sidecar.sqlite3*") | contents_of(tmp_path, "logs")
        assert {"sidecar.sqlite3", "sidecar.sqlite3-wal", "logs"} <= set(places)
        assert all(places.values()), "each of them has something in it"
        assert found_in(places) == []


@pytest.mark.timeout(180)
async def test_words_that_wait_for_their_rest_when_the_service_is_killed_are_a_gap(tmp_path: Path) -> None:
    """They were not stored, and nobody says that they were: the next process finds them missing, from their start."""
    async with book_call(tmp_path, ORDER) as call:
        async with call.service() as first:
            await call.begin()
            listener = Listener(call)
            async with asyncio.TaskGroup() as tasks:
                listening = tasks.create_task(listener.run())
                await call.says("customer", ORDER)
                await listener.until(b"My order number is [number]")
                await asyncio.sleep(1.5)  # the phrase is over, and its final waits for more digits
                before = await call.line.service.events()
                first.kill()
                await first.wait()
                listening.cancel()
        assert [event for event in before if event["type"] == "utterance.final"] == []
        async with call.service():
            await call.told("fork.resumed", 2)
            gaps = [event["data"] for event in await call.line.service.events() if event["type"] == "transcript.gap"]
        [gap] = [one for one in gaps if one["participant"] == call.participant("customer")]
        begun = int(listener.heard.split(b'"text":"My"')[0].rpartition(b'"start_ms":')[2].partition(b",")[0])
        assert gap["from_ms"] <= begun < gap["to_ms"]
        assert gap["reason"] == "service_restarted"
