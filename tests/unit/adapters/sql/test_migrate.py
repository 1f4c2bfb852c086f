"""Migrations make what the tables say, from nothing, again and again, or say clearly why they cannot."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from sidecar.adapters.sql import Database, SqlEventLog, StoreUnusable, migrate
from sidecar.adapters.sql.migrate import newest_revision
from sidecar.adapters.sql.search.tables import FTS_TABLE
from sidecar.adapters.sql.tables import metadata


async def test_the_migrated_schema_is_the_one_of_the_tables(any_database: Database) -> None:
    # SQLite's full-text tables are no tables to SQLAlchemy, and stand in the place of PostgreSQL's index.
    own = (FTS_TABLE, "ix_utterance_words_words") if any_database.is_sqlite else ()

    def comparable(_object: object, name: str | None, *_facts: object) -> bool:
        return not (name or "").startswith(own)

    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": comparable})
        return list(compare_metadata(context, metadata))

    async with any_database.read() as connection:
        assert await connection.run_sync(differences) == []


async def test_migrating_again_and_at_once_changes_nothing(empty_store_url: str) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(migrate(empty_store_url), name=f"node {number}")
    database = Database(empty_store_url)
    epoch = await SqlEventLog(database).epoch()
    await migrate(empty_store_url)
    assert await SqlEventLog(database).epoch() == epoch
    async with database.read() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM meta"))).scalar_one() == 1
    await database.close()


async def test_a_database_that_is_of_this_version_is_known_without_alembic(any_database: Database) -> None:
    """Each file of the migrations is called after its revision; the last one is where Alembic ends."""
    async with any_database.read() as connection:
        heads = await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_heads())
    assert heads == (newest_revision(),)


async def test_it_says_nothing_when_all_is_well(sqlite_url: str, capfd: pytest.CaptureFixture[str]) -> None:
    await migrate(sqlite_url)
    assert capfd.readouterr() == ("", "")


async def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreUnusable, match=r"file/store/a\.db cannot be used") as unusable:
        await migrate(f"sqlite:///{tmp_path}/file/store/a.db")
    assert "SIDECAR_DATABASE_URL" in unusable.value.next_step


@pytest.mark.parametrize("content", [None, b"This is certainly not a database, but long enough to be looked at. " * 20])
async def test_something_else_in_the_place_of_the_file_is_one_clear_error(
    tmp_path: Path, content: bytes | None
) -> None:
    place = tmp_path / "a.db"
    place.mkdir() if content is None else place.write_bytes(content)
    with pytest.raises(StoreUnusable, match=r"a\.db cannot be used: "):
        await migrate(f"sqlite:///{place}")


async def test_a_server_that_does_not_answer_is_one_clear_error_without_the_password() -> None:
    with pytest.raises(StoreUnusable, match="cannot be used") as unusable:
        await migrate("postgresql://someone:geheim@127.0.0.1:9/nothing")
    assert "geheim" not in str(unusable.value)
