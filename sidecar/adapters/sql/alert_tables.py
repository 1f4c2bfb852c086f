"""The tables of alerts. What an alert says is in its event; a row says that it is there and who took note of it."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Table

from sidecar.adapters.sql.tables import PlainText, UtcDateTime, conferences, metadata

# ``body``: the rule as somebody wrote it down, as JSON.
alert_rules = Table(
    "alert_rules",
    metadata,
    Column("id", PlainText, primary_key=True),
    Column("tenant", PlainText, nullable=False, index=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("body", PlainText, nullable=False),
)

alerts = Table(
    "alerts",
    metadata,
    Column("id", PlainText, primary_key=True),
    Column("tenant", PlainText, nullable=False),
    Column("conference_id", PlainText, ForeignKey(conferences.c.id), nullable=False),
    Column("seq", BigInteger, nullable=False),
    # The rule may be gone: its alerts stay.
    Column("rule_id", PlainText, nullable=False),
    Column("raised_at", UtcDateTime, nullable=False),
    Column("acknowledged_at", UtcDateTime),
    Column("acknowledged_by", PlainText, nullable=False, server_default=""),
    Column("note", PlainText, nullable=False, server_default=""),
    Index("ix_alerts_conference_id_seq", "conference_id", "seq"),
    Index("ix_alerts_tenant_raised_at", "tenant", "raised_at"),
)
