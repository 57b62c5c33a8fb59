"""The end of entries of the audit log that need not be kept any longer.

The API and the workers can only add entries: deleting them takes the owner of the database.
"""

import asyncio
from datetime import UTC, datetime

from autodeploy.cli.failures import CommandError, ExitCode
from autodeploy.cli.operator.configuration import complete_settings
from autodeploy.cli.operator.database import owner_database
from autodeploy.cli.questions import require_typed
from autodeploy.cli.terminal import print_json, say
from autodeploy.cli.times import moment
from autodeploy.services.auth.upkeep import count_audit_entries, delete_audit_entries


def prune(before: str, *, yes: bool, as_json: bool) -> None:
    """Delete what is older, after the number of entries was typed or with ``yes``."""
    end = moment(before, "--before")
    if end > datetime.now(UTC):
        raise CommandError(
            f"{end:%Y-%m-%d %H:%M} UTC is still to come.",
            remedy="Give --before a time that is past.",
            exit_code=ExitCode.USAGE,
        )
    deleted = asyncio.run(_prune(end, yes=yes))
    if as_json:
        print_json({"before": end.isoformat(), "deleted": deleted})
    else:
        say(f"Deleted {deleted} entries from before {end:%Y-%m-%d %H:%M} UTC.")


async def _prune(end: datetime, *, yes: bool) -> int:
    async with owner_database(complete_settings()) as owner:
        number = await count_audit_entries(owner, end)
        if number and not yes:
            say(
                f"This deletes {number} entries of the audit log, all from before "
                f"{end:%Y-%m-%d %H:%M} UTC. It cannot be undone."
            )
            require_typed(str(number), "number of entries")
        return await delete_audit_entries(owner, end)
