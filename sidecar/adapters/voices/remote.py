"""What all vendors' voices have in common: text in pieces that they take, audio within time limits, an end in order.

A vendor gives bytes for one piece of text, and raises VoiceFailed. Knows no SDK.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import NoReturn

from sidecar.adapters.vendor_problems import Problem, Vendor, too_slow, unreadable
from sidecar.domain.errors import VoiceFailed
from sidecar.speech.pieces import pieces

CLOSE_TIMEOUT_S = 1.0
_WAV = b"RIFF"


@dataclass(frozen=True)
class Limits:
    """Seconds."""

    first_s: float = 8.0  # from asking to the first audio
    stall_s: float = 5.0  # between two pieces of audio


async def spoken(
    text: str,
    speak: Callable[[str], AsyncGenerator[bytes, None]],
    *,
    most: int,
    vendor: Vendor,
    limits: Limits,
) -> AsyncGenerator[bytes, None]:
    """The audio of a text. ``most``: characters that the vendor takes at once. Raises VoiceFailed."""
    for piece in pieces(text, most=most):
        if any(character.isalnum() for character in piece):
            async with contextlib.aclosing(_heard(speak(piece), vendor, limits)) as audio:
                async for part in audio:
                    yield part


async def _heard(chunks: AsyncGenerator[bytes, None], vendor: Vendor, limits: Limits) -> AsyncGenerator[bytes, None]:
    """The chunks, each within its time, none of them empty."""
    began = False
    try:
        while True:
            wait_s = limits.stall_s if began else limits.first_s
            try:
                async with asyncio.timeout(wait_s):
                    chunk = await anext(chunks, None)
            except TimeoutError:
                fail(too_slow(vendor, "more audio" if began else "any audio", wait_s))
            if chunk is None and not began:
                fail(unreadable(vendor, "no audio"))
            if chunk is None:
                return
            if not began and chunk.startswith(_WAV):  # its header would be a click in the call
                fail(unreadable(vendor, "a WAV file instead of bare samples"))
            if chunk:
                began = True
                yield chunk
    finally:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await chunks.aclose()


def fail(problem: Problem) -> NoReturn:
    """Raise what a problem is for a voice."""
    raise VoiceFailed(
        problem.message, next_step=problem.next_step, code=f"voice_{problem.code}", permanent=problem.permanent
    ) from None
