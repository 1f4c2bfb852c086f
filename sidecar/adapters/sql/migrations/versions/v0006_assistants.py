"""Stays of the assistant, and utterances that no fork heard: those of the assistant."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "assistants",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("conference_id", sa.Text, nullable=False),
        sa.Column("participant_id", sa.Text, nullable=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("prompt", sa.Text, nullable=False),
        sa.Column("speaks", sa.Text, nullable=False),
        sa.Column("announce", sa.Text, nullable=False),
        sa.Column("audience", sa.Text, nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("muted", sa.Boolean, nullable=False),
        sa.Column("call_sid", sa.Text),
        sa.Column("joined_at", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("renderings", sa.Integer, nullable=False),
        sa.Column("dismissed", sa.Boolean, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("speaking", sa.Text),
        sa.Column("token_hash", sa.Text),
        sa.Column("token_expires_at", sa.DateTime(timezone=True)),
        sa.Column("token_used_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_assistants"),
        sa.ForeignKeyConstraint(["conference_id"], ["conferences.id"], name="fk_assistants_conference_id_conferences"),
        sa.UniqueConstraint("token_hash", name="uq_assistants_token_hash"),
    )
    op.create_index("ix_assistants_requested_at", "assistants", ["requested_at"])
    live = sa.text("stage IN ('requested', 'joined')")
    op.create_index(
        "uq_assistants_live",
        "assistants",
        ["conference_id"],
        unique=True,
        sqlite_where=live,
        postgresql_where=live,
    )
    with op.batch_alter_table("utterances") as utterances:
        utterances.alter_column("fork_id", existing_type=sa.Text, nullable=True)
