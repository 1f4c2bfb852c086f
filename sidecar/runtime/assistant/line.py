"""The assistant's way to be heard: what a socket to the telephone network has to do, and who writes on it.

One writer per line, so that nothing overtakes: except a clear, which goes ahead of all that still waits.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Protocol

import structlog

from sidecar.domain.assistant.playback import Clear, Mark, Media
from sidecar.domain.errors import SidecarError

log = structlog.get_logger()

# A half-dead socket never fails by itself; audio that is so late is of no use.
SEND_TIMEOUT_S = 2.0
CLOSE_TIMEOUT_S = 2.0


class LineLost(SidecarError):
    """The line took nothing any more; it is to be closed."""

    code = "assistant_line_lost"


class Line(Protocol):
    """A two-way audio line of one call. The methods may wait; the writer bounds that. They raise LineLost."""

    async def play(self, audio: bytes) -> None:
        """Mu-law 8 kHz, to be played behind what was sent before."""
        ...

    async def mark(self, name: str) -> None:
        """Is sent back when all before it was played, or cleared."""
        ...

    async def clear(self) -> None:
        """Throw away what is not played yet."""
        ...

    async def close(self) -> None:
        """No more of either. May be called twice."""
        ...


class LineWriter:
    """``run`` is its one task, from the line's begin to its end. What waits is bounded by the pace of ``Playback``."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self._waiting: deque[Media | Mark | Clear] = deque()
        self._more = asyncio.Event()

    def send(self, outputs: Iterable[Media | Mark | Clear]) -> None:
        """In this order; a clear throws away what still waits, and so is sent next."""
        for output in outputs:
            if isinstance(output, Clear):
                self._waiting.clear()
            self._waiting.append(output)
        self._more.set()

    async def run(self) -> None:
        """Until it is cancelled. Raises LineLost."""
        while True:
            await self._more.wait()
            self._more.clear()
            while self._waiting:
                await self._send(self._waiting.popleft())

    async def _send(self, output: Media | Mark | Clear) -> None:
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                match output:
                    case Media(audio=audio):
                        await self.line.play(audio)
                    case Mark(name=name):
                        await self.line.mark(name)
                    case Clear():
                        await self.line.clear()
        except TimeoutError as error:
            raise LineLost(f"The line took nothing for {SEND_TIMEOUT_S:.0f} s.") from error

    async def close(self) -> None:
        """Bounded too: a call that is torn down answers nothing."""
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self.line.close()
        except (TimeoutError, LineLost) as error:
            log.info("assistant_line_not_closed", error=type(error).__name__)
