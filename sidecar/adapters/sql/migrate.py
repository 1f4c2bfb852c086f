"""Brings a database to the schema of this version; also makes an empty one. Run before anything else uses it."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from sidecar.adapters.sql.engine import Database, serialise, sqlite_file
from sidecar.adapters.sql.errors import StoreRefused, StoreUnusable
from sidecar.domain.errors import StoreUnavailable


async def migrate(url: str) -> None:
    """Upgrade to the newest schema, in one transaction; harmless when there is nothing to do.

    Makes the folder of a SQLite file. Raises StoreUnusable, which names the place, when it cannot be written.
    """
    database = Database(url)
    try:
        file = sqlite_file(database.url)
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
        async with database.write() as connection:
            await serialise(connection, "sidecar migrate")  # several nodes may start at once
            await connection.run_sync(_upgrade)
    except (StoreUnavailable, StoreRefused, OSError) as error:
        cause = error.__cause__ or error
        reason = str(getattr(cause, "orig", None) or cause)
        raise StoreUnusable(
            f"The database {database} cannot be written: {reason}.",
            next_step="Give this user write permission there, or set SIDECAR_DATABASE_URL to another place.",
        ) from error
    finally:
        await database.close()


def alembic_config() -> Config:
    """Alembic without an ini file: the scripts lie inside the package."""
    config = Config()
    config.set_main_option("script_location", "sidecar.adapters.sql:migrations")
    config.set_main_option("path_separator", "os")
    return config


def _upgrade(connection: Connection) -> None:
    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
