"""A whole transaction of SQLite in one visit to a thread.

aiosqlite visits its thread four times per statement, and each visit costs more than most statements do: a final was
30 visits and 5 ms of processor time, four of them the event loop's, where calls wait. So work that waits for nothing
but its statements is given to a thread as a whole. It is the same code as on PostgreSQL: a coroutine that is answered
at once runs through without ever giving way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncConnection

T = TypeVar("T")


class AtOnce:
    """One connection in a thread of its own. ``on_connect``, ``on_begin``: as SQLAlchemy's events of these names."""

    def __init__(
        self, url: URL, *, on_connect: Callable[[Any, object], None], on_begin: Callable[[Connection], None]
    ) -> None:
        self._engine = create_engine(
            url.set(drivername="sqlite+pysqlite"), pool_size=1, max_overflow=0, hide_parameters=True
        )
        event.listen(self._engine, "connect", on_connect)
        event.listen(self._engine, "begin", on_begin)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite")

    async def transact(self, work: Callable[[AsyncConnection], Coroutine[Any, Any, T]]) -> T:
        """Committed when ``work`` returns, rolled back by any exception. Cancelling it does not stop the thread."""

        def visit() -> T:
            with self._engine.begin() as connection:
                return _run(work(cast("AsyncConnection", _Answering(connection))))

        return await asyncio.get_running_loop().run_in_executor(self._thread, visit)

    async def close(self) -> None:
        """When what is under way is done."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._engine.dispose)
        self._thread.shutdown(wait=False)


class _Answering:
    """What our statements ask of an AsyncConnection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.dialect = connection.dialect

    async def execute(self, statement: Any, parameters: Any = None) -> Any:
        return self._connection.execute(statement, parameters)

    async def scalar(self, statement: Any, parameters: Any = None) -> Any:
        return self._connection.scalar(statement, parameters)


def _run(work: Coroutine[Any, Any, T]) -> T:
    try:
        work.send(None)
    except StopIteration as done:
        return cast("T", done.value)
    work.close()
    raise RuntimeError("Work of a transaction waited for something that is no statement of it.")
