"""What the audit log says can neither be changed nor taken away, nor replaced under the same id."""

from alembic import op

revision = "0014"
down_revision = "0013"

_KEEP = {
    "sqlite": (
        """CREATE TRIGGER audit_entries_are_kept BEFORE DELETE ON audit_entries
        BEGIN SELECT RAISE(ABORT, 'an audit entry is never deleted'); END""",
        # INSERT OR REPLACE deletes without asking triggers of deletion.
        """CREATE TRIGGER audit_entries_are_not_replaced BEFORE INSERT ON audit_entries
        WHEN EXISTS (SELECT 1 FROM audit_entries WHERE id = NEW.id)
        BEGIN SELECT RAISE(ABORT, 'an audit entry is never replaced'); END""",
    ),
    "postgresql": (
        """CREATE FUNCTION refuse_to_delete_audit_entries() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'an audit entry is never deleted'; END $$""",
        """CREATE TRIGGER audit_entries_are_kept BEFORE DELETE OR TRUNCATE ON audit_entries
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_delete_audit_entries()""",
    ),
}


def upgrade() -> None:
    for statement in _KEEP[op.get_bind().dialect.name]:
        op.execute(statement)
