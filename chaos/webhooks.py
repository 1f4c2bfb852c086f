"""Kills whoever sends webhooks, again and again, and counts what arrived: everything, hardly anything twice.

    python -m chaos.webhooks               87 SIGKILLs under 16,000 deliveries, some eight minutes
    python -m chaos.webhooks --kills 3 --events 200 --lock 1

Receivers verify each message with the library of Standard Webhooks, and refuse one of a hundred the first time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import secrets
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

from chaos.report import page
from chaos.webhook_worker import event_id, is_line
from sidecar.adapters.clock import SystemClock
from sidecar.adapters.sql import Database, SqlDirectory, SqlEventLog, SqlOutbox, SqlWebhookEndpoints, migrate
from sidecar.domain.conference.values import Role
from sidecar.domain.webhooks.endpoints import Endpoint, EndpointState
from sidecar.ports.directory import ForkRequest
from sidecar.wire.standard_webhooks import new_secret

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "chaos" / "results.json"
PAGE = ROOT / "docs" / "chaos.md"
HOST = "127.0.0.1"
ENDPOINTS = 4
KILLS = 87
EVENTS = 6_500
RATE = 30.0
LOCK_S = 40.0
# A kill comes at most so long after the event for which it is meant has arrived somewhere.
LATE_S = 0.5
ARRIVAL_TIMEOUT_S = 60.0
READY_TIMEOUT_S = 60.0
# From the last kill on: longer than a lock and the first wait for another attempt.
DRAIN_TIMEOUT_S = 180.0
REFUSED_OF_HUNDRED = 1
REPEATED_PERCENT_MOST = 2.0


class Receipt(msgspec.Struct):
    """All messages with one ``webhook-id`` at one endpoint."""

    body: bytes
    taken: int = 0
    refused: int = 0


class Receivers:
    """A web server with a receiver for each endpoint, and all that they got."""

    def __init__(self, signers: Sequence[str], chance: random.Random) -> None:
        self._libraries = [Webhook(secret) for secret in signers]
        self._chance = chance
        self.receipts: list[dict[str, Receipt]] = [{} for _ in signers]
        self.arrived = asyncio.Event()
        self.newest = 0
        self.forged = 0
        self.changed = 0
        # By endpoint and event: with which webhook-ids it came.
        self.carriers: list[dict[str, set[str]]] = [defaultdict(set) for _ in signers]

    async def receive(self, request: web.Request) -> web.Response:
        """Take it, unless it is forged or unlucky."""
        number = int(request.match_info["number"])
        body = await request.read()
        try:
            message = self._libraries[number].verify(body, dict(request.headers))
        except WebhookVerificationError:
            self.forged += 1
            return web.Response(status=400)
        receipt = self.receipts[number].setdefault(request.headers["webhook-id"], Receipt(body))
        self.changed += body != receipt.body
        if not receipt.taken and not receipt.refused and self._chance.random() * 100 < REFUSED_OF_HUNDRED:
            receipt.refused += 1
            return web.Response(status=500)
        receipt.taken += 1
        self.arrived.set()
        for event in message["data"] if isinstance(message["data"], list) else [message]:
            self.newest = max(self.newest, event["seq"])
            self.carriers[number][event["id"]].add(request.headers["webhook-id"])
        return web.Response(status=204)

    async def until_told(self, number: int) -> None:
        """The event of this ``seq``, or a later one, was taken by somebody."""
        async with asyncio.timeout(ARRIVAL_TIMEOUT_S):
            while self.newest < number:
                self.arrived.clear()
                await self.arrived.wait()

    def missing(self, events: int) -> int:
        """Events that an endpoint has not got, over all endpoints."""
        return sum(event_id(n) not in carried for carried in self.carriers for n in range(1, events + 1))

    @asynccontextmanager
    async def open(self) -> AsyncIterator[int]:
        """The port where they are."""
        app = web.Application()
        app.router.add_post("/{number}", self.receive)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, HOST, 0)
        await site.start()
        try:
            yield int(site.name.rpartition(":")[2])
        finally:
            await runner.cleanup()


class Outcome(msgspec.Struct):
    """What became of it. ``repeated``: messages that were taken before; ``moved``: events with several webhook-ids."""

    seed: int
    kills: int
    events: int
    deliveries: int = 0
    undelivered: int = 0
    repeated: int = 0
    refused: int = 0
    forged: int = 0
    changed: int = 0
    moved: int = 0
    seconds: float = 0
    drain_s: float = 0

    def faults(self) -> list[str]:
        """The promises that were not kept."""
        percent = self.repeated / max(1, self.deliveries) * 100
        found = {
            f"{self.undelivered} events did not arrive": self.undelivered > 0,
            f"{percent:.1f} % of the messages came twice": percent >= REPEATED_PERCENT_MOST,
            f"{self.forged} messages did not verify": self.forged > 0,
            f"{self.changed} messages changed between attempts": self.changed > 0,
            f"{self.moved} events came under several ids": self.moved > 0,
        }
        return [fault for fault, true in found.items() if true]


async def run(
    folder: Path,
    *,
    kills: int,
    events: int,
    seed: int,
    lock_s: float = LOCK_S,
    rate: float = RATE,
) -> Outcome:
    """Kill so often, at random, while so many events are stored and told; then let the last one finish."""
    chance = random.Random(seed)
    signers = [new_secret() for _ in range(ENDPOINTS)]
    receivers = Receivers(signers, chance)
    url = f"sqlite:///{folder}/webhooks.sqlite3"
    began = time.monotonic()
    async with receivers.open() as port:
        conference = await prepare(url, [f"http://{HOST}:{port}/{n}" for n in range(ENDPOINTS)], signers)
        arguments = (url, conference, "--until", str(events), "--rate", str(rate), "--lock", str(lock_s))
        for moment in [*sorted(chance.sample(range(1, events), kills)), None]:
            async with worker(arguments, folder / "worker.log") as process:
                if moment is not None:
                    await receivers.until_told(moment)
                    await asyncio.sleep(chance.uniform(0, LATE_S))
                    process.kill()
                else:
                    draining = time.monotonic()
                    await until_all_arrived(receivers, events)
        outcome = Outcome(seed=seed, kills=kills, events=events)
        outcome.seconds = round(time.monotonic() - began, 1)
        outcome.drain_s = round(time.monotonic() - draining, 1)
    receipts = [receipt for of_endpoint in receivers.receipts for receipt in of_endpoint.values()]
    outcome.deliveries = sum(receipt.taken > 0 for receipt in receipts)
    outcome.repeated = sum(max(0, receipt.taken - 1) for receipt in receipts)
    outcome.refused = sum(receipt.refused for receipt in receipts)
    outcome.undelivered = receivers.missing(await stored(url, conference))
    outcome.forged, outcome.changed = receivers.forged, receivers.changed
    outcome.moved = sum(len(ids) > 1 for carried in receivers.carriers for ids in carried.values())
    outcome.moved += sum(
        ids != {event}
        for carried in receivers.carriers
        for event, ids in carried.items()
        if not is_line(int(event[4:]))
    )
    return outcome


async def prepare(url: str, urls: Sequence[str], signers: Sequence[str]) -> str:
    """A store with endpoints and a call; its conference's id."""
    await migrate(url)
    database, clock = Database(url), SystemClock()
    try:
        endpoints, now = SqlWebhookEndpoints(database, SqlOutbox()), datetime.now(UTC)
        for number, (where, secret) in enumerate(zip(urls, signers, strict=True)):
            endpoint = Endpoint(
                id=f"whe_{number}", tenant="", url=where, description="", types=("*",), state=EndpointState.ENABLED,
                created_at=now,
            )  # fmt: skip
            await endpoints.add(endpoint, secret=secret)
        bound = await SqlDirectory(database).open_fork(
            ForkRequest(
                conference_id=clock.new_id("cnf"), participant_id="par_1", fork_id="frk_1", tenant="", room="chaos",
                call_sid="CA" + "0" * 32, label="agent", name="Agent", role=Role.AGENT, token_hash="-",
                token_expires_at=now, now=now,
            )
        )  # fmt: skip
        return bound.conference.id
    finally:
        await database.close()


async def stored(url: str, conference: str) -> int:
    """How many events there are."""
    database = Database(url)
    try:
        found = await SqlDirectory(database).conference(conference)
        assert found is not None
        assert len(await SqlEventLog(database).read(conference, limit=found.seq + 1)) == found.seq
        return found.seq
    finally:
        await database.close()


@asynccontextmanager
async def worker(arguments: Sequence[str], log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """The process that is killed, ready. Gone afterwards."""
    with log.open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "chaos.webhook_worker", *arguments, stdout=asyncio.subprocess.PIPE, stderr=errors
        )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(READY_TIMEOUT_S):
            line = await process.stdout.readline()
        assert line == b"ready\n", f"the worker died; {log} says why"
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.wait()


async def until_all_arrived(receivers: Receivers, events: int) -> None:
    """Or until there is no hope any more; then the count says what is missing."""
    end = time.monotonic() + DRAIN_TIMEOUT_S
    while receivers.missing(events) and time.monotonic() < end:
        await asyncio.sleep(0.5)  # counting is work
        receivers.arrived.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                await receivers.arrived.wait()


def main() -> None:
    """Run, print, keep the results of a whole run, fail when a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m chaos.webhooks", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--lock", type=float, default=LOCK_S, help="seconds")
    parser.add_argument("--seed", type=int)
    args = parser.parse_args()
    seed = secrets.randbelow(1_000_000) if args.seed is None else args.seed
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    with tempfile.TemporaryDirectory(prefix="sidecar-chaos-webhooks-") as folder:
        outcome = asyncio.run(run(Path(folder), kills=args.kills, events=args.events, seed=seed, lock_s=args.lock))
    told: dict[str, Any] = msgspec.to_builtins(outcome)
    print(json.dumps(told))
    if (args.kills, args.events, args.lock) == (KILLS, EVENTS, LOCK_S):
        where = {"date": datetime.now(UTC).date().isoformat(), "load_before": load, "faults": outcome.faults()}
        results = json.loads(RESULTS.read_text()) | {"webhooks": told | where}
        RESULTS.write_text(json.dumps(results, separators=(",", ":")) + "\n")
        PAGE.write_text(page(results))
    if found := outcome.faults():
        raise SystemExit("not well: " + "; ".join(found))


if __name__ == "__main__":
    main()
