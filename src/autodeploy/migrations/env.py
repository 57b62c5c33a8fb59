"""Alembic's entry: runs the revisions on the connection that ``upgrade`` hands over."""

from alembic import context

from autodeploy.migrations.models import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
