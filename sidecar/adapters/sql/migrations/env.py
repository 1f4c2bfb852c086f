"""Run by Alembic, on the connection (and in the transaction) that ``migrate`` hands in."""

from alembic import context

from sidecar.adapters.sql.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
