"""The far end: takes audio from many connections, measures how old it is, and gives results back when told to.

It speaks the part of Deepgram's listen protocol that both upstream clients use: binary audio, ``CloseStream`` and
``Finalize`` in, ``Results`` out. A result's text carries the time at which it was sent.
"""

from __future__ import annotations

import argparse
import json

from aiohttp import WSMsgType, web

from benchmarks.parts import BATCH_BYTES, FRAME_BYTES, HOST, age_ms, heard, quantiles, say, stamp

GOLDEN = (5**0.5 - 1) / 2  # its multiples lie evenly between whole numbers, however many there are

METADATA = {
    "request_id": "00000000-0000-0000-0000-000000000000",
    "model_info": {"name": "benchmark", "version": "1", "arch": "none"},
    "model_uuid": "00000000-0000-0000-0000-000000000000",
}


def result(text: str, start_s: float, duration_s: float, *, final: bool) -> str:
    """A ``Results`` message."""
    words = [{"word": text, "start": start_s, "end": start_s + duration_s, "confidence": 0.9, "punctuated_word": text}]
    return json.dumps(
        {
            "type": "Results",
            "channel_index": [0, 1],
            "start": start_s,
            "duration": duration_s,
            "is_final": final,
            "speech_final": final,
            "from_finalize": False,
            "metadata": METADATA,
            "channel": {"alternatives": [{"transcript": text, "confidence": 0.9, "words": words}]},
        }
    )


class Upstream:
    """Counts what comes while ``measuring``. ``partial_each_s``, ``final_each_s``: of audio, 0 for no results.

    ``together``: all who began at the same moment have their results at the same moment; else each at his own, as
    people do.
    """

    def __init__(self, partial_each_s: float, final_each_s: float, *, together: bool) -> None:
        self._partial_bytes = int(partial_each_s * 8000)
        self._final_bytes = int(final_each_s * 8000)
        self._together = together
        self.measuring = False
        self.ages_ms: list[float] = []
        self.bytes = 0
        self.connections = 0

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """One connection: one participant."""
        ws = web.WebSocketResponse(compress=False)
        await ws.prepare(request)
        told_at = final_at = 0 if self._together else -self._own_time()
        self.connections += 1
        taken = 0
        async for message in ws:
            if message.type is not WSMsgType.BINARY:
                if message.type is WSMsgType.TEXT and "CloseStream" in message.data:
                    break
                continue
            audio = message.data
            taken += len(audio)
            if self.measuring:
                self.bytes += len(audio)
                if len(audio) >= BATCH_BYTES:
                    self.ages_ms.append(age_ms(audio[-FRAME_BYTES:]))
            if self._final_bytes and taken - final_at >= self._final_bytes:
                await self._send(ws, "final", final_at, taken)
                final_at = told_at = taken
            elif self._partial_bytes and taken - told_at >= self._partial_bytes:
                await self._send(ws, "partial", final_at, taken)
                told_at = taken
        self.connections -= 1
        return ws

    def _own_time(self) -> int:
        """How much earlier than the first connection's this one's results come, in bytes: spread evenly."""
        return int(self.connections * GOLDEN % 1 * self._final_bytes)

    async def _send(self, ws: web.WebSocketResponse, kind: str, start: int, end: int) -> None:
        text = f"{kind} {stamp()}"
        start = max(0, start)
        await ws.send_str(result(text, start / 8000, (end - start) / 8000, final=kind == "final"))


async def main(args: argparse.Namespace) -> None:
    """Serve; measure between the lines ``measure`` and ``report`` on standard input."""
    upstream, app = Upstream(args.partial_each, args.final_each, together=args.together), web.Application()
    app.router.add_get("/{path:.*}", upstream.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, HOST, args.port, backlog=2048).start()
    say(ready=True)
    try:
        while True:
            await heard("measure")
            upstream.ages_ms, upstream.bytes, upstream.measuring = [], 0, True
            await heard("report")
            upstream.measuring = False
            say(lag_ms=quantiles(upstream.ages_ms), bytes=upstream.bytes, connections=upstream.connections)
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    import uvloop

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--partial-each", type=float, default=0.0)
    parser.add_argument("--final-each", type=float, default=0.0)
    parser.add_argument("--together", action="store_true", help="results of all at the same moment")
    uvloop.run(main(parser.parse_args()))
