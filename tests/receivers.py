"""The sample receivers of docs/examples as processes: started, killed, asked what they kept."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
READY_TIMEOUT_S = 30.0


def command_of(name: str) -> list[str]:
    """How to run it. Skips the test where the program for it is missing."""
    if name.endswith(".py"):
        return [sys.executable, str(EXAMPLES / name)]
    node = shutil.which("node")
    if node is None:
        pytest.skip(f"{name} IS NOT TESTED: node is not on PATH. Install nodejs.")
    return [node, str(EXAMPLES / name)]


@asynccontextmanager
async def receiving(name: str, folder: Path, port: int, secret: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """It listens; killed at the end of the block, unless that has happened."""
    environment = {**os.environ, "WEBHOOK_SECRET": secret}  # noqa: TID251
    process = await asyncio.create_subprocess_exec(
        *command_of(name), str(port), cwd=folder, env=environment, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(READY_TIMEOUT_S):
            while not await _listens(port):
                assert process.returncode is None, f"{name} stopped"
                await asyncio.sleep(0.05)
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def kept(folder: Path) -> list[dict[str, Any]]:
    """The events that a receiver in this folder has, in the order of their arrival."""
    file = folder / "events.jsonl"
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()] if file.exists() else []


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True
