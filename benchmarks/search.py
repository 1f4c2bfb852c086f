"""Search over many lines in a SQLite file: what it costs to keep the index, and how long people wait for an answer."""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.parts import quantiles
from sidecar.adapters.clock import SystemClock
from sidecar.adapters.sql import Database, SqlDirectory, SqlEventLog, SqlSearch, migrate
from sidecar.domain.conference.values import Role
from sidecar.domain.events import Draft, UtteranceFinal
from sidecar.domain.search import search_query
from sidecar.ports.directory import BoundFork, ForkRequest
from sidecar.ports.search import Calls

LINES_OF_A_CALL = 100
BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
# Said with every breath, and hardly ever: words are as unevenly spread as they are on calls.
_SAID = (
    "the a i you to it is and of that we can for my have your on in be not with this please order bike will was at "
    "do so what yes no are but me just if know one as about up how would there time could our then well right"
)
COMMON = _SAID.split()
RARE = 20_000
QUERIES = {
    "a rare word": "rare77",
    "the commonest word": "the",
    "two common words": "please order",
    "a phrase of them": '"please order"',
    "a beginning of 20,000 words": "ra*",
    "one word without another": "the -a",
    "a common word, by an agent": 'the speaker:"agent 7"',
    "a common word, by one customer": 'the speaker:"customer 5"',
    "a common word, before all calls": "the before:2026-01-01",
}


def scene(lines: int, rounds: int) -> dict[str, Any]:
    """So many lines in calls of a hundred; each query so many times, for the newest 50 lines that fit."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(f"sqlite:///{Path(folder) / 'search.db'}", lines, rounds))


async def _measure(url: str, lines: int, rounds: int) -> dict[str, Any]:
    await migrate(url)
    database = Database(url)
    try:
        stored_us = await _fill(database, lines)
        search, found = SqlSearch(database), {}
        for name, query in QUERIES.items():
            times = []
            for _ in range(rounds):
                begun = time.perf_counter()
                hits = await search.lines(search_query(query), Calls(tenant=""), limit=50)
                times.append((time.perf_counter() - begun) * 1000)
            found[name] = {"query": query, "hits": len(hits), "ms": quantiles(times)}
        return {"lines": lines, "stored_us": stored_us, "queries": found}
    finally:
        await database.close()


async def _fill(database: Database, lines: int) -> float:
    """Microseconds that a line took to store, in batches of a call."""
    directory, log, chance = SqlDirectory(database), SqlEventLog(database), random.Random(7)
    spread = [1 / (n + 1) for n in range(len(COMMON))]
    spent = 0.0
    for call in range(max(1, lines // LINES_OF_A_CALL)):
        now = BEGAN + timedelta(minutes=call)
        agent = await directory.open_fork(_request(call, f"Agent {call % 40}", Role.AGENT, now))
        customer = await directory.open_fork(_request(call, f"Customer {call}", Role.CUSTOMER, now))
        said = []
        for n in range(LINES_OF_A_CALL):
            rare = [f"rare{chance.randrange(RARE)}" for _ in range(2)]
            text = " ".join([*chance.choices(COMMON, spread, k=9), *rare])
            said.append(_line((agent, customer)[n % 2], n, text, now))
        begun = time.perf_counter()
        await log.append(said)
        spent += time.perf_counter() - begun
    return round(spent / max(lines, LINES_OF_A_CALL) * 1e6, 1)


def _request(call: int, name: str, role: Role, now: datetime) -> ForkRequest:
    clock = SystemClock()
    return ForkRequest(
        conference_id=clock.new_id("cnf"), participant_id=clock.new_id("par"), fork_id=clock.new_id("frk"), tenant="",
        room=f"room {call}", call_sid=clock.new_id("CA"), label=str(role), name=name, role=role,
        token_hash=clock.new_token(), token_expires_at=now, now=now,
    )  # fmt: skip


def _line(who: BoundFork, n: int, text: str, now: datetime) -> Draft:
    clock = SystemClock()
    line = UtteranceFinal(
        id=clock.new_id("utt"), participant=who.participant.id, fork=who.fork.id, session="ses_1", result_index=n,
        revision=1, start_ms=n * 3_000, end_ms=n * 3_000 + 2_500, text=text, engine="local", lag_ms=400,
    )  # fmt: skip
    return Draft(id=clock.new_id("evt"), conference=who.conference.id, timestamp=now, data=line)
