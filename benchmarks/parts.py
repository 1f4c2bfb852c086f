"""What the processes of a benchmark share: stamped audio, statistics, and starting, asking and ending each other."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from sidecar.speech.wav import read_telephone_audio

ROOT = Path(__file__).parents[1]
HOST = "127.0.0.1"
# Twilio's token for everything that is signed here.
TOKEN = "0123456789abcdef0123456789abcdef"
# What the service shows its upstream.
DEEPGRAM_KEY = "0" * 40
FRAME_BYTES = 160
FRAME_S = 0.02
BATCH_BYTES = 800
# Nine bytes are twelve characters of base64: the stamp and the rest of a frame are encoded apart.
STAMP_BYTES = 9
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 15.0


def now_stamp() -> bytes:
    """The monotonic clock, which all processes of a machine share, as the first bytes of a frame."""
    return time.monotonic_ns().to_bytes(8, "big") + b"\x00"


def age_ms(frame: bytes) -> float:
    """How long ago a frame was stamped."""
    return (time.monotonic_ns() - int.from_bytes(frame[:8], "big")) / 1e6


def speech_frames(count: int) -> list[bytes]:
    """Frames of a sample call's speech, each without room for a stamp taken from it."""
    audio = read_telephone_audio(ROOT / "sidecar" / "emulator" / "scenarios" / "harbor_bikes.agent.wav")
    return [audio[at : at + FRAME_BYTES] for at in range(0, count * FRAME_BYTES, FRAME_BYTES)]


def quantiles(values: Sequence[float]) -> dict[str, float]:
    """p50, p99, the largest, and how many."""
    ordered = sorted(values)
    if not ordered:
        return {"n": 0}
    last = len(ordered) - 1
    return {
        "n": len(ordered),
        "p50": round(ordered[last // 2], 2),
        "p99": round(ordered[round(last * 0.99)], 2),
        "max": round(ordered[-1], 2),
    }


# Figures would be redacted, or wait for more of them, as those of a card do.
_LETTERS = str.maketrans("0123456789", "abcdefghij")
_DIGITS = str.maketrans("abcdefghij", "0123456789")


def stamp() -> str:
    """This moment, in letters."""
    return str(time.monotonic_ns()).translate(_LETTERS)


def stamped_ns(text: str) -> int:
    """The moment of a stamp."""
    return int(text.translate(_DIGITS))


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid: int) -> int:
    """Memory of a process that is in RAM."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Part:
    """A process of a benchmark: ``python -m benchmarks.<module> …``; it says what it has to say in lines of JSON."""

    def __init__(self, process: subprocess.Popen[str], name: str) -> None:
        self._process = process
        self._name = name
        self.pid = process.pid

    def told(self, timeout_s: float) -> dict[str, Any]:
        """Its next line. Raises RuntimeError when it ends or says nothing for so long."""
        assert self._process.stdout is not None
        with _alarm(self._process, timeout_s):
            line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"benchmarks.{self._name} ended or said nothing for {timeout_s:.0f} s")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def tell(self, word: str) -> None:
        """A line to its standard input."""
        assert self._process.stdin is not None
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()


@contextlib.contextmanager
def part(module: str, *arguments: object, errors: IO[str] | None = None) -> Iterator[Part]:
    """Start it, and make sure that it is gone at the end."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *map(str, arguments)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
    ) as process:
        try:
            yield Part(process, module)
        finally:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()


@contextlib.contextmanager
def _alarm(process: subprocess.Popen[str], timeout_s: float) -> Iterator[None]:
    """Ends a process that says nothing for too long, so that reading from it comes back."""
    import threading

    timer = threading.Timer(timeout_s, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def say(**words: object) -> None:
    """A line of JSON for whoever started this process."""
    print(json.dumps(words), flush=True)


async def heard(word: str) -> None:
    """Wait for this line on standard input; end with it."""
    loop = asyncio.get_running_loop()
    while (line := await loop.run_in_executor(None, sys.stdin.readline)) != f"{word}\n":
        if not line:
            raise SystemExit(0)
