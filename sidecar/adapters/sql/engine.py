"""Connections and transactions: what differs between SQLite and PostgreSQL stands here and nowhere else.

SQLite: WAL, synchronous=FULL, and one writer at a time per process; writers wait in order for the one connection of
their pool. Other processes are waited for by ``busy_timeout``; a writer says BEGIN IMMEDIATE, because a deferred
transaction that reads before it writes fails at once when somebody else commits between.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, bindparam, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from sidecar.adapters.sql.at_once import AtOnce
from sidecar.adapters.sql.errors import StoreUnusable, store_errors
from sidecar.adapters.sql.tables import PlainText

T = TypeVar("T")

SQLITE_BUSY_TIMEOUT_S = 5.0
WIPE_TIMEOUT_MS = 100
POSTGRES_CONNECT_TIMEOUT_S = 5.0
POSTGRES_STATEMENT_TIMEOUT_S = 10.0
POOL_WAIT_TIMEOUT_S = 10.0
READERS = 5

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
}


_LOCK_KEY = text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))").bindparams(
    bindparam("key", type_=PlainText)
)


class Database:
    """One database, by URL: ``sqlite:///sidecar.db``, ``sqlite:////var/lib/sidecar.db``, ``postgresql://user@host/db``.

    Opens nothing before the first transaction. Call ``close`` at the end: SQLite's connections own threads.
    """

    def __init__(self, url: str, *, waits_s: float | None = None) -> None:
        """``waits_s``: how long a statement may wait for others, where nobody waits for a page."""
        self._waits_s = waits_s
        self.url = parse_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._reader = self._engine(READERS)
        # One connection for all writers of this process: they queue here in order, not by SQLite's polling.
        self._writer = self._engine(1) if self.is_sqlite else self._reader
        self._at_once: AtOnce | None = None
        if self.is_sqlite:
            event.listen(self._reader.sync_engine, "begin", _begin_deferred)
            event.listen(self._writer.sync_engine, "begin", _begin_immediate)
            self._at_once = AtOnce(self.url, on_connect=self._prepare_sqlite, on_begin=_begin_immediate)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection to read with. Raises StoreUnavailable, StoreRefused."""
        with store_errors():
            async with self._reader.connect() as connection:
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction: committed at the end of the block, rolled back by any exception.

        Raises StoreUnavailable, StoreRefused; nothing of the block is stored then.
        """
        with store_errors():
            async with self._writer.begin() as connection:
                yield connection

    async def transact(self, work: Callable[[AsyncConnection], Coroutine[Any, Any, T]]) -> T:
        """``work`` in a transaction as of ``write``. It must wait for nothing but its statements.

        On SQLite all of it runs in another thread: what it shares with the event loop's must bear that.
        """
        if self._at_once is None:
            async with self.write() as connection:
                return await work(connection)
        with store_errors():
            async with self._writer.connect():  # our turn among the writers
                return await self._at_once.transact(work)

    async def check(self) -> None:
        """Ask for one value. Raises StoreUnavailable."""
        async with self.read() as connection:
            await connection.execute(text("SELECT 1"))

    def free_bytes(self) -> int | None:
        """Free space beside SQLite's file (0: the folder is gone); None for a server, which watches its own disk."""
        file = sqlite_file(self.url)
        try:
            return None if file is None else shutil.disk_usage(file.parent.resolve()).free
        except OSError:
            return 0

    async def wipe(self) -> bool:
        """Leave no remains of deleted rows: SQLite's write-ahead log has them until it is written into the file.

        False: somebody is reading just now, so it could not be emptied. PostgreSQL's autovacuum does this by itself.
        """
        if not self.is_sqlite:
            return True
        with store_errors():
            async with self._writer.connect() as connection:
                driver = (await connection.get_raw_connection()).driver_connection
                assert driver is not None  # noqa: S101 - it is open
                await driver.execute(f"PRAGMA busy_timeout = {WIPE_TIMEOUT_MS}")  # nobody else may write meanwhile
                try:
                    async with driver.execute("PRAGMA wal_checkpoint(TRUNCATE)") as cursor:
                        busy, *_ = await cursor.fetchone()
                finally:
                    await driver.execute(f"PRAGMA busy_timeout = {self._busy_timeout_ms}")
        return not busy

    async def close(self) -> None:
        """Close every connection."""
        if self._at_once is not None:
            await self._at_once.close()
        await self._reader.dispose()
        await self._writer.dispose()

    def __str__(self) -> str:
        """The URL as an operator writes it, without its password."""
        return self.url.set(drivername=self.url.get_backend_name()).render_as_string(hide_password=True)

    def _engine(self, connections: int) -> AsyncEngine:
        arguments: dict[str, Any] = {}
        if not self.is_sqlite:
            patience_s = self._waits_s or POSTGRES_STATEMENT_TIMEOUT_S
            arguments = {"timeout": POSTGRES_CONNECT_TIMEOUT_S, "command_timeout": patience_s}
        engine = create_async_engine(
            self.url,
            pool_size=connections,
            max_overflow=0,
            pool_timeout=POOL_WAIT_TIMEOUT_S,
            pool_pre_ping=not self.is_sqlite,
            connect_args=arguments,
            # Statements carry what people said; they must not reach a log or an error page.
            hide_parameters=True,
        )
        if self.is_sqlite:
            event.listen(engine.sync_engine, "connect", self._prepare_sqlite)
        return engine

    @property
    def _busy_timeout_ms(self) -> int:
        return round((self._waits_s or SQLITE_BUSY_TIMEOUT_S) * 1000)

    def _prepare_sqlite(self, dbapi_connection: Any, _record: object) -> None:
        # None: the driver begins no transactions behind our back; _begin_* do.
        dbapi_connection.isolation_level = None
        cursor = dbapi_connection.cursor()
        try:
            cursor.execute(f"PRAGMA busy_timeout = {self._busy_timeout_ms}")
            cursor.execute("PRAGMA journal_mode = WAL")
            cursor.execute("PRAGMA synchronous = FULL")
            cursor.execute("PRAGMA foreign_keys = ON")
            cursor.execute("PRAGMA secure_delete = ON")  # what is deleted or replaced is written over
            cursor.close()
        except BaseException:
            dbapi_connection.close()  # nobody else knows of it yet, and it owns a thread
            raise


def parse_url(url: str) -> URL:
    """The URL with our drivers in it. Raises StoreUnusable for a scheme that we do not speak, or no file."""
    try:
        parsed = make_url(url)
        driver = _DRIVERS[parsed.get_backend_name()]
    except (ArgumentError, KeyError) as error:
        raise StoreUnusable(
            "The database URL is not understood.",
            next_step="Set SIDECAR_DATABASE_URL to sqlite:///<file> or postgresql://<user>:<password>@<host>/<name>.",
        ) from error
    if driver.startswith("sqlite") and parsed.database in (None, "", ":memory:"):
        raise StoreUnusable(
            "The database URL names no file: a transcript in memory would die with the process.",
            next_step="Set SIDECAR_DATABASE_URL to sqlite:///<file>.",
        )
    parsed = parsed.set(drivername=driver)
    if "sslmode" in parsed.query:  # libpq's word; asyncpg takes the same values as `ssl`
        parsed = parsed.difference_update_query(["sslmode"]).update_query_dict({"ssl": parsed.query["sslmode"]})
    return parsed


def sqlite_file(url: URL) -> Path | None:
    """The file of a SQLite URL, None for PostgreSQL."""
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


async def serialise(connection: AsyncConnection, key: str) -> None:
    """Until the end of the transaction nobody else passes here with the same key, even before there is a row to lock.

    SQLite needs nothing: its writers are alone from BEGIN IMMEDIATE on.
    """
    if connection.dialect.name == "postgresql":
        await connection.execute(_LOCK_KEY, {"key": key})


def _begin_deferred(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
