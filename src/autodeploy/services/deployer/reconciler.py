"""Makes the world match the rows, over and over: what was lost on the way is done again.

Every worker runs one. Duties that must not run twice at a time hold a lock in PostgreSQL, which
goes with the connection when a worker dies.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from autodeploy.kernel.locks import held_alone
from autodeploy.services.auth.upkeep import remove_expired
from autodeploy.services.deployer.databases.dispatch import dispatch_databases
from autodeploy.services.deployer.databases.rotation import retire_logins
from autodeploy.services.deployer.databases.upkeep import prune_backups, schedule_backups
from autodeploy.services.deployer.dispatch import dispatch_due
from autodeploy.services.deployer.domains.work import keep_domains
from autodeploy.services.deployer.engine import Engine
from autodeploy.services.deployer.holdings.orphans import (
    find_hosted_orphans,
    find_orphans,
    remove_orphans,
)
from autodeploy.services.deployer.hosted_upkeep import HostedUpkeep
from autodeploy.services.deployer.log_archiving import keep_logs
from autodeploy.services.deployer.releases import retire_leftovers
from autodeploy.services.deployer.removal import remove_deleted
from autodeploy.services.deployer.retention import remove_old_builds
from autodeploy.services.deployer.runs.rows import remove_old
from autodeploy.services.deployer.upkeep import Upkeep
from autodeploy.services.deployer.watch import Watch

_LOCKS = 0x4144  # the first half of each lock's number, so that no other program's is hit

_EXPIRY_SECONDS = 600.0
_BUILDS_SECONDS = 3600.0
_ORPHANS_SECONDS = 600.0
_HOSTED_ORPHANS_SECONDS = 3600.0
_LOGS_SECONDS = 3600.0
_SCHEDULE_SECONDS = 30.0
_WATCH_SECONDS = 5.0
_HOSTED_SECONDS = 5.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Duty:
    name: str
    number: int
    seconds: float
    run: Callable[[], Awaitable[object]]


class Reconciler:
    """The duties of one worker. ``interval_seconds`` is the pause between two passes of each."""

    def __init__(self, engine: Engine, *, interval_seconds: float = 1.0):
        self._engine = engine
        upkeep = Upkeep(engine)
        self._duties = (
            _Duty("dispatch", 1, interval_seconds, lambda: dispatch_due(engine.resources)),
            _Duty("keep_live", 2, interval_seconds, upkeep.keep_live),
            _Duty("collect_output", 3, interval_seconds, upkeep.collect_output),
            _Duty("retire", 4, interval_seconds, lambda: retire_leftovers(engine)),
            _Duty("remove", 5, interval_seconds, lambda: remove_deleted(engine)),
            _Duty("expire", 6, _EXPIRY_SECONDS, lambda: remove_expired(engine.resources)),
            _Duty("databases", 7, interval_seconds, lambda: dispatch_databases(engine.resources)),
            _Duty("logins", 8, interval_seconds, lambda: retire_logins(engine)),
            _Duty("schedule", 9, _SCHEDULE_SECONDS, lambda: schedule_backups(engine)),
            _Duty("prune", 10, _EXPIRY_SECONDS, lambda: prune_backups(engine)),
            _Duty("watch", 12, _WATCH_SECONDS, Watch(engine).take_back),
            _Duty("builds", 11, _BUILDS_SECONDS, lambda: remove_old_builds(engine.resources)),
            _Duty("orphans", 13, _ORPHANS_SECONDS, lambda: find_orphans(engine)),
            _Duty(
                "hosted_orphans", 24, _HOSTED_ORPHANS_SECONDS, lambda: find_hosted_orphans(engine)
            ),
            _Duty("unwanted", 14, interval_seconds, lambda: remove_orphans(engine)),
            _Duty(
                "logs", 15, _LOGS_SECONDS, lambda: keep_logs(engine.resources, engine.log_policy)
            ),
            _Duty("hosted", 23, _HOSTED_SECONDS, HostedUpkeep(engine).look),
            _Duty("domains", 22, interval_seconds, lambda: keep_domains(engine)),
            _Duty("runs", 16, _EXPIRY_SECONDS, lambda: remove_old(engine.resources)),
        )

    async def run(self) -> None:
        """Run every duty, for ever; a failing pass is logged and repeated."""
        async with asyncio.TaskGroup() as group:
            for place, duty in enumerate(self._duties):
                # In turn, not all at once: then they share a few sessions of PostgreSQL.
                group.create_task(self._repeat(duty, place * duty.seconds / len(self._duties)))

    async def run_once(self) -> None:
        """One pass of every duty, one after the other."""
        for duty in self._duties:
            async with held_alone(self._engine.resources.db, _LOCKS, duty.number) as mine:
                if mine:
                    await duty.run()

    async def _repeat(self, duty: _Duty, first_seconds: float) -> None:
        await asyncio.sleep(first_seconds)
        while True:
            try:
                async with held_alone(self._engine.resources.db, _LOCKS, duty.number) as mine:
                    if mine:
                        await duty.run()
            except Exception as error:
                _log.warning("reconciler.failed", duty=duty.name, error=type(error).__name__)
            await asyncio.sleep(duty.seconds)
