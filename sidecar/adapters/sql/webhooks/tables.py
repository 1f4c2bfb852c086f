"""The tables of webhooks, beside those of ``sql.tables``. A change here needs a migration, too."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    UniqueConstraint,
    literal_column,
    text,
)

from sidecar.adapters.sql.tables import PlainText, UtcDateTime, metadata

# The secrets sign, so they cannot be hashed: whoever reads this database reads the transcripts beside them anyway.
webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("id", PlainText, primary_key=True),
    Column("tenant", PlainText, nullable=False, index=True),
    Column("url", PlainText, nullable=False),
    Column("description", PlainText, nullable=False),
    Column("types", PlainText, nullable=False),  # JSON
    Column("state", PlainText, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("secret", PlainText, nullable=False),
    Column("old_secret", PlainText),
    Column("old_secret_until", UtcDateTime),
    Column("failing_since", UtcDateTime),
    Column("last_failed_at", UtcDateTime),
    Column("disabled_at", UtcDateTime),
    Column("disabled_reason", PlainText, nullable=False, server_default=""),
)

# Events that are stored and in no delivery yet. No foreign keys: an event must not fail for an endpoint that was
# removed a moment ago; a row whose endpoint or event is gone is thrown away when it is looked at.
webhook_outbox = Table(
    "webhook_outbox",
    metadata,
    Column("endpoint_id", PlainText, primary_key=True),
    Column("conference_id", PlainText, primary_key=True, index=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("event_id", PlainText, nullable=False),
    Column("type", PlainText, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", PlainText, primary_key=True),
    Column("endpoint_id", PlainText, ForeignKey(webhook_endpoints.c.id), nullable=False),
    Column("tenant", PlainText, nullable=False),
    Column("message_id", PlainText, nullable=False),
    Column("type", PlainText, nullable=False),
    Column("conference_id", PlainText),
    Column("events", Integer, nullable=False),
    # Only of what is in no log; the others are read from the events when they are sent, so no transcript is copied.
    Column("body", PlainText),
    Column("state", PlainText, nullable=False),
    Column("reason", PlainText, nullable=False, server_default=""),
    Column("created_at", UtcDateTime, nullable=False, index=True),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    # While it is pending: not before then it is tried. Whoever takes it to try it moves this beyond the time that an
    # attempt may take: it is theirs until then, and comes back if they die.
    Column("next_at", UtcDateTime),
    Column("delivered_at", UtcDateTime),
    UniqueConstraint("endpoint_id", "message_id"),
    Index("ix_webhook_deliveries_endpoint_id_id", "endpoint_id", "id"),
    Index(
        "ix_webhook_deliveries_due",
        "endpoint_id",
        "next_at",
        sqlite_where=text("state = 'pending'"),
        postgresql_where=text("state = 'pending'"),
    ),
    Index(
        "ix_webhook_deliveries_with_body",
        "created_at",
        sqlite_where=text("body IS NOT NULL"),
        postgresql_where=text("body IS NOT NULL"),
    ),
)
# As literals, for no database uses an index of some rows for a statement with parameters.
is_pending = webhook_deliveries.c.state == literal_column("'pending'")

# What a delivery carries, in order. Frozen when the delivery is made.
webhook_delivery_events = Table(
    "webhook_delivery_events",
    metadata,
    Column("delivery_id", PlainText, ForeignKey(webhook_deliveries.c.id), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("conference_id", PlainText, nullable=False, index=True),
    Column("seq", BigInteger, nullable=False),
)

webhook_attempts = Table(
    "webhook_attempts",
    metadata,
    Column("delivery_id", PlainText, ForeignKey(webhook_deliveries.c.id), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("took_ms", Integer, nullable=False),
    Column("outcome", PlainText, nullable=False),
    Column("status", Integer),
    Column("error", PlainText, nullable=False),
    # The first kilobyte of the answer; taken away earlier than the rest.
    Column("response", PlainText, nullable=False),
    Index(
        "ix_webhook_attempts_with_response",
        "at",
        sqlite_where=text("response <> ''"),
        postgresql_where=text("response <> ''"),
    ),
)
has_response = webhook_attempts.c.response != literal_column("''")
