"""How participants stand in the room, and the number of the callback that told it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    for sign in ("muted", "hold", "coaching"):
        op.add_column("participants", sa.Column(sign, sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("participants", sa.Column("provider_seq", sa.BigInteger, nullable=False, server_default="0"))
