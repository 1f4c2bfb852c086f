"""Answers that tell the secret of a webhook endpoint are sealed from now on; those that lie in the open go."""

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.execute("DELETE FROM answers WHERE body LIKE '%\"secret\":\"whsec!_%' ESCAPE '!'")
