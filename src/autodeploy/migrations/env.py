"""Alembic's entry: runs the revisions on the connection that ``upgrade`` hands over."""

from alembic import context

from autodeploy.kernel.db import Base
from autodeploy.services.analyzer import models as analyzer
from autodeploy.services.auth import models as auth
from autodeploy.services.deployer import models as deployer
from autodeploy.services.monitor import models as monitor

MODELS = (auth, analyzer, deployer, monitor)  # imported, so that their tables are known

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
