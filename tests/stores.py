"""Fixtures for tests that need a store: a fresh one on SQLite, on PostgreSQL, or on each in turn.

Migrating takes longer than most tests. It is done once in each process of the run; after that, stores are copies.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import tempfile
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from sidecar.adapters.sql import Database, migrate
from tests.postgres import PostgresMissing, create_database, drop_database, throw_away_cluster


def upgrade_to(connection: Connection, revision: str) -> None:
    """As ``adapters.sql.upgrade`` does it, and no further."""
    config = Config()
    config.set_main_option("script_location", "sidecar.adapters.sql:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A SQLite file that does not exist yet, in a folder that does not exist yet."""
    return f"sqlite:///{tmp_path}/store/sidecar.db"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a PostgreSQL server where this run may create databases.

    ``SIDECAR_TEST_POSTGRES_URL`` if it is set (its user needs CREATEDB), else a cluster of our own that lives as long
    as the run. Without binaries the tests are skipped; in CI a skip is a failure (conftest).
    """
    given = os.environ.get("SIDECAR_TEST_POSTGRES_URL")  # noqa: TID251 - tests have no config.py
    if given:
        yield given
        return
    try:
        with throw_away_cluster() as url:
            yield url
    except PostgresMissing as missing:
        pytest.skip(f"NOT TESTED ON POSTGRESQL: {missing}")


@pytest.fixture
async def postgres_url(postgres_server: str) -> AsyncIterator[str]:
    """An empty database, dropped afterwards."""
    name = f"sidecar_test_{secrets.token_hex(6)}"
    url = await create_database(postgres_server, name)
    yield url
    await drop_database(postgres_server, name)


def lay_out(file: Path) -> str:
    """A migrated SQLite store in this file, unless it is there; its URL."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(_migrated_sqlite())
    return f"sqlite:///{file}"


@cache
def _migrated_sqlite() -> bytes:
    with tempfile.TemporaryDirectory(prefix="sidecar-store-") as folder:
        file = Path(folder) / "sidecar.db"
        _run_apart(migrate(f"sqlite:///{file}"))
        return file.read_bytes()


def _run_apart(work: Coroutine[Any, Any, None]) -> None:
    """In a loop of its own: that of a test may be running in this thread."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()


@pytest.fixture
def migrated_sqlite_url(tmp_path: Path) -> str:
    """A migrated store."""
    return lay_out(tmp_path / "store" / "sidecar.db")


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: str) -> str:
    """The name of a migrated database that nobody is connected to."""
    name = f"sidecar_migrated_{secrets.token_hex(6)}"

    async def make() -> None:
        await migrate(await create_database(postgres_server, name))

    _run_apart(make())
    return name


@pytest.fixture
async def migrated_postgres_url(postgres_server: str, migrated_postgres: str) -> AsyncIterator[str]:
    """A migrated database, dropped afterwards."""
    name = f"sidecar_test_{secrets.token_hex(6)}"
    url = await create_database(postgres_server, name, template=migrated_postgres)
    yield url
    await drop_database(postgres_server, name)


@pytest.fixture
async def database(migrated_sqlite_url: str) -> AsyncIterator[Database]:
    """A migrated SQLite store, as a service with default settings has it."""
    database = Database(migrated_sqlite_url)
    yield database
    await database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_store_url(request: pytest.FixtureRequest) -> str:
    """An empty store: the test runs on SQLite and on PostgreSQL."""
    url: str = request.getfixturevalue({"sqlite": "sqlite_url", "postgresql": "postgres_url"}[request.param])
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest) -> str:
    """A migrated store, on SQLite and on PostgreSQL."""
    migrated = {"sqlite": "migrated_sqlite_url", "postgresql": "migrated_postgres_url"}
    url: str = request.getfixturevalue(migrated[request.param])
    return url


@pytest.fixture
async def any_database(store_url: str) -> AsyncIterator[Database]:
    """The store of ``store_url``, open."""
    database = Database(store_url)
    yield database
    await database.close()
