"""What a database driver raises, in the project's words: may it be tried again, or was the row itself refused?

Never carries row values: they hold transcript text.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc

from sidecar.domain.errors import SidecarError, StoreUnavailable

# SQLite's primary result codes that pass with time or with an operator's help (sqlite.org/rescode.html).
_SQLITE_TRY_AGAIN = {
    5: "busy",
    6: "locked",
    7: "out of memory",
    8: "read-only",
    10: "disk I/O error",
    13: "disk full",
    14: "cannot open the file",
    15: "locking protocol",
}
# PostgreSQL's classes and codes of the same kind (postgresql.org/docs/current/errcodes-appendix.html): connection,
# log-in, database name, serialisation and deadlock, resources, lock not available, operator intervention, system.
_POSTGRES_TRY_AGAIN = ("08", "28", "3D", "40", "53", "55P03", "57", "58")


class StoreRefused(SidecarError):
    """The database will never take this row or statement: trying the same again is in vain."""

    code = "store_refused"


class StoreUnusable(SidecarError):
    """The database cannot be opened for writing at start."""

    code = "store_unusable"


@contextmanager
def store_errors() -> Iterator[None]:
    """Turns what the drivers raise inside into StoreUnavailable (try again) or StoreRefused (do not)."""
    try:
        yield
    except Exception as error:
        known = translated(error)
        if known is None:
            raise
        raise known from error


def translated(error: Exception) -> SidecarError | None:
    """The project's error for a driver's, or None for one that does not come from a database."""
    # asyncpg raises its own errors while connecting, before SQLAlchemy wraps anything.
    if not isinstance(error, (exc.SQLAlchemyError, OSError)) and not hasattr(error, "sqlstate"):
        return None
    reason = _try_again(error)
    if reason is None:
        return StoreRefused(
            f"The database refused a statement ({_name(error)}).",
            next_step="This is a defect or a schema of another version: run `sidecar migrate`, then report it.",
        )
    return StoreUnavailable(
        f"The database does not answer ({reason}).",
        next_step="It is tried again; look at the disk and the database server.",
    )


def _try_again(error: Exception) -> str | None:
    """Why trying again can help, or None when it cannot."""
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    sqlite_code = getattr(cause, "sqlite_errorcode", None)
    sqlstate = getattr(cause, "sqlstate", None)
    reason: str | None = None
    if isinstance(error, OSError):
        reason = error.strerror or type(error).__name__
    elif isinstance(error, exc.TimeoutError):
        reason = "every connection is in use"
    elif sqlite_code is not None:
        reason = _SQLITE_TRY_AGAIN.get(sqlite_code & 0xFF)
    elif isinstance(error, exc.DBAPIError) and error.connection_invalidated:
        reason = "connection lost"
    elif sqlstate is not None:
        reason = f"SQLSTATE {sqlstate}" if sqlstate.startswith(_POSTGRES_TRY_AGAIN) else None
    elif isinstance(error, (exc.InterfaceError, exc.OperationalError)):
        reason = _name(error)
    return reason


def _name(error: Exception) -> str:
    cause = error.orig if isinstance(error, exc.DBAPIError) and error.orig is not None else error
    code = getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None)
    return str(code or type(cause).__name__)
