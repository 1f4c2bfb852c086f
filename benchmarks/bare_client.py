"""A recogniser without an engine: aiohttp's own WebSocket client to the upstream, nothing between.

It shows what the fork path itself costs, without a vendor's library.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import aiohttp

from sidecar.domain.errors import RecogniserUnavailable
from sidecar.ports.recogniser import Figure, FinalResult, PartialResult, Result, SpeechStarted, Traits


class BareStream:
    """One connection for one participant."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self._ws = ws
        self._sent_ms = 0

    @property
    def noticed_ms(self) -> int:
        """All that was sent."""
        return self._sent_ms

    def send(self, audio: bytes) -> None:
        """As it comes: aiohttp waits only when 64 kB have found no way out, eight seconds of audio."""
        self._sent_ms += len(audio) // 8
        sending = self._ws.send_bytes(audio)
        try:
            sending.send(None)
        except StopIteration:
            return
        sending.close()
        raise RecogniserUnavailable("The upstream takes no audio.", code="recogniser_stuck")

    async def finish(self) -> None:
        """The upstream closes then."""
        await self._ws.send_str('{"type":"CloseStream"}')

    async def results(self) -> AsyncIterator[Result]:
        """Each final ends a segment."""
        segment, begun = 0, False
        async for message in self._ws:
            told = json.loads(message.data)
            start_ms = round(told["start"] * 1000)
            end_ms = start_ms + round(told["duration"] * 1000)
            text = told["channel"]["alternatives"][0]["transcript"]
            if not begun:
                yield SpeechStarted(segment=segment, start_ms=start_ms)
                begun = True
            if told["is_final"]:
                yield FinalResult(segment=segment, start_ms=start_ms, end_ms=end_ms, text=text)
                segment, begun = segment + 1, False
            else:
                yield PartialResult(segment=segment, start_ms=start_ms, end_ms=end_ms, text=text)

    async def close(self) -> None:
        """At once."""
        await self._ws.close()


class BareClient:
    """Opens connections to the upstream."""

    engine = "bare"
    traits = Traits(replay_speed=1.2, word_times=True)

    def __init__(self, url: str) -> None:
        self._url = url
        self._http: aiohttp.ClientSession | None = None

    def check(self) -> None:
        """There is nothing that could be missing."""

    def figures(self) -> list[Figure]:
        """None."""
        return []

    async def open(self) -> BareStream:
        """One more connection."""
        if self._http is None:
            self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        return BareStream(await self._http.ws_connect(self._url, compress=0))

    async def close(self) -> None:
        """With all connections."""
        if self._http is not None:
            await self._http.close()
