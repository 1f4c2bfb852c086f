"""A receiver of webhooks that says thank you at once: how many messages came, and how old each was."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime

from aiohttp import web

from benchmarks.parts import HOST, heard, quantiles, say

TYPE = "transcript.gap"


class Receiver:
    """``ages_ms``: from the moment an event happened to its arrival, on the clock of this machine."""

    def __init__(self) -> None:
        self.ages_ms: list[float] = []
        self.ids: set[str] = set()

    async def receive(self, request: web.Request) -> web.Response:
        """Look at its time."""
        event = json.loads(await request.read())
        if event["type"] == TYPE:
            now = datetime.now(UTC)
            self.ages_ms.append((now - datetime.fromisoformat(event["timestamp"])).total_seconds() * 1000)
            self.ids.add(request.headers["webhook-id"])
        return web.Response(status=204)


async def main(args: argparse.Namespace) -> None:
    """Receive until standard input closes; tell at each ``report``."""
    receiver, app = Receiver(), web.Application()
    app.router.add_post("/", receiver.receive)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, HOST, args.port).start()
    say(ready=True)
    try:
        while True:
            await heard("report")
            say(age_ms=quantiles(receiver.ages_ms), repeated=len(receiver.ages_ms) - len(receiver.ids))
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    import uvloop

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    uvloop.run(main(parser.parse_args()))
