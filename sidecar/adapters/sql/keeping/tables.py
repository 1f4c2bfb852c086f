"""What tenants have decided about keeping, beside ``sql.tables``. A change here needs a migration, too."""

from __future__ import annotations

from sqlalchemy import Column, Integer, Table

from sidecar.adapters.sql.tables import PlainText, metadata

keepings = Table(
    "keepings",
    metadata,
    Column("tenant", PlainText, primary_key=True),
    Column("policy", PlainText, nullable=False),  # JSON: domain.redaction.rules.Policy
    Column("retention_days", Integer, nullable=False),
)
