"""Half an hour of many forks at their true pace: is memory flat, and is every word there once?

    python -m benchmarks.endurance                          100 forks, 30 minutes
    python -m benchmarks.endurance --forks 4 --minutes 0.5  a try

Every participant says numbered words; the emulated Deepgram hears a word only if all of its audio arrived in order. At
the end each transcript must hold 0, 1, 2 … to the last. Exit status 1 when a word is lost, doubled or out of order, or
a gap was declared. With --results FILE the figures are added to that file (docs/performance.md is written from it).
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.parts import DEEPGRAM_KEY, HOST, ROOT, START_TIMEOUT_S, Part, cpu_seconds, part, resident_bytes
from benchmarks.scenes import OPEN_TIMEOUT_S
from sidecar.cli.children import free_ports
from tests.emulated_deepgram.ears import BREATH_MS, PAUSE_MS, SENTENCE_WORDS, WORD_MS

SENTENCE_MS = SENTENCE_WORDS * (WORD_MS + BREATH_MS) - BREATH_MS + PAUSE_MS
SAMPLE_EACH_S = 10.0
# Memory is compared from here on: caches are warm, every connection is open.
WARM_S = 60.0
# After the last word: pauses end utterances, the last results come back.
SETTLE_S = 10.0
ANSWER_TIMEOUT_S = 30.0


@contextlib.contextmanager
def emulated_deepgram(port: int) -> Iterator[None]:
    """The process that hears numbered words."""
    command = [
        sys.executable,
        "-m",
        "tests.emulated_deepgram",
        "--port",
        str(port),
        "--ear",
        "numbered",
        "--key",
        DEEPGRAM_KEY,
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield
        finally:
            process.terminate()


def get(url: str, key: str) -> Any:
    """JSON of the service's API."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request, timeout=ANSWER_TIMEOUT_S) as answer:
        return json.load(answer)


def run(forks: int, minutes: float) -> dict[str, Any]:
    """Everything once; the figures."""
    sentences = max(1, int(minutes * 60_000 // SENTENCE_MS))
    words, speech_s = sentences * SENTENCE_WORDS, (sentences * SENTENCE_MS + PAUSE_MS) / 1000
    port = free_ports(2)
    with tempfile.TemporaryDirectory(prefix="sidecar-endurance-") as folder, emulated_deepgram(port + 1):
        upstream = f"http://{HOST}:{port + 1}"
        arguments = ("--port", port, "--upstream", upstream, "--folder", folder, "--recogniser", "deepgram")
        with part("service", *arguments) as served:
            key = str(served.told(START_TIMEOUT_S)["key"])
            with part("callers", "--port", port, "--forks", forks, "--words", words) as calling:
                calling.told(OPEN_TIMEOUT_S)
                calling.tell("measure")
                memory, cpu = _watch(served, speech_s + SETTLE_S)
                calling.tell("report")
                load = calling.told(ANSWER_TIMEOUT_S)
            judged = _judge(f"http://{HOST}:{port}", key, words)
    return {
        "forks": forks,
        "minutes": round(speech_s / 60, 1),
        "words": words * forks,
        **judged,
        "memory_mb_warm": round(memory[0] / 1e6, 1),
        "memory_mb_end": round(memory[-1] / 1e6, 1),
        "memory_mb_most": round(max(memory) / 1e6, 1),
        "cpu_percent": round(cpu * 100, 1),
        "load_late_ms": load["worst_late_ms"],
    }


def _watch(served: Part, seconds: float) -> tuple[list[int], float]:
    """Resident memory each 10 s from WARM_S on (once at least), and the share of a core."""
    begun, cpu = time.monotonic(), cpu_seconds(served.pid)
    memory: list[int] = []
    while (left := begun + seconds - time.monotonic()) > 0:
        time.sleep(min(SAMPLE_EACH_S, left))
        if time.monotonic() - begun >= min(WARM_S, seconds / 2):
            memory.append(resident_bytes(served.pid))
            print(f"{time.monotonic() - begun:6.0f} s  {memory[-1] / 1e6:7.1f} MB", file=sys.stderr, flush=True)
    return memory, (cpu_seconds(served.pid) - cpu) / (time.monotonic() - begun)


def _judge(base: str, key: str, words: int) -> dict[str, int]:
    """Every transcript against what was said."""
    lost = doubled = disordered = gaps = utterances = 0
    expected, participants = set(range(words)), 0
    for conference in get(f"{base}/v1/conferences?limit=500", key)["data"]:
        document = get(f"{base}/v1/conferences/{conference['id']}/transcript.json", key)
        gaps += len(document["gaps"])
        utterances += len(document["utterances"])
        said: dict[str, list[int]] = defaultdict(list)
        for utterance in document["utterances"]:
            said[utterance["participant"]].extend(map(int, re.findall(r"w(\d+)", utterance["text"])))
        for numbers in said.values():
            participants += 1
            lost += len(expected - set(numbers))
            doubled += len(numbers) - len(set(numbers))
            disordered += sum(later < earlier for earlier, later in itertools.pairwise(numbers))
    return {
        "participants": participants,
        "utterances": utterances,
        "lost": lost,
        "doubled": doubled,
        "disordered": disordered,
        "gaps": gaps,
    }


def main() -> None:
    """Run, keep the figures, and say with the exit status whether all is well."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--forks", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--results", type=Path, help="add the figures to this file")
    args = parser.parse_args()
    told = run(args.forks, args.minutes)
    print(json.dumps(told, indent=2))
    if args.results:
        before = json.loads(args.results.read_text()) if args.results.is_file() else {}
        args.results.write_text(json.dumps(before | {"endurance": told}, indent=2) + "\n")
    faults = [name for name in ("lost", "doubled", "disordered", "gaps") if told[name]]
    if faults or told["participants"] != args.forks:
        raise SystemExit(f"not well: {', '.join(faults) or 'participants are missing'}")


if __name__ == "__main__":
    main()
