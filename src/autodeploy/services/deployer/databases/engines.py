"""What only PostgreSQL has of what is asked of databases."""

from autodeploy.kernel.errors import InvalidInput
from autodeploy.providers.manifests import DatabaseEngine
from autodeploy.services.deployer.app_environment import MAIN_DATABASE
from autodeploy.services.deployer.databases.models import ProjectDatabase
from autodeploy.services.deployer.databases.schemas import BackupPolicyInput, DatabaseInput


def require_postgresql(database: ProjectDatabase, what: str) -> None:
    """Raise ``InvalidInput`` for another database; ``what`` is asked of it, such as ``backups``."""
    if database.engine != DatabaseEngine.POSTGRESQL:
        raise InvalidInput(
            f"The database {database.name} is {database.engine}, which has no {what}.",
            remedy="Name a PostgreSQL database.",
        )


def require_policy(engine: DatabaseEngine, policy: BackupPolicyInput) -> None:
    """Raise ``InvalidInput`` for backups on schedule of what has none."""
    if engine is not DatabaseEngine.POSTGRESQL and policy.schedule not in (None, "off"):
        raise InvalidInput(
            f"A {engine} database has no backups.",
            field="backups.schedule",
            remedy="Leave the schedule out.",
        )


def require_of_engine(wanted: DatabaseInput) -> None:
    """Raise ``InvalidInput`` where what is wanted of a new database is not for its engine."""
    engine = wanted.engine
    if engine is DatabaseEngine.POSTGRESQL:
        return
    if wanted.name == MAIN_DATABASE:
        raise InvalidInput(
            f"The name {MAIN_DATABASE} is that of the PostgreSQL database that apps find in "
            "DATABASE_URL.",
            field="name",
            remedy="Give it another name, such as cache; the value ${{ databases.cache.url }} of "
            "a variable is its URL then.",
        )
    if wanted.backup_id is not None:
        raise InvalidInput(f"A backup is no beginning of a {engine} database.", field="backupId")
    require_policy(engine, wanted.backups)
