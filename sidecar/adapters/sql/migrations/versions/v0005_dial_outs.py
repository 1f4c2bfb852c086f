"""Calls that were placed, for the caps on them."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "dial_outs",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("conference_id", sa.Text, nullable=False),
        sa.Column("caller", sa.Text, nullable=False),
        sa.Column("country", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_dial_outs"),
        sa.ForeignKeyConstraint(["conference_id"], ["conferences.id"], name="fk_dial_outs_conference_id_conferences"),
    )
    op.create_index("ix_dial_outs_at", "dial_outs", ["at"])
