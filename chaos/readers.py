"""Readers of ``/v1/stream`` who lose their connection again and again and go on after the last event they had."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from random import Random
from typing import Any

import aiohttp

from sidecar.cli.feed import frames

RETRY_S = 0.2
CONNECT_TIMEOUT_S = 5.0
SILENCE_TIMEOUT_S = 40.0

Heed = Callable[[dict[str, Any]], None]


class Reader:
    """``events``: the durable events, in the order of their arrival. ``stays_s``: it hangs up after about so long."""

    def __init__(self, http: aiohttp.ClientSession, url: str, *, random: Random, stays_s: float | None) -> None:
        self._http, self._url = http, url
        self._random, self._stays_s = random, stays_s
        self.events: list[dict[str, Any]] = []
        self.reconnects = -1
        self._last_id = ""

    async def read(self, conference_id: str, heed: Heed = lambda _: None) -> None:
        """To ``transcript.completed``. ``heed`` is called with each event, the passing ones too."""
        while True:
            self.reconnects += 1
            stays_s = None if self._stays_s is None else self._random.uniform(0.05, 2 * self._stays_s)
            try:
                async with asyncio.timeout(stays_s):
                    async for event in self._connection(conference_id):
                        heed(event)
                        if event.get("seq") is not None:
                            self.events.append(event)
                        if event.get("type") == "transcript.completed":
                            return
            except (aiohttp.ClientError, TimeoutError, ConnectionError):
                pass  # cut off, or the service is away; the position is kept
            await asyncio.sleep(RETRY_S)

    async def _connection(self, conference_id: str) -> AsyncIterator[dict[str, Any]]:
        timeout = aiohttp.ClientTimeout(total=None, sock_read=SILENCE_TIMEOUT_S, sock_connect=CONNECT_TIMEOUT_S)
        headers = {"Last-Event-ID": self._last_id} if self._last_id else {}
        params = {"topic": f"conference:{conference_id}"}
        async with self._http.get(self._url, params=params, headers=headers, timeout=timeout) as answer:
            answer.raise_for_status()
            async for frame_id, event in frames(answer):
                # The position moves with the event: who is cut off in between has had neither.
                self._last_id = frame_id or self._last_id
                yield event
