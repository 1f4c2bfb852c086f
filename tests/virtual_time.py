"""Time that passes only when nobody has anything to do: seconds of waiting take no time, on a busy machine too.

Mark a test ``virtual_time`` (conftest makes its loop) when all it waits for are tasks and timers of its own loop. What
is done outside of the loop, by a database's threads, goes through ``timeless``: time stands still until it is done.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

Store = TypeVar("Store")


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer as soon as there is nothing else to do."""

    def __init__(self) -> None:
        self._now = 0.0
        self.outside = 0  # calls that are under way outside of this loop
        super().__init__(_Jumping(self))

    def time(self) -> float:
        """Seconds since the loop was made, as far as its timers know."""
        return self._now

    def jump(self, seconds: float) -> None:
        """Let time go by."""
        self._now += seconds


class _Jumping(selectors.DefaultSelector):
    """Instead of sleeping until the next timer, moves the loop's clock there."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        if self._loop.outside:
            return super().select(None)  # its end wakes the loop
        ready = super().select(0)
        if not ready:
            self._loop.jump(timeout)
        return ready


@contextmanager
def time_stands_still() -> Iterator[None]:
    """While something outside of the loop is waited for, which wakes the loop when it is done."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop), "mark the test with virtual_time"
    loop.outside += 1
    try:
        yield
    finally:
        loop.outside -= 1


def timeless(store: Store) -> Store:
    """The same store, whose coroutine methods take no time."""
    return cast("Store", _Timeless(store))


class _Timeless:
    def __init__(self, store: object) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)

        async def in_no_time(*args: Any, **kwargs: Any) -> Any:
            with time_stands_still():
                return await method(*args, **kwargs)

        return in_no_time
