"""Every durable event of all conferences, as ``sidecar webhooks listen`` hears them: by the service's event stream.

The wallboard says which conferences there are. Each is followed from its first event, those that go on already from now
on; all in one stream, which is opened again, without hole or double, when another conference joins.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus

import aiohttp

from sidecar.adapters.webhook_http import failure_in_words
from sidecar.cli.feed import SILENCE_TIMEOUT_S, Envelope, frames
from sidecar.cli.service_client import ServiceClient, refused

RETRY_S = 1.0
CONNECT_TIMEOUT_S = 5.0
# One stream has 20 topics at most, and one is the wallboard. Further calls wait until one of these is over.
FOLLOWED_MOST = 19


class Feed:
    """``say``: told, for people, what keeps events from coming."""

    def __init__(self, service: ServiceClient, say: Callable[[str], None]) -> None:
        self._service = service
        self._say = say
        self._epoch = ""
        self._after: dict[str, int] = {}  # of each conference that is followed
        self._over: set[str] = set()  # complete: nothing follows
        self._first = True

    @property
    def following(self) -> int:
        """How many conferences are followed just now."""
        return len(self._after.keys() - self._over)

    async def events(self) -> AsyncIterator[Envelope]:
        """Until it is cancelled. Raises ServiceRefused when the key opens nothing."""
        while True:
            try:
                async for event in self._one_stream():
                    yield event
            except (aiohttp.ClientError, TimeoutError) as error:
                self._say(
                    f"the service at {self._service.base} does not answer ({failure_in_words(error)}); I try again"
                )
                await asyncio.sleep(RETRY_S)

    async def _one_stream(self) -> AsyncIterator[Envelope]:
        """Ends when another conference is to be followed, or the service sends us away."""
        self._after = {one: seq for one, seq in self._after.items() if one not in self._over}
        topics = [("topic", "wallboard"), *(("topic", f"conference:{one}") for one in self._after)]
        if self._after:
            topics += [("epoch", self._epoch), *(("after", f"{one}:{seq}") for one, seq in self._after.items())]
        timeout = aiohttp.ClientTimeout(total=None, sock_read=SILENCE_TIMEOUT_S, sock_connect=CONNECT_TIMEOUT_S)
        async with self._service.http.get(
            f"{self._service.base}/v1/stream", params=topics, timeout=timeout
        ) as response:
            if response.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
                raise refused(await response.json(content_type=None))
            response.raise_for_status()
            async for _, frame in frames(response):
                if "snapshot" in frame:
                    if await self._meet([row["id"] for row in frame["rows"]]):
                        return
                elif "retry_ms" in frame:
                    self._over |= {topic.removeprefix("conference:") for topic in frame.get("topics", [])}
                    await asyncio.sleep(frame["retry_ms"] / 1000)
                    return
                elif "epoch" in frame:
                    self._epoch = frame["epoch"]
                elif frame.get("seq") is not None:
                    self._after[frame["conference"]] = frame["seq"]
                    if frame["type"] == "transcript.completed":
                        self._over.add(frame["conference"])
                    yield frame

    async def _meet(self, conferences: list[str]) -> bool:
        """Whether there is somebody new to follow."""
        unknown = [one for one in conferences if one not in self._after and one not in self._over]
        room = FOLLOWED_MOST - self.following
        if len(unknown) > room:
            self._say(f"more than {FOLLOWED_MOST} calls go on; nothing is heard of {len(unknown) - room} of them")
        for one in unknown[:room]:
            now = await self._service.get(f"/v1/conferences/{one}") if self._first else {"last_seq": 0}
            self._after[one] = now["last_seq"]
        self._first = False
        return bool(unknown[:room])
