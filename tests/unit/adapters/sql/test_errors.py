"""Drivers' errors in our words: what may be tried again, what is in vain, and never a word of a transcript."""

from __future__ import annotations

import sqlite3

import pytest
from sqlalchemy import exc, text

from sidecar.adapters.sql import Database, StoreRefused
from sidecar.adapters.sql.errors import store_errors, translated
from sidecar.domain.errors import StoreUnavailable


def sqlite_error(code: int) -> Exception:
    cause = sqlite3.OperationalError("something")
    cause.sqlite_errorcode = code
    return exc.OperationalError("INSERT", {}, cause)


class _PostgresError(Exception):
    def __init__(self, sqlstate: str) -> None:
        super().__init__("something")
        self.sqlstate = sqlstate


def postgres_error(sqlstate: str) -> Exception:
    return exc.DBAPIError("INSERT", {}, _PostgresError(sqlstate))


@pytest.mark.parametrize(
    "error",
    [
        sqlite_error(sqlite3.SQLITE_BUSY),
        sqlite_error(sqlite3.SQLITE_FULL),
        sqlite_error(sqlite3.SQLITE_IOERR_WRITE),
        sqlite_error(sqlite3.SQLITE_READONLY_DBMOVED),
        postgres_error("40P01"),
        postgres_error("53300"),
        postgres_error("57P01"),
        _PostgresError("08006"),
        exc.TimeoutError(),
        ConnectionRefusedError(111, "Connection refused"),
        TimeoutError(),
    ],
)
def test_what_passes_with_time_is_unavailable(error: Exception) -> None:
    assert isinstance(translated(error), StoreUnavailable)


@pytest.mark.parametrize(
    "error",
    [sqlite_error(sqlite3.SQLITE_ERROR), sqlite_error(sqlite3.SQLITE_CONSTRAINT_UNIQUE), postgres_error("23505")],
)
def test_what_stays_wrong_is_refused(error: Exception) -> None:
    assert isinstance(translated(error), StoreRefused)


def test_other_errors_pass_untouched() -> None:
    with pytest.raises(ZeroDivisionError), store_errors():
        raise ZeroDivisionError


async def test_a_refused_row_does_not_show_its_values(any_database: Database) -> None:
    with pytest.raises(StoreRefused) as refused:
        async with any_database.write() as connection:
            await connection.execute(
                text("INSERT INTO participants (id, name) VALUES (:id, :name)"), {"id": "par_1", "name": "geheim"}
            )
    shown = f"{refused.value} {refused.value.__cause__}"
    assert "refused a statement" in shown
    assert "geheim" not in str(refused.value)
