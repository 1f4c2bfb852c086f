"""Fixtures for tests that need a store: a fresh one on SQLite, on PostgreSQL, or on each in turn."""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from sidecar.adapters.sql import Database, migrate
from tests.postgres import PostgresMissing, create_database, drop_database, throw_away_cluster


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


@pytest.fixture
async def database(sqlite_url: str) -> AsyncIterator[Database]:
    """A migrated SQLite store, as a service with default settings has it."""
    await migrate(sqlite_url)
    database = Database(sqlite_url)
    yield database
    await database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_store_url(request: pytest.FixtureRequest) -> str:
    """An empty store: the test runs on SQLite and on PostgreSQL."""
    url: str = request.getfixturevalue({"sqlite": "sqlite_url", "postgresql": "postgres_url"}[request.param])
    return url


@pytest.fixture
async def store_url(empty_store_url: str) -> str:
    """A migrated store, on SQLite and on PostgreSQL."""
    await migrate(empty_store_url)
    return empty_store_url


@pytest.fixture
async def any_database(store_url: str) -> AsyncIterator[Database]:
    """The store of ``store_url``, open."""
    database = Database(store_url)
    yield database
    await database.close()
