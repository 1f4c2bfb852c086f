"""All measurements, one after another, and the page about them.

    python -m benchmarks                 some twelve minutes; needs a quiet machine
    python -m benchmarks --quick         tiny loads, in seconds: shows that it works, measures nothing
    python -m benchmarks media latency   only these; the results of the others stay

Results go to benchmarks/results.json, the page to docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import scenes, search
from benchmarks.parts import ROOT
from benchmarks.report import page
from benchmarks.scenes import Load

RESULTS = ROOT / "benchmarks" / "results.json"
PAGE = ROOT / "docs" / "performance.md"

# Bridge and service stand side by side, at the same number of forks.
BRIDGE_BARE_SDK = ("bridge", "bare", "deepgram")
MEDIA = ((200, BRIDGE_BARE_SDK), (400, BRIDGE_BARE_SDK), (500, ("bridge", "deepgram")), (800, ("bridge", "bare")))

Scene = Callable[[], Any]


def full() -> dict[str, Scene]:
    """The loads of the budgets."""
    load = Load(settle_s=5, measure_s=20)
    return {
        "media": lambda: [media(kind, forks, load) for forks, kinds in MEDIA for kind in kinds],
        "memory": lambda: scenes.media("bare", 100, Load(settle_s=35, measure_s=5)),
        "latency": lambda: scenes.latency(100, load._replace(measure_s=40)),
        "assistant": lambda: scenes.assistant(8, 15),
        "fan_out": lambda: scenes.fan_out(1_000, load),
        # Each begins with the history of the conference, four at a time.
        "crowd": lambda: scenes.fan_out(5_000, load._replace(settle_s=25), partial_each_s=2, final_each_s=4),
        "resume": lambda: scenes.resume(10_000, rounds=5),
        "webhooks": lambda: scenes.webhooks(50, 300, load),
        "search": lambda: search.scene(100_000, rounds=20),
        "talkers": lambda: talkers((6, 9, 12, 16), seconds=20),
    }


def media(kind: str, forks: int, load: Load) -> dict[str, Any]:
    """One of many, told when it is done: the machine may have been disturbed just then."""
    run = scenes.media(kind, forks, load)
    told = {key: run[key] for key in ("kind", "forks", "cpu_us_per_frame", "lag_ms", "load_late_ms", "streams_lost")}
    print(json.dumps(told), file=sys.stderr, flush=True)
    return run


def quick() -> dict[str, Scene]:
    """As small as can be, and yet every process is started once."""
    return {
        "media": lambda: [scenes.media("bridge", 2, Load(settle_s=0.1, measure_s=0.5))],
        "assistant": lambda: scenes.assistant(1, 1),
        "fan_out": lambda: scenes.fan_out(5, Load(settle_s=0.1, measure_s=2)),
        "resume": lambda: scenes.resume(50, rounds=1),
        "webhooks": lambda: scenes.webhooks(2, 20, Load(settle_s=0.1, measure_s=1)),
        "search": lambda: search.scene(100, rounds=1),
        "talkers": lambda: talkers((2,), seconds=4),
    }


def talkers(counts: tuple[int, ...], seconds: float) -> list[dict[str, Any]]:
    """More and more people who talk at once, until the local recogniser lags."""
    from benchmarks.recogniser import rounds

    return rounds(counts, seconds)


def machine() -> dict[str, Any]:
    """Where this ran; figures of two machines cannot be compared."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "load_before": [round(value, 2) for value in os.getloadavg()],
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "aiohttp": version("aiohttp"),
        "uvloop": version("uvloop"),
    }


def main() -> None:
    """Run, keep the results, write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("scenes", nargs="*", help="only these")
    parser.add_argument(
        "--quick", action="store_true", help="tiny loads, in seconds; prints the results and keeps nothing"
    )
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--page", type=Path, default=PAGE)
    args = parser.parse_args()
    plan = quick() if args.quick else full()
    if unknown := set(args.scenes) - set(plan):
        parser.error(f"no such scene: {', '.join(sorted(unknown))}; there are {', '.join(plan)}")
    before = json.loads(args.results.read_text()) if args.results.is_file() and not args.quick else {}
    results = before | {"machine": machine()}
    for name, scene in plan.items():
        if args.scenes and name not in args.scenes:
            continue
        begun = time.monotonic()
        results[name] = scene()
        print(f"{name}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
        if not args.quick:  # whatever becomes of the scenes that follow
            args.results.write_text(json.dumps(results, indent=2) + "\n")
            args.page.write_text(page(results))
    if args.quick:
        print(json.dumps(results))


if __name__ == "__main__":
    main()
