"""The store: one schema and one code on SQLite (a file, no account, no server) and on PostgreSQL.

``Database`` gives transactions; ``SqlEventLog``, ``SqlDirectory``, ``SqlTranscripts`` and ``SqlAccounts`` fulfil the
ports; ``migrate`` makes the tables.
"""

from sidecar.adapters.sql.accounts import SqlAccounts
from sidecar.adapters.sql.alerts import SqlAlerts
from sidecar.adapters.sql.answers import SqlAnswers
from sidecar.adapters.sql.assistants import SqlAssistants
from sidecar.adapters.sql.audit import SqlAuditLog
from sidecar.adapters.sql.dial_outs import SqlDialOuts
from sidecar.adapters.sql.directory import SqlDirectory
from sidecar.adapters.sql.engine import Database
from sidecar.adapters.sql.errors import StoreRefused, StoreUnusable
from sidecar.adapters.sql.event_log import SqlEventLog
from sidecar.adapters.sql.keeping.policies import SqlKeepings
from sidecar.adapters.sql.migrate import is_migrated, migrate
from sidecar.adapters.sql.search.query import SqlSearch
from sidecar.adapters.sql.transcripts import SqlTranscripts
from sidecar.adapters.sql.webhooks.deliveries import SqlWebhookDeliveries
from sidecar.adapters.sql.webhooks.endpoints import SqlWebhookEndpoints
from sidecar.adapters.sql.webhooks.outbox import SqlOutbox
from sidecar.adapters.sql.webhooks.queue import SqlWebhookQueue

__all__ = [
    "Database",
    "SqlAccounts",
    "SqlAlerts",
    "SqlAnswers",
    "SqlAssistants",
    "SqlAuditLog",
    "SqlDialOuts",
    "SqlDirectory",
    "SqlEventLog",
    "SqlKeepings",
    "SqlOutbox",
    "SqlSearch",
    "SqlTranscripts",
    "SqlWebhookDeliveries",
    "SqlWebhookEndpoints",
    "SqlWebhookQueue",
    "StoreRefused",
    "StoreUnusable",
    "is_migrated",
    "migrate",
]
