"""Watches releases that have just gone live, and takes back those that turn out bad.

A release is bad that does not stay up, or of whose answers half are server errors. Then the one
before it is brought back, as by a person who asks for it. What a rollback brought back is not
watched: two bad releases would take turns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy import exists, select, true, update
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.app_file import HealthCheck
from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import AutoDeployError
from autodeploy.providers.base import Traffic
from autodeploy.providers.manifests import Capability
from autodeploy.services.auth import audit
from autodeploy.services.auth.permissions import Action
from autodeploy.services.deployer.announcements import Announcing, announcing
from autodeploy.services.deployer.creation import insert_rollback, is_still_built
from autodeploy.services.deployer.dispatch import dispatch_due
from autodeploy.services.deployer.engine import Engine
from autodeploy.services.deployer.live_state import RuntimeState
from autodeploy.services.deployer.log_lines import OWN_SOURCE, LogLine
from autodeploy.services.deployer.logs import append_lines
from autodeploy.services.deployer.models import ONE_WAY, Deployment, Environment, Project
from autodeploy.services.deployer.states import TERMINAL, DeploymentStatus
from autodeploy.services.deployer.store import find_one_way_since

LONGEST_WATCH = timedelta(hours=1)
# Of fewer answers, half say nothing.
ENOUGH_ANSWERS = 20
FAILING_SHARE = 0.5
_NOTHING = Traffic(0, 0)
# The key of a deployment's details that says how its watch ended.
_OUTCOME = "watch"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Verdict:
    """Why a release is bad: a word for programs and a sentence for people."""

    reason: str
    text: str


@dataclass(frozen=True)
class _New:
    """A release that went live lately, by what its watch needs of it."""

    environment: Environment
    deployment_id: UUID
    provider: str


@dataclass(frozen=True)
class _Tally:
    """What a release has answered since it was first seen, and what its provider counted last."""

    since: Traffic
    counted: Traffic

    def after(self, counted: Traffic) -> "_Tally":
        """With what was counted next, where the provider may have begun anew."""
        return _Tally(self.since + counted.since(self.counted), counted)


class Watch:
    """The new releases of one installation, as one worker watches them."""

    def __init__(self, engine: Engine):
        self._engine = engine
        self._tallies: dict[UUID, _Tally] = {}

    async def take_back(self) -> None:
        """One pass: bring back the release before each new one that is bad."""
        new = await self._list_new()
        await self._count(new)
        for each in new:
            verdict = self._judge(each)
            if verdict is not None:
                await self._replace(each.deployment_id, verdict)

    async def _list_new(self) -> list[_New]:
        """What went live lately, and is watched for as long as its owner wants."""
        async with self._engine.resources.db.transaction() as session:
            rows = await session.execute(
                select(
                    Environment,
                    Deployment.id,
                    Deployment.provider,
                    Deployment.promoted_at,
                    Deployment.plan["health_check"],
                )
                .join(Deployment, Deployment.id == Environment.live_deployment_id)
                .where(
                    Deployment.kind == "deploy",
                    Deployment.promoted_at > now() - LONGEST_WATCH,
                    ~Deployment.details.has_key(_OUTCOME),
                )
            )
            return [
                _New(environment, deployment_id, provider)
                for environment, deployment_id, provider, live_since, said in rows
                if now() - live_since < self._length(said)
            ]

    def _length(self, said: object) -> timedelta:
        """How long a release is watched, by what its owner says of its health."""
        wanted = HealthCheck.model_validate(said or {}).watch
        return timedelta(seconds=self._engine.watch_seconds if wanted is None else wanted)

    async def _count(self, new: Sequence[_New]) -> None:
        """Add what their providers count of them by now, each asked once for all."""
        counts = {name: await self._measure(name) for name in {each.provider for each in new}}
        found = {
            each.deployment_id: self._tally(
                each.deployment_id, counts[each.provider].get(each.environment.number)
            )
            for each in new
        }
        self._tallies = {key: tally for key, tally in found.items() if tally is not None}

    def _tally(self, deployment_id: UUID, counted: Traffic | None) -> _Tally | None:
        before = self._tallies.get(deployment_id)
        if counted is None:
            return before
        return before.after(counted) if before else _Tally(_NOTHING, counted)

    async def _measure(self, name: str) -> Mapping[int, Traffic]:
        if not self._engine.providers.can(name, Capability.TRAFFIC):
            return {}
        try:
            return await self._engine.providers.counted_apps(name).measure_traffic()
        except AutoDeployError as error:
            _log.info("watch.not_measured", provider=name, error=error.code)
            return {}

    def _judge(self, new: _New) -> _Verdict | None:
        """Why the release is bad, if it is by what is known now."""
        if (new.environment.runtime or {}).get("state") == RuntimeState.CRASHED:
            return _Verdict("release_crashed", "It does not stay up")
        tally = self._tallies.get(new.deployment_id)
        if tally is None or tally.since.answers < ENOUGH_ANSWERS:
            return None
        answers, failures = tally.since.answers, tally.since.failures
        if failures < FAILING_SHARE * answers:
            return None
        return _Verdict("release_failing", f"{failures} of its {answers} answers are server errors")

    async def _replace(self, deployment_id: UUID, verdict: _Verdict) -> None:
        """Bring the release before it back, unless it is no longer what is live."""
        async with announcing(self._engine.resources) as transaction:
            session = transaction.session
            environment = await session.scalar(
                select(Environment)
                .where(
                    Environment.live_deployment_id == deployment_id,
                    Environment.deletion_requested_at.is_(None),
                )
                .with_for_update()
            )
            if environment is None:
                return
            bad = await session.get_one(Deployment, deployment_id)
            if await _is_replaced_already(session, bad):
                return
            source = await _release_before(session, bad)
            kept = await self._why_it_stays(session, source)
            if source is None or kept is not None:
                await _say(transaction, bad, "kept", f"{verdict.text}, and it stays live: {kept}.")
                return
            back = await insert_rollback(
                transaction,
                await session.get_one(Project, bad.project_id),
                environment,
                source,
                details={"reason": verdict.reason},
            )
            system = audit.Actor(kind=audit.ActorKind.SYSTEM)
            await audit.record(
                session, system, Action.DEPLOYMENT_ROLLBACK, back, after=audit.snapshot(back)
            )
            text = f"{verdict.text}: {source.commit_sha[:12]} is brought back."
            await _say(transaction, bad, "taken_back", text)
        _log.warning("release.taken_back", deployment_id=str(deployment_id), reason=verdict.reason)
        await dispatch_due(self._engine.resources, deployment_id=back.id)

    async def _why_it_stays(self, session: AsyncSession, source: Deployment | None) -> str | None:
        if source is None:
            return "there is no release before it"
        if not await is_still_built(self._engine.resources, source):
            return "the build of the release before it is no longer stored"
        one_way = await find_one_way_since(session, source)
        if one_way is not None:
            return f"the database was changed for good ({one_way.configuration[ONE_WAY]})"
        return None


async def _is_replaced_already(session: AsyncSession, bad: Deployment) -> bool:
    """Whether a deployment is under way that will take its place."""
    found: bool | None = await session.scalar(
        select(
            exists().where(
                Deployment.project_id == bad.project_id,
                Deployment.environment == bad.environment,
                Deployment.status.not_in(TERMINAL),
            )
        )
    )
    return bool(found)


async def _release_before(session: AsyncSession, bad: Deployment) -> Deployment | None:
    """The latest release of the environment before it that was not taken back itself."""
    return await session.scalar(
        select(Deployment)
        .where(
            Deployment.project_id == bad.project_id,
            Deployment.environment == bad.environment,
            Deployment.status == DeploymentStatus.READY,
            Deployment.promoted_at < bad.promoted_at,
            Deployment.rolled_back_at.is_(None),
        )
        .order_by(Deployment.promoted_at.desc())
        .limit(1)
    )


async def _say(transaction: Announcing, bad: Deployment, outcome: str, text: str) -> None:
    """End the watch of a release with a line in its log."""
    await transaction.session.execute(
        update(Deployment)
        .where(Deployment.id == bad.id)
        .values(details=Deployment.details.op("||")({_OUTCOME: outcome}))
    )
    await append_lines(transaction, bad.id, [LogLine(now(), "error", OWN_SOURCE, text)], true())
