"""The baseline: the least that aiohttp can do with a media stream. Decode, gather 100 ms, send upstream.

No signature, no token, no order, no gaps, no ring, no results, no store: what the service costs more than this is what
it does more than this. To be compared within one run only.
"""

from __future__ import annotations

import argparse
import asyncio

import aiohttp
import msgspec
from aiohttp import web

from benchmarks.parts import BATCH_BYTES, HOST, heard, say


class _Body(msgspec.Struct, gc=False):
    payload: bytes


class _Media(msgspec.Struct, tag_field="event", tag="media", gc=False):
    media: _Body


class _Start(msgspec.Struct, tag_field="event", tag="start"):
    pass


class _Stop(msgspec.Struct, tag_field="event", tag="stop"):
    pass


class _Connected(msgspec.Struct, tag_field="event", tag="connected"):
    pass


_DECODER = msgspec.json.Decoder(_Media | _Start | _Stop | _Connected)


async def main(args: argparse.Namespace) -> None:
    """Bridge until standard input closes."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:

        async def media(request: web.Request) -> web.WebSocketResponse:
            ws = web.WebSocketResponse(compress=False, decode_text=False)
            await ws.prepare(request)
            batch = bytearray()
            async with http.ws_connect(args.upstream, compress=0, decode_text=False) as upstream:
                async for message in ws:
                    received = _DECODER.decode(message.data)
                    if type(received) is _Media:
                        batch += received.media.payload
                        if len(batch) >= BATCH_BYTES:
                            await upstream.send_bytes(bytes(batch))
                            batch.clear()
            return ws

        app = web.Application()
        app.router.add_get("/twilio/media", media)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        await web.TCPSite(runner, HOST, args.port, backlog=2048).start()
        say(ready=True)
        try:
            await heard("never")
        finally:
            await runner.cleanup()


if __name__ == "__main__":
    import uvloop

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", required=True)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        loop.run(main(parser.parse_args()))
