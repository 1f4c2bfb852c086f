"""Alembic, for databases that are not of this version's schema yet."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection


def upgrade(connection: Connection) -> None:
    """Run what is missing, in the transaction of the connection. The scripts lie inside the package; no ini file."""
    config = Config()
    config.set_main_option("script_location", "sidecar.adapters.sql:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
