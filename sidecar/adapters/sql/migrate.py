"""Brings a database to the schema of this version; also makes an empty one. Run before anything else uses it.

Most starts find nothing to do; what does it is imported only then, for that takes longer than all the rest.
"""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from functools import cache
from importlib.resources import files
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from sidecar.adapters.sql.engine import Database, serialise, sqlite_file
from sidecar.adapters.sql.errors import StoreRefused, StoreUnusable
from sidecar.domain.errors import StoreUnavailable

# Others who start at the same time may be at it: an upgrade of a large database takes a while.
WAITS_S = 60.0


async def migrate(url: str) -> None:
    """Upgrade to the newest schema, in one transaction; harmless when there is nothing to do.

    Makes the folder of a SQLite file. Raises StoreUnusable, which names the place, when it cannot be written.
    """
    database = Database(url, waits_s=WAITS_S)
    try:
        file = sqlite_file(database.url)
        if file is not None:
            await asyncio.to_thread(_probe, file)
        async with database.write() as connection:
            await serialise(connection, "sidecar migrate")  # several nodes may start at once
            await connection.run_sync(_upgrade)
    except (StoreUnavailable, StoreRefused, OSError, sqlite3.Error) as error:
        cause = error.__cause__ or error
        reason = str(getattr(cause, "orig", None) or cause)
        raise StoreUnusable(
            f"The database {database} cannot be used: {reason}.",
            next_step="It needs a folder where this user may write, or a server that runs: look there, or set "
            "SIDECAR_DATABASE_URL to another place.",
        ) from error
    finally:
        await database.close()


async def is_migrated(url: str) -> bool:
    """Whether the database has this version's schema and takes a transaction. Changes nothing.

    Raises StoreUnavailable, StoreRefused.
    """
    database = Database(url)
    try:
        async with database.write() as connection:
            return await connection.run_sync(_is_at_head)
    finally:
        await database.close()


@cache
def newest_revision() -> str:
    """Of the schema: each file of ``migrations/versions`` is called after its own, ``v0001_…``."""
    scripts = (entry.name for entry in files("sidecar.adapters.sql.migrations.versions").iterdir())
    return max(name for name in scripts if name.startswith("v"))[1:5]


def _is_at_head(connection: Connection) -> bool:
    if not inspect(connection).has_table("alembic_version"):
        return False
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
    return list(found) == [newest_revision()]


def _probe(file: Path) -> None:
    """Make the folder and look whether the file is, or can become, a SQLite database.

    With the plain driver: aiosqlite's thread outlives a failed connect and may complain on standard error at exit.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA schema_version")


def _upgrade(connection: Connection) -> None:
    if not _is_at_head(connection):
        from sidecar.adapters.sql.upgrade import upgrade

        upgrade(connection)
