"""Plays seeded calls to which everything happens, judges them, and writes the page about them.

    python -m chaos                        some twenty minutes on two quiet cores, forty at most: every suite
    python -m chaos kills --calls 1        only this suite, and so many calls of it
    python -m chaos mixed --seed 7         a call again that went wrong: its suite and seed are in the report
    python -m chaos --quick                one short call of each, in a minute; writes nothing

Results go to chaos/results.json, the page to docs/chaos.md. Exit status 1 when a promise was broken.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import secrets
import shutil
import signal
import sys
import tempfile
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from chaos.report import broken, faults_of, page
from chaos.run import Outcome, run
from chaos.schedule import SUITES, Plan
from sidecar.domain.errors import SidecarError

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "chaos" / "results.json"
PAGE = ROOT / "docs" / "chaos.md"
# A suite is played until so much of this has happened, in so many calls at most.
ENOUGH = {"kills": ("kills", 100), "drops": ("drops", 1_000), "mixed": ("calls", 6)}
CALLS = {"kills": 14, "drops": 8, "mixed": 6}
# Which suites are played beside each other: two lanes, for there are two cores.
LANES = (("kills",), ("drops", "mixed"))
QUICK: dict[str, dict[str, Any]] = {
    "kills": {"participants": 4, "deaths": 2, "seconds": 20.0},
    "drops": {"participants": 4, "seconds": 12.0},
    "mixed": {"participants": 4, "seconds": 15.0},
}


async def play(plan: Plan) -> Outcome:
    """One call. The folder with logs and database stays when something was wrong."""
    folder = Path(tempfile.mkdtemp(prefix=f"sidecar-chaos-{plan.suite}-{plan.seed}-"))
    try:
        outcome = await run(plan, folder)
    except (ExceptionGroup, SidecarError, aiohttp.ClientError, TimeoutError, AssertionError) as error:
        traceback.print_exception(error)
        outcome = Outcome(suite=plan.suite, seed=plan.seed, participants=plan.participants, seconds=plan.seconds)
        outcome.faults.append(f"the call did not come to its end: {type(error).__name__}")
    wrong = faults_of(msgspec.to_builtins(outcome))
    told = f"NOT WELL ({folder})" if wrong else "well"
    print(f"{plan.suite} --seed {plan.seed}: {told}", *wrong, sep="\n  ", file=sys.stderr, flush=True)
    if not wrong:
        shutil.rmtree(folder)
    return outcome


async def play_all(plans: dict[str, list[Plan]], minutes: float) -> list[Outcome]:
    """The suites of a lane one after the other, the lanes side by side; after so long no further call begins."""
    main_task = asyncio.current_task()
    assert main_task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, main_task.cancel)  # no process is left behind
    outcomes: list[Outcome] = []
    last = time.monotonic() + minutes * 60

    async def lane(suites: tuple[str, ...]) -> None:
        for suite in suites:
            what, enough = ENOUGH[suite]
            happened = 0
            for plan in plans.get(suite, []):
                if happened < enough and time.monotonic() < last:
                    outcome = await play(plan)
                    happened += getattr(outcome, what, 1)
                    outcomes.append(outcome)

    async with asyncio.TaskGroup() as tasks:
        for suites in LANES:
            tasks.create_task(lane(suites), name=f"lane-{suites[0]}")
    return outcomes


def machine() -> dict[str, Any]:
    """Where this ran."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "load_before": [round(value, 1) for value in os.getloadavg()],
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def main() -> None:
    """Play, print, keep the results, write the page."""
    parser = argparse.ArgumentParser(prog="python -m chaos", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("suites", nargs="*", help=f"only these of {', '.join(SUITES)}")
    parser.add_argument("--seed", type=int, help="of the first call; those behind it count up")
    parser.add_argument("--calls", type=int, help="of each suite")
    parser.add_argument("--minutes", type=float, default=30.0, help="no further call begins after so long")
    parser.add_argument("--jitter", type=int, default=150, help="of the recogniser's word times, ms")
    parser.add_argument("--quick", action="store_true", help="short calls")
    args = parser.parse_args()
    if unknown := set(args.suites) - set(SUITES):
        parser.error(f"no such suite: {', '.join(sorted(unknown))}; there are {', '.join(SUITES)}")
    seed = secrets.randbelow(1_000_000) if args.seed is None else args.seed
    calls = args.calls or (1 if args.quick or args.seed is not None else 0)
    print(f"seed {seed}", file=sys.stderr, flush=True)
    plans = {
        suite: [
            SUITES[suite](seed + n, jitter_ms=args.jitter, **(QUICK[suite] if args.quick else {}))
            for n in range(calls or CALLS[suite])
        ]
        for suite in args.suites or SUITES
    }
    before = machine()
    outcomes = asyncio.run(play_all(plans, args.minutes))
    results = {"machine": before, "seed": seed, "jitter_ms": args.jitter, "calls": msgspec.to_builtins(outcomes)}
    if RESULTS.is_file() and "webhooks" in (kept := json.loads(RESULTS.read_text())):
        results["webhooks"] = kept["webhooks"]  # of `python -m chaos.webhooks`, which comes behind
    print(page(results))
    whole = not (args.suites or args.quick or args.calls or args.seed is not None)
    if whole:
        RESULTS.write_text(json.dumps(results, separators=(",", ":")) + "\n")
        PAGE.write_text(page(results))
        print(f"written: {PAGE}", file=sys.stderr)
    if found := broken(results):
        raise SystemExit("not well: " + "; ".join(found))


if __name__ == "__main__":
    main()
