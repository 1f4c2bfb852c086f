"""Tokens for the panel of one conference."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "panel_tokens",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("conference_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("token_hash", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_panel_tokens"),
        sa.ForeignKeyConstraint(
            ["conference_id"], ["conferences.id"], name="fk_panel_tokens_conference_id_conferences"
        ),
        sa.UniqueConstraint("token_hash", name="uq_panel_tokens_token_hash"),
    )
    op.create_index("ix_panel_tokens_expires_at", "panel_tokens", ["expires_at"])
