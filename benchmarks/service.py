"""The service as ``sidecar serve`` runs it; its recogniser is the bare client, or Deepgram's SDK."""

from __future__ import annotations

import argparse
from pathlib import Path

import uvloop
from aiohttp import web

from benchmarks.bare_client import BareClient
from benchmarks.parts import DEEPGRAM_KEY, HOST, TOKEN, heard, say
from sidecar.app import build
from sidecar.cli import logs
from sidecar.cli.accounts import add_key
from sidecar.config import load
from sidecar.server.app_keys import ACCOUNTS
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
    )
    recogniser = BareClient(args.upstream) if args.recogniser == "bare" else None
    app = build(settings, recogniser=recogniser)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await GuardedSite(runner, HOST, args.port, connections=app[STRANGERS].connections).start()
    say(ready=True, key=(await add_key(app[ACCOUNTS], "benchmarks"))[1])
    try:
        await heard("never")
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--upstream", required=True)
    parser.add_argument("--recogniser", choices=["bare", "deepgram"], default="bare")
    uvloop.run(main(parser.parse_args()))
