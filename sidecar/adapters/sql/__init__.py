"""The store: one schema and one code on SQLite (a file, no account, no server) and on PostgreSQL.

``Database`` gives transactions, ``SqlEventLog`` and ``SqlDirectory`` fulfil the ports, ``migrate`` makes the tables.
"""

from sidecar.adapters.sql.directory import SqlDirectory
from sidecar.adapters.sql.engine import Database
from sidecar.adapters.sql.errors import StoreRefused, StoreUnusable
from sidecar.adapters.sql.event_log import SqlEventLog
from sidecar.adapters.sql.migrate import migrate

__all__ = ["Database", "SqlDirectory", "SqlEventLog", "StoreRefused", "StoreUnusable", "migrate"]
