"""What tenants have decided about keeping, and conferences that are being deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("conferences", sa.Column("erasing_at", sa.DateTime(timezone=True)))
    with op.batch_alter_table("dial_outs") as dial_outs:
        dial_outs.alter_column("conference_id", existing_type=sa.Text, nullable=True)
    op.create_table(
        "keepings",
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("policy", sa.Text, nullable=False),
        sa.Column("retention_days", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("tenant", name="pk_keepings"),
    )
