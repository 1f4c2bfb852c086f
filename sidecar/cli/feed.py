"""Reads a conference as any program would: ``/v1/stream`` with resume, until its transcript is complete."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec

RETRY_S = 0.5
SILENCE_TIMEOUT_S = 40.0

Envelope = dict[str, Any]


async def durable_events(
    http: aiohttp.ClientSession, base_url: str, conference_id: str, *, key: str
) -> AsyncIterator[Envelope]:
    """Every durable event of a conference from its first, in order, across restarts of the service.

    ``key``: an API key. Ends behind ``transcript.completed``.
    """
    last_id = ""
    timeout = aiohttp.ClientTimeout(total=None, sock_read=SILENCE_TIMEOUT_S, sock_connect=5)
    while True:
        headers = {"Authorization": f"Bearer {key}"} | ({"Last-Event-ID": last_id} if last_id else {})
        try:
            async with http.get(
                f"{base_url}/v1/stream",
                params={"topic": f"conference:{conference_id}"},
                headers=headers,
                timeout=timeout,
            ) as response:
                response.raise_for_status()
                async for frame_id, event in frames(response):
                    last_id = frame_id or last_id
                    if event.get("seq") is not None:
                        yield event
                    if event.get("type") == "transcript.completed":
                        return
        except (aiohttp.ClientError, TimeoutError):
            pass  # the service is being restarted; the position is kept
        await asyncio.sleep(RETRY_S)


async def frames(response: aiohttp.ClientResponse) -> AsyncIterator[tuple[str, Envelope]]:
    """The frames of an event stream as (id, data); comments and empty data are left out."""
    frame_id, data = "", ""
    async for raw in response.content:
        line = raw.decode().rstrip("\r\n")
        if line.startswith("id: "):
            frame_id = line[4:]
        elif line.startswith("data: "):
            data += line[6:]
        elif not line:
            if data:
                yield frame_id, msgspec.json.decode(data)
            frame_id, data = "", ""
