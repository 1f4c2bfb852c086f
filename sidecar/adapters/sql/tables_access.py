"""The tables of who may come in, and of what they did. Part of the same ``metadata`` as ``tables``."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Table, text

from sidecar.adapters.sql.tables import PlainText, UtcDateTime, conferences, metadata

users = Table(
    "users",
    metadata,
    Column("id", PlainText, primary_key=True),
    Column("name", PlainText, nullable=False, unique=True),
    Column("role", PlainText, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("tenant", PlainText, nullable=False, server_default=""),
    # Argon2, with its parameters. None: a link is the only way in.
    Column("password_hash", PlainText),
)

login_links = Table(
    "login_links",
    metadata,
    Column("token_hash", PlainText, primary_key=True),
    Column("user_id", PlainText, ForeignKey(users.c.id), nullable=False, index=True),
    Column("reusable", Boolean, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("used_at", UtcDateTime),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", PlainText, primary_key=True),
    Column("user_id", PlainText, ForeignKey(users.c.id), nullable=False, index=True),
    Column("token_hash", PlainText, nullable=False, unique=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("last_used_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
)

panel_tokens = Table(
    "panel_tokens",
    metadata,
    Column("id", PlainText, primary_key=True),
    Column("conference_id", PlainText, ForeignKey(conferences.c.id), nullable=False),
    Column("name", PlainText, nullable=False),
    Column("token_hash", PlainText, nullable=False, unique=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
    Column("tenant", PlainText, nullable=False, server_default=""),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", PlainText, primary_key=True),
    Column("name", PlainText, nullable=False),
    Column("token_hash", PlainText, nullable=False, unique=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("last_used_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    Column("tenant", PlainText, nullable=False, server_default=""),
    # Separated by blanks.
    Column("scopes", PlainText, nullable=False, server_default=""),
    Column("ending", PlainText, nullable=False, server_default=""),
    Column("expires_at", UtcDateTime),
    # The name of a revoked key may be given again.
    Index(
        "uq_api_keys_valid_name",
        "tenant",
        "name",
        unique=True,
        sqlite_where=text("revoked_at IS NULL"),
        postgresql_where=text("revoked_at IS NULL"),
    ),
)

# Added, never changed nor deleted: triggers refuse it. ``before`` and ``after`` are JSON.
audit_entries = Table(
    "audit_entries",
    metadata,
    Column("id", PlainText, primary_key=True),
    Column("tenant", PlainText, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", PlainText, nullable=False),
    Column("actor_name", PlainText, nullable=False),
    Column("by", PlainText, nullable=False),
    Column("action", PlainText, nullable=False),
    Column("target", PlainText, nullable=False),
    Column("address", PlainText, nullable=False),
    Column("before", PlainText),
    Column("after", PlainText),
    Index("ix_audit_entries_tenant_id", "tenant", "id"),
)
