"""A request that is sent again with its Idempotency-Key is told where the thing is that was made."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column("answers", sa.Column("location", sa.Text))
