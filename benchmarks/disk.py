"""What the disk alone takes for a commit, and a folder that has no disk under it."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

from benchmarks.parts import quantiles

MEMORY = Path("/dev/shm")  # where Linux keeps files in memory
ROOM_BYTES = 500_000_000
COMMIT_BYTES = 12_000  # what SQLite writes ahead for a final
EACH_S = 0.03  # as 100 forks do with a final per 3 s


def parent_in_memory() -> Path | None:
    """Where a folder's files never meet a disk; None where the system has no such place, or a small one."""
    return MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM_BYTES else None


def flushes(seconds: float) -> dict[str, float]:
    """Milliseconds until a write is on the disk (``fsync``), with nothing else under way."""
    took = []
    with tempfile.TemporaryFile(prefix="sidecar-bench-") as file:
        end = time.monotonic() + seconds
        while (begun := time.monotonic()) < end:
            file.write(b"x" * COMMIT_BYTES)
            file.flush()
            os.fsync(file.fileno())
            took.append((time.monotonic() - begun) * 1000)
            time.sleep(EACH_S)
    return quantiles(took)
