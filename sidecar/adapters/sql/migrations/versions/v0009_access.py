"""Tenants of users, keys and panels; passwords; what a key may do and until when; the audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

# Keys of before could do all that there was to do.
_OLD_KEYS = (
    "conferences:read conferences:write participants:write transcripts:read notes:write assistants:write panels:create"
)
_REFUSE_CHANGES = {
    "sqlite": (
        """CREATE TRIGGER audit_entries_are_added_only BEFORE UPDATE ON audit_entries
        BEGIN SELECT RAISE(ABORT, 'an audit entry is never changed'); END""",
    ),
    "postgresql": (
        """CREATE FUNCTION refuse_to_change_audit_entries() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'an audit entry is never changed'; END $$""",
        """CREATE TRIGGER audit_entries_are_added_only BEFORE UPDATE ON audit_entries
        FOR EACH ROW EXECUTE FUNCTION refuse_to_change_audit_entries()""",
    ),
}


def upgrade() -> None:
    for table in ("users", "panel_tokens", "api_keys"):
        op.add_column(table, sa.Column("tenant", sa.Text, nullable=False, server_default=""))
    op.add_column("users", sa.Column("password_hash", sa.Text))
    op.add_column("api_keys", sa.Column("scopes", sa.Text, nullable=False, server_default=""))
    op.add_column("api_keys", sa.Column("ending", sa.Text, nullable=False, server_default=""))
    op.add_column("api_keys", sa.Column("expires_at", sa.DateTime(timezone=True)))
    op.execute(sa.text("UPDATE api_keys SET scopes = :old").bindparams(old=_OLD_KEYS))
    op.drop_index("uq_api_keys_valid_name", table_name="api_keys")
    valid = sa.text("revoked_at IS NULL")
    op.create_index(
        "uq_api_keys_valid_name",
        "api_keys",
        ["tenant", "name"],
        unique=True,
        sqlite_where=valid,
        postgresql_where=valid,
    )
    columns = ("id", "tenant", "actor", "actor_name", "by", "action", "target", "address")
    op.create_table(
        "audit_entries",
        *(sa.Column(name, sa.Text, nullable=False) for name in columns),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("before", sa.Text),
        sa.Column("after", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_audit_entries"),
    )
    op.create_index("ix_audit_entries_tenant_id", "audit_entries", ["tenant", "id"])
    for statement in _REFUSE_CHANGES[op.get_bind().dialect.name]:
        op.execute(statement)
