"""The measurements: each starts its processes, measures for a while, and gives figures as plain values."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import statistics
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.disk import flushes, parent_in_memory
from benchmarks.parts import FRAME_S, HOST, START_TIMEOUT_S, Part, cpu_seconds, part, resident_bytes
from sidecar.cli.children import free_ports

# A call placed and its socket opened take some milliseconds each.
OPEN_TIMEOUT_S = 90.0
ANSWER_TIMEOUT_S = 30.0
TURN_TIMEOUT_S = 20.0
# After the last event, until its receiver has it.
DRAIN_S = 2.0


class Load(NamedTuple):
    """How long to measure, after how long of talking."""

    settle_s: float
    measure_s: float


class Stage(NamedTuple):
    """A running service (or bridge) with its upstream."""

    served: Part
    upstream: Part
    port: int
    key: str
    folder: Path


@contextlib.contextmanager
def stage(
    kind: str,
    *,
    partial_each_s: float = 0,
    final_each_s: float = 0,
    together: bool = False,
    folder: Path | None = None,
    more: tuple[object, ...] = (),
) -> Iterator[Stage]:
    """``kind``: ``bridge``, or the service with that recogniser: ``bare`` or ``deepgram``. ``more``: for it."""
    port = free_ports(2)
    os.sync()  # what earlier scenes left is written now, not while a transaction waits for the disk
    with contextlib.ExitStack() as stack:
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sidecar-bench-")))
        results: list[object] = ["--partial-each", partial_each_s, "--final-each", final_each_s]
        if together:
            results.append("--together")
        upstream = stack.enter_context(part("upstream", "--port", port + 1, *results))
        upstream.told(START_TIMEOUT_S)
        url = f"http://{HOST}:{port + 1}"
        if kind == "bridge":
            served = stack.enter_context(part("bridge", "--port", port, "--upstream", url))
        else:
            served = stack.enter_context(
                part("service", "--port", port, "--upstream", url, "--folder", folder, "--recogniser", kind, *more)
            )
        key = str(served.told(START_TIMEOUT_S).get("key", ""))
        yield Stage(served, upstream, port, key, folder)


@contextlib.contextmanager
def callers(on: Stage, forks: int, *, bridge: bool = False) -> Iterator[Part]:
    """So many participants, talking from now on."""
    with part("callers", "--port", on.port, "--forks", forks, *(["--bridge"] if bridge else [])) as calling:
        calling.told(OPEN_TIMEOUT_S)
        yield calling


@contextlib.contextmanager
def readers(on: Stage, count: int, topics: list[str]) -> Iterator[Part]:
    """So many event streams."""
    with part("readers", "--port", on.port, "--key", on.key, "--readers", count, *topics) as reading:
        reading.told(OPEN_TIMEOUT_S)
        yield reading


def media(kind: str, forks: int, load: Load) -> dict[str, Any]:
    """What a media frame costs, how late audio leaves, and what a fork holds in memory."""
    # Deepgram's adapter gives up an engine that says nothing, so for it the upstream speaks, as little as will do.
    partial_each_s, final_each_s = (2.0, 10.0) if kind == "deepgram" else (0.0, 0.0)
    with stage(kind, partial_each_s=partial_each_s, final_each_s=final_each_s) as on:
        empty = resident_bytes(on.served.pid)
        with callers(on, forks, bridge=kind == "bridge") as calling:
            time.sleep(load.settle_s)
            for who in (on.upstream, calling):
                who.tell("measure")
            cpu, begun = cpu_seconds(on.served.pid), time.monotonic()
            time.sleep(load.measure_s)
            for who in (calling, on.upstream):
                who.tell("report")
            cpu, took = cpu_seconds(on.served.pid) - cpu, time.monotonic() - begun
            sent, arrived = calling.told(ANSWER_TIMEOUT_S), on.upstream.told(ANSWER_TIMEOUT_S)
            memory = resident_bytes(on.served.pid) - empty
    frames = sent["frames"]
    return {
        "kind": kind,
        "forks": forks,
        "seconds": round(took, 1),
        "streams_lost": sent["lost"],
        "frames": frames,
        "expected_frames": round(forks * took / FRAME_S),
        "forwarded_ratio": round(arrived["bytes"] / max(1, frames * 160), 3),
        "cpu_us_per_frame": round(cpu / max(1, frames) * 1e6, 2),
        "cpu_percent": round(cpu / took * 100, 1),
        "lag_ms": arrived["lag_ms"],
        "load_late_ms": sent["worst_late_ms"],
        "memory_per_fork_kb": round(memory / forks / 1000, 1),
    }


def latency(forks: int, load: Load) -> dict[str, Any]:
    """From the recogniser's result to the bytes of the event stream: finals are stored between, partials gathered.

    Once with the store in memory, where that is possible, so that the figure is the service's own, and once on the
    disk, with what the disk alone takes; then with results of everybody at the same moment, as no hundred people do.
    """
    told = {"forks": forks, "disk_ms": flushes(load.measure_s)}
    told["on_disk"] = _latency(forks, load, None)
    if parent := parent_in_memory():
        told["in_memory"] = _latency(forks, load, parent)
    return told | {"together": _latency(forks, load, parent, together=True)}


def _latency(forks: int, load: Load, parent: Path | None, *, together: bool = False) -> dict[str, Any]:
    """``parent``: of the folder with the store; None is where temporary files go."""
    with (
        tempfile.TemporaryDirectory(prefix="sidecar-bench-", dir=parent) as folder,
        stage("bare", partial_each_s=0.5, final_each_s=3.0, together=together, folder=Path(folder)) as on,
        callers(on, forks),
    ):
        topics = conferences(on)
        with readers(on, min(25, -(-len(topics) // 20)), topics) as reading:
            told = measured(reading, load)
    return {"final_ms": told["final_ms"], "partial_ms": told["partial_ms"]}


def assistant(rooms: int, turns: int) -> dict[str, Any]:
    """What of an assistant's turn is ours, and how soon it is silent when somebody objects."""
    with part("assistant", "--rooms", rooms, "--turns", turns) as talking:
        return talking.told(START_TIMEOUT_S + turns * TURN_TIMEOUT_S)


def fan_out(count: int, load: Load, *, partial_each_s: float = 0.3, final_each_s: float = 1.0) -> dict[str, Any]:
    """What one event costs for each of many subscribers of one conference. Two people talk, fast."""
    with stage("bare", partial_each_s=partial_each_s, final_each_s=final_each_s) as on, callers(on, 2):
        topics = conferences(on)
        empty = resident_bytes(on.served.pid)
        idle = _cpu_over(on.served.pid, load.measure_s / 2)
        with readers(on, count, topics) as reading:
            time.sleep(load.settle_s)
            reading.tell("measure")
            busy = _cpu_over(on.served.pid, load.measure_s)
            reading.tell("report")
            told = reading.told(ANSWER_TIMEOUT_S)
            memory = resident_bytes(on.served.pid) - empty
    delivered = max(1, told["events"])
    return {
        "subscribers": count,
        "memory_per_subscriber_kb": round(memory / count / 1000, 1),
        "delivered": told["events"],
        "cpu_us_per_event": round((busy - idle) * load.measure_s / delivered * 1e6, 2),
        "cpu_percent": round(busy * 100, 1),
        "final_ms": told["final_ms"],
    }


def resume(events: int, rounds: int) -> dict[str, Any]:
    """How long a client takes to catch up on a long conference, from the store."""
    with tempfile.TemporaryDirectory(prefix="sidecar-bench-") as folder:
        conference = asyncio.run(_long_conference(Path(folder), events))
        with stage("bare", folder=Path(folder)) as on:
            took = []
            for _ in range(rounds):
                arguments = ("--port", on.port, "--key", on.key, "--resume", events, f"conference:{conference}")
                with part("readers", *arguments) as reading:
                    took.append(reading.told(OPEN_TIMEOUT_S)["seconds"])
    return {"events": events, "seconds": round(statistics.median(took), 3), "rounds": rounds}


def webhooks(forks: int, per_s: float, load: Load) -> dict[str, Any]:
    """How soon a fast receiver is told of many events, beside people who talk, and what that costs."""
    port = free_ports(1)
    more = ("--webhooks", f"http://{HOST}:{port}/", "--events-per-s", per_s)
    with part("receiver", "--port", port) as receiving, stage("bare", final_each_s=3.0, more=more) as on:
        receiving.told(START_TIMEOUT_S)
        with callers(on, forks):
            time.sleep(load.settle_s)
            before = _cpu_over(on.served.pid, load.measure_s / 2)
            on.served.tell("tell")
            on.upstream.tell("measure")
            with_them = _cpu_over(on.served.pid, load.measure_s)
            on.upstream.tell("report")
            lag_ms = on.upstream.told(ANSWER_TIMEOUT_S)["lag_ms"]
            on.served.tell("enough")
            told = on.served.told(ANSWER_TIMEOUT_S)["told"]
            time.sleep(DRAIN_S)
            receiving.tell("report")
            got = receiving.told(ANSWER_TIMEOUT_S)
    return {
        "forks": forks,
        "per_s": round(told / load.measure_s),
        "told": told,
        "missing": told + got["repeated"] - got["age_ms"]["n"],
        "repeated": got["repeated"],
        "age_ms": got["age_ms"],
        "lag_ms": lag_ms,
        "cpu_percent": round(with_them * 100, 1),
        "cpu_percent_before": round(before * 100, 1),
        "cpu_us_per_delivery": round((with_them - before) * load.measure_s / max(1, told) * 1e6),
    }


def measured(reading: Part, load: Load) -> dict[str, Any]:
    """What readers got in the time."""
    time.sleep(load.settle_s)
    reading.tell("measure")
    time.sleep(load.measure_s)
    reading.tell("report")
    return reading.told(ANSWER_TIMEOUT_S)


def conferences(on: Stage) -> list[str]:
    """The topics of all conferences that go on."""
    request = urllib.request.Request(f"http://{HOST}:{on.port}/v1/conferences?limit=500")
    request.add_header("Authorization", f"Bearer {on.key}")
    with urllib.request.urlopen(request, timeout=ANSWER_TIMEOUT_S) as answer:
        return [f"conference:{one['id']}" for one in json.load(answer)["data"]]


def _cpu_over(pid: int, seconds: float) -> float:
    """The share of a core that a process uses."""
    cpu, begun = cpu_seconds(pid), time.monotonic()
    time.sleep(seconds)
    return (cpu_seconds(pid) - cpu) / (time.monotonic() - begun)


async def _long_conference(folder: Path, events: int) -> str:
    """A stored conference with so many utterances; its id."""
    from sidecar.adapters.sql import Database, SqlDirectory, SqlEventLog
    from sidecar.adapters.sql.migrate import migrate
    from sidecar.domain.conference.values import Role
    from sidecar.domain.events import Draft, UtteranceFinal
    from sidecar.ports.directory import ForkRequest

    url, now = f"sqlite:///{folder}/sidecar.sqlite3", datetime.now(UTC)
    await migrate(url)
    database = Database(url)
    try:
        bound = await SqlDirectory(database).open_fork(
            ForkRequest(
                conference_id="cnf_long", participant_id="par_1", fork_id="frk_1", tenant="", room="long",
                call_sid="CA" + "0" * 32, label="agent", name="Agent", role=Role.AGENT, token_hash="-",
                token_expires_at=now, now=now,
            )
        )  # fmt: skip
        log, page = SqlEventLog(database), 500
        for first in range(0, events, page):
            await log.append(
                [
                    Draft(
                        id=f"evt_{n}",
                        conference=bound.conference.id,
                        timestamp=now,
                        data=UtteranceFinal(
                            id=f"utt_{n}", participant="par_1", fork="frk_1", session="ses_1", result_index=n,
                            revision=1, start_ms=n * 4_000, end_ms=n * 4_000 + 3_000,
                            text="What somebody says in three seconds is about this long.", engine="bare", lag_ms=300,
                        ),
                    )
                    for n in range(first, min(first + page, events))
                ]
            )  # fmt: skip
    finally:
        await database.close()
    return bound.conference.id
