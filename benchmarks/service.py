"""The service as ``sidecar serve`` runs it; its recogniser is the bare client, or Deepgram's SDK."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

import uvloop
from aiohttp import web

from benchmarks.bare_client import BareClient
from benchmarks.parts import DEEPGRAM_KEY, HOST, TOKEN, heard, say
from benchmarks.teller import Teller
from sidecar.app import build
from sidecar.cli import logs
from sidecar.cli.accounts import add_key
from sidecar.cli.garbage import rare_collections
from sidecar.config import load
from sidecar.server.app_keys import ACCOUNTS, EVENT_WRITER, SWITCHBOARD
from sidecar.server.connections import GuardedSite
from sidecar.server.strangers import STRANGERS


async def main(args: argparse.Namespace) -> None:
    """Serve until standard input closes."""
    logs.set_up("error")
    settings = load(
        host=HOST,
        port=args.port,
        database_url=f"sqlite:///{args.folder}/sidecar.sqlite3",
        twilio_auth_token=TOKEN,
        max_forks=10_000,
        rate_limit=0,
        stt="deepgram",
        deepgram_api_key=DEEPGRAM_KEY,
        deepgram_base_url=args.upstream,
        webhook_allow_nets=f"{HOST}/32",
        webhook_allow_http=True,
    )
    recogniser = BareClient(args.upstream) if args.recogniser == "bare" else None
    app = build(settings, recogniser=recogniser)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await GuardedSite(runner, HOST, args.port, connections=app[STRANGERS].connections).start()
    say(ready=True, key=(await add_key(app[ACCOUNTS], "benchmarks"))[1])
    switchboard, streams_ended = app[SWITCHBOARD], app[EVENT_WRITER].tally.streams_ended
    try:
        async with rare_collections(live=lambda: switchboard.live_forks, ended=streams_ended.total):
            if args.webhooks:
                await tell(Teller(app), args.webhooks, args.events_per_s)
            await heard("never")
    finally:
        await runner.cleanup()


async def tell(teller: Teller, url: str, per_s: float) -> None:
    """Events for an endpoint between the lines ``tell`` and ``enough``; then how many there were."""
    await teller.add_endpoint(url)
    await heard("tell")
    async with asyncio.TaskGroup() as tasks:
        telling = tasks.create_task(teller.tell(per_s), name="teller")
        await heard("enough")
        telling.cancel()
    say(told=teller.told)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--upstream", required=True)
    parser.add_argument("--webhooks", default="", help="an endpoint's URL")
    parser.add_argument("--events-per-s", type=float, default=0.0, help="of events for it")
    parser.add_argument("--recogniser", choices=["bare", "deepgram"], default="bare")
    uvloop.run(main(parser.parse_args()))
