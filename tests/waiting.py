"""Waiting for what other tasks do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def eventually(true: Callable[[], bool], timeout_s: float = 10.0) -> None:
    """Until something is so; looked at every few milliseconds."""
    async with asyncio.timeout(timeout_s):
        while not true():
            await asyncio.sleep(0.005)
