"""The database as its owner sees it, who is held to no tenant and may delete everything."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from autodeploy.cli.failures import CommandError, ExitCode
from autodeploy.kernel.db import Database, DatabaseAway
from autodeploy.settings import Settings


@asynccontextmanager
async def owner_database(settings: Settings) -> AsyncIterator[Database]:
    """The platform's database, closed behind the block.

    Raises ``CommandError`` where it does not answer, also in the midst of the block.
    """
    if not settings.database_url and not settings.postgres_password_file.exists():
        raise _not_running(settings)
    owner = Database(settings.effective_database_url)
    try:
        yield owner
    except DatabaseAway:
        raise _not_running(settings) from None
    finally:
        await owner.close()


def _not_running(settings: Settings) -> CommandError:
    return CommandError(
        f"The database of {settings.home} does not answer, and this is asked of it.",
        remedy="Start the platform (`autodeploy up`), or correct AUTODEPLOY_HOME or "
        "AUTODEPLOY_DATABASE_URL.",
        exit_code=ExitCode.UNREACHABLE,
    )
