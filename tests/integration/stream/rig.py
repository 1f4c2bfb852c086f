"""What tests of the event stream share: as much of a service as streams need, and a client that is not our parser."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import aiohttp

from sidecar.adapters.sql import Database, SqlDirectory, SqlEventLog
from sidecar.domain.errors import StoreUnavailable
from sidecar.domain.events import Event, UtterancePartial
from sidecar.ports.directory import BoundFork
from sidecar.runtime.event_bus import EventBus, conference_topic
from sidecar.runtime.event_writer import EventWriter
from sidecar.server import stream_hub
from tests.facts import NOON, open_call

READ_TIMEOUT_S = 10.0


class FlakyLog(SqlEventLog):
    """The real log, which a test can make unreadable."""

    broken = False

    async def read(self, conference_id: str, *, after: int = 0, limit: int = 1000) -> list[Event]:
        if self.broken:
            raise StoreUnavailable("The disk is away.")
        return await super().read(conference_id, after=after, limit=limit)


@dataclass
class Service:
    """A running service as far as streams need one."""

    url: str
    log: FlakyLog
    directory: SqlDirectory
    bus: EventBus
    writer: EventWriter
    hub: stream_hub.StreamHub
    database: Database

    async def call(self, room: str = "support") -> BoundFork:
        return await open_call(self.directory, f"CA{room}", room=room)

    async def nobody_streams(self) -> None:
        """Returns when every stream that was opened is gone."""
        async with asyncio.timeout(READ_TIMEOUT_S):
            while self.hub.open or not self.hub.opened:
                await asyncio.sleep(0.01)


@dataclass
class Frame:
    """One event as a browser sees it."""

    event: str
    data: Any
    id: str | None


class EventSource:
    """As browsers have it, in a few lines: parses frames, remembers the last id. Not our own parser on purpose."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.head = b""

    async def frame(self) -> Frame:
        """The next event; comments and bare ``retry`` blocks are passed over. EOFError at the end."""
        async with asyncio.timeout(READ_TIMEOUT_S):
            while True:
                fields: dict[str, str] = {}
                while line := await self.response.content.readline():
                    text = line.decode().rstrip("\n")
                    if not text:
                        break
                    name, _, value = text.partition(": ")
                    fields[name] = value
                else:
                    raise EOFError
                if "data" in fields:
                    return Frame(fields.get("event", "message"), json.loads(fields["data"]), fields.get("id"))

    async def rest(self) -> list[Frame]:
        """All frames until the connection ends."""
        frames: list[Frame] = []
        try:
            while True:
                frames.append(await self.frame())
        except (EOFError, aiohttp.ClientError):
            return frames

    async def until(self, event: str, count: int = 1) -> list[Frame]:
        """All frames up to the ``count``-th of that name."""
        frames: list[Frame] = []
        while sum(frame.event == event for frame in frames) < count:
            frames.append(await self.frame())
        return frames


def topic(*calls: BoundFork) -> list[tuple[str, str]]:
    return [("topic", conference_topic(call.conference.id)) for call in calls]


def partial(call: BoundFork, utterance: str, text: str) -> Event:
    data = UtterancePartial(id=utterance, participant=call.participant.id, start_ms=0, end_ms=5, text=text, lag_ms=1)
    return Event(
        id="",
        type=data.type,
        seq=None,
        timestamp=NOON,
        conference=call.conference.id,
        conference_sid=None,
        tenant="default",
        data=data,
    )
