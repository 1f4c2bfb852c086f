"""The benchmarks run: a tiny load through every process. How large the figures are is no test's affair."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 110


@pytest.mark.traced(False)
async def test_a_quick_round_measures_something_everywhere() -> None:
    """Bridge, callers, upstream, service, readers, and a conference to catch up on."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks", "--quick",
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(TIMEOUT_S):
        out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()[-2000:]
    results = json.loads(out)
    [bridge] = results["media"]
    assert bridge["frames"] > 0
    assert bridge["lag_ms"]["n"] > 0
    assert results["assistant"]["first_media_ms"]["n"] == results["assistant"]["clear_ms"]["n"] == 1
    assert results["fan_out"]["delivered"] > 0
    assert results["resume"]["seconds"] > 0
    assert results["webhooks"]["told"] > results["webhooks"]["missing"] == 0
    assert results["talkers"][0]["cpu_per_speech_s"] > 0
