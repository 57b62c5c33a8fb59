"""Makes the world match the rows, over and over: what was lost on the way is done again.

Every worker runs one. Duties that must not run twice at a time hold a lock in PostgreSQL, which
goes with the connection when a worker dies. Those of every second are asked first whether there is
anything to do, by one plain statement: an idle worker takes no lock and opens no transaction.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from autodeploy.kernel.errors import AutoDeployError
from autodeploy.kernel.locks import held_alone
from autodeploy.kernel.questions import ASKED_AT, Question
from autodeploy.services.auth.renewal import renew_due
from autodeploy.services.auth.upkeep import remove_expired
from autodeploy.services.deployer.connection_failures import keep_connections
from autodeploy.services.deployer.databases.dispatch import dispatch_databases, has_due_databases
from autodeploy.services.deployer.databases.rotation import has_retiring_logins, retire_logins
from autodeploy.services.deployer.databases.upkeep import prune_backups, schedule_backups
from autodeploy.services.deployer.dispatch import dispatch_due, has_due_deployments
from autodeploy.services.deployer.domains.work import has_due_domains, keep_domains
from autodeploy.services.deployer.engine import Engine
from autodeploy.services.deployer.holdings.orphans import (
    find_hosted_orphans,
    find_orphans,
    has_unwanted,
    remove_orphans,
)
from autodeploy.services.deployer.hosted_upkeep import HostedUpkeep
from autodeploy.services.deployer.leftovers import has_leftovers, retire_leftovers
from autodeploy.services.deployer.log_archiving import keep_logs
from autodeploy.services.deployer.pushes.deliveries import CHANNEL as DELIVERIES_CHANNEL
from autodeploy.services.deployer.pushes.deliveries import is_called
from autodeploy.services.deployer.pushes.duties import (
    follow_github,
    has_something_to_follow,
    has_something_to_tell,
    tell_github,
)
from autodeploy.services.deployer.releases import has_live
from autodeploy.services.deployer.removal import has_deleted, remove_deleted
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
_RENEWALS_SECONDS = 60.0
_CONNECTIONS_SECONDS = 30.0
_HOSTED_SECONDS = 5.0
# Between two tries to follow GitHub while another worker does: most passes take less.
_HELD_SECONDS = 0.01
_DOMAINS_SECONDS = 5.0  # records are looked for no sooner

_CALLED = Question(is_called())

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Duty:
    """Something that is done again ``seconds`` after it was done, by one worker at a time. The
    ``number`` of its lock is its own. It is done only where ``due`` holds, which any worker may
    ask at any time; without one it always is."""

    name: str
    number: int
    seconds: float
    run: Callable[[], Awaitable[object]]
    due: Question | None = None


class Reconciler:
    """The duties of one worker. ``interval_seconds`` is the pause between two passes of each;
    ``more`` are duties of services above this one."""

    def __init__(self, engine: Engine, *more: Duty, interval_seconds: float = 1.0):
        self._engine = engine
        self._duties = (*_prompt(engine, interval_seconds), *_from_time_to_time(engine), *more)

    async def run(self) -> None:
        """Run every duty, for ever; a failing pass is logged and repeated."""
        async with asyncio.TaskGroup() as group:
            for place, duty in enumerate(self._duties):
                # In turn, not all at once: then they share a few sessions of PostgreSQL.
                group.create_task(self._repeat(duty, place * duty.seconds / len(self._duties)))

    async def run_once(self) -> None:
        """One pass of every duty, one after the other."""
        for duty in self._duties:
            await self._take_turn(duty)

    async def listen(self) -> None:
        """Follow GitHub as soon as it has called, not only when that is due. Runs for ever."""
        [duty] = [each for each in self._duties if each.name == "pushes"]
        async with self._engine.resources.events.subscribe(DELIVERIES_CHANNEL) as messages:
            async for _ in messages:
                while messages.take() is not None:  # one look is enough for all that came
                    pass
                await self._follow_now(duty)

    async def _follow_now(self, duty: Duty) -> None:
        """Follow GitHub as soon as nobody else does, unless that was for this call: a pass that is
        under way may have asked for calls before it came. Later the next pass is due anyway."""
        loop = asyncio.get_running_loop()
        until = loop.time() + duty.seconds
        try:
            while not await self._attempt(duty) and await _CALLED.holds(self._engine.resources.db):
                if loop.time() > until:
                    return
                await asyncio.sleep(_HELD_SECONDS)
        except AutoDeployError as error:
            _log.warning("reconciler.failed", duty=duty.name, error=type(error).__name__)

    async def _repeat(self, duty: Duty, first_seconds: float) -> None:
        await asyncio.sleep(first_seconds)
        while True:
            await self._attempt(duty)
            await asyncio.sleep(duty.seconds)

    async def _attempt(self, duty: Duty) -> bool:
        """As ``_take_turn``, but for a failing pass, which is logged."""
        try:
            return await self._take_turn(duty)
        except Exception as error:
            _log.warning("reconciler.failed", duty=duty.name, error=type(error).__name__)
            return True

    async def _take_turn(self, duty: Duty) -> bool:
        """Do what there is to do. False where another worker is about it."""
        db = self._engine.resources.db
        if duty.due is not None and not await duty.due.holds(db):
            return True
        async with held_alone(db, _LOCKS, duty.number) as mine:
            if mine:
                await duty.run()
            return mine


def _prompt(engine: Engine, pause: float) -> tuple[Duty, ...]:
    """What somebody waits for, each done only where there is something to do."""
    resources, upkeep = engine.resources, Upkeep(engine)
    live = Question(has_live())
    return (
        Duty(
            "dispatch", 1, pause, lambda: dispatch_due(resources), Question(has_due_deployments())
        ),
        Duty("keep_live", 2, pause, upkeep.keep_live, live),
        Duty("collect_output", 3, pause, upkeep.collect_output, live),
        Duty("retire", 4, pause, lambda: retire_leftovers(engine), Question(has_leftovers())),
        Duty("remove", 5, pause, lambda: remove_deleted(engine), Question(has_deleted())),
        Duty(
            "databases",
            7,
            pause,
            lambda: dispatch_databases(resources),
            Question(has_due_databases()),
        ),
        Duty("logins", 8, pause, lambda: retire_logins(engine), Question(has_retiring_logins())),
        Duty("watch", 12, _WATCH_SECONDS, Watch(engine).take_back, live),
        Duty("unwanted", 14, pause, lambda: remove_orphans(engine), Question(has_unwanted())),
        Duty(
            "pushes",
            17,
            pause,
            lambda: follow_github(engine),
            Question(has_something_to_follow(ASKED_AT)),
        ),
        Duty(
            "reports",
            19,
            pause,
            lambda: tell_github(engine),
            Question(has_something_to_tell(ASKED_AT)),
        ),
        Duty(
            "domains",
            22,
            _DOMAINS_SECONDS,
            lambda: keep_domains(engine),
            Question(has_due_domains(ASKED_AT)),
        ),
        Duty("hosted", 23, _HOSTED_SECONDS, HostedUpkeep(engine).look, live),
    )


def _from_time_to_time(engine: Engine) -> tuple[Duty, ...]:
    """What nobody waits for."""
    resources = engine.resources
    return (
        Duty("hosted_orphans", 24, _HOSTED_ORPHANS_SECONDS, lambda: find_hosted_orphans(engine)),
        Duty("builds", 11, _BUILDS_SECONDS, lambda: remove_old_builds(resources)),
        Duty("logs", 15, _LOGS_SECONDS, lambda: keep_logs(resources, engine.log_policy)),
        Duty("orphans", 13, _ORPHANS_SECONDS, lambda: find_orphans(engine)),
        Duty("expire", 6, _EXPIRY_SECONDS, lambda: remove_expired(resources)),
        Duty("prune", 10, _EXPIRY_SECONDS, lambda: prune_backups(engine)),
        Duty("runs", 16, _EXPIRY_SECONDS, lambda: remove_old(resources)),
        Duty("renewals", 20, _RENEWALS_SECONDS, lambda: renew_due(resources, engine.providers)),
        Duty("connections", 21, _CONNECTIONS_SECONDS, lambda: keep_connections(engine)),
        Duty("schedule", 9, _SCHEDULE_SECONDS, lambda: schedule_backups(engine)),
    )
