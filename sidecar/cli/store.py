"""The settings' database, for commands that look into it or change it beside the service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from sidecar.domain.errors import NotFound

if TYPE_CHECKING:
    from sidecar.adapters.sql import Database


@asynccontextmanager
async def open_database(url: str, *, may_make: bool = False) -> AsyncIterator[Database]:
    """As it is, in whatever schema. Raises NotFound for a SQLite file that is not there, unless it may be made."""
    from sidecar.adapters.sql import Database
    from sidecar.adapters.sql.engine import sqlite_file

    database = Database(url)
    try:
        file = sqlite_file(database.url)
        if file is not None and not may_make and not file.is_file():  # SQLite would make an empty one
            raise NotFound(
                f"There is no database {file}.",
                next_step="Go to the folder where the service runs, or set SIDECAR_DATABASE_URL.",
            )
        yield database
    finally:
        await database.close()
