"""Watches releases that have just gone live, and takes back those that turn out bad.

A release is bad that does not stay up, or of whose answers half are server errors. Then the one
before it is brought back, as by a person who asks for it. What a rollback brought back is not
watched: two bad releases would take turns.
"""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy import exists, select, true, update
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import AutoDeployError
from autodeploy.providers.base import Capability, Traffic
from autodeploy.services.auth import audit
from autodeploy.services.auth.permissions import Action
from autodeploy.services.deployer.announcements import Announcing, announcing
from autodeploy.services.deployer.context import app_of, plan_of
from autodeploy.services.deployer.creation import insert_rollback
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
# The key of a deployment's details that says how its watch ended.
_OUTCOME = "watch"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Verdict:
    """Why a release is bad: a word for programs and a sentence for people."""

    reason: str
    text: str


class Watch:
    """The new releases of one installation, as one worker watches them."""

    def __init__(self, engine: Engine):
        self._engine = engine
        self._first: dict[UUID, Traffic] = {}  # what was counted when a release was first seen

    async def take_back(self) -> None:
        """One pass: bring back the release before each new one that is bad."""
        new = await self._list_new()
        self._first = {each.id: self._first[each.id] for _, each in new if each.id in self._first}
        for environment, deployment in new:
            verdict = await self._judge(environment, deployment)
            if verdict is not None:
                await self._replace(deployment, verdict)

    async def _list_new(self) -> list[tuple[Environment, Deployment]]:
        """What went live lately, and is watched for as long as its owner wants."""
        async with self._engine.resources.db.transaction() as session:
            rows = await session.execute(
                select(Environment, Deployment)
                .join(Deployment, Deployment.id == Environment.live_deployment_id)
                .where(
                    Deployment.kind == "deploy",
                    Deployment.promoted_at > now() - LONGEST_WATCH,
                    ~Deployment.details.has_key(_OUTCOME),
                )
            )
            return [(row[0], row[1]) for row in rows if self._is_watched(row[1])]

    def _is_watched(self, deployment: Deployment) -> bool:
        check = plan_of(deployment).health_check
        wanted = check.watch if check is not None else None
        seconds = self._engine.watch_seconds if wanted is None else wanted
        live_since = deployment.promoted_at
        return live_since is not None and now() - live_since < timedelta(seconds=seconds)

    async def _judge(self, environment: Environment, deployment: Deployment) -> _Verdict | None:
        """Why the release is bad, if it is by what is known now."""
        if (environment.runtime or {}).get("state") == RuntimeState.CRASHED:
            return _Verdict("release_crashed", "It does not stay up")
        if not self._engine.providers.can(deployment.provider, Capability.METRICS):
            return None
        provider = self._engine.providers.app_metrics(deployment.provider)
        try:
            counted = await provider.measure_traffic(app_of(environment))
        except AutoDeployError as error:
            _log.info("watch.not_measured", deployment_id=str(deployment.id), error=error.code)
            return None
        first = self._first.setdefault(deployment.id, counted)
        if counted.answers < first.answers:  # the provider began to count anew
            self._first[deployment.id] = first = Traffic(0, 0)
        answers, failures = counted.answers - first.answers, counted.failures - first.failures
        if answers < ENOUGH_ANSWERS or failures < FAILING_SHARE * answers:
            return None
        return _Verdict("release_failing", f"{failures} of its {answers} answers are server errors")

    async def _replace(self, bad: Deployment, verdict: _Verdict) -> None:
        """Bring the release before it back, unless it is no longer what is live."""
        async with announcing(self._engine.resources) as transaction:
            session = transaction.session
            environment = await session.scalar(
                select(Environment)
                .where(
                    Environment.live_deployment_id == bad.id,
                    Environment.deletion_requested_at.is_(None),
                )
                .with_for_update()
            )
            if environment is None or await _is_replaced_already(session, bad):
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
        _log.warning("release.taken_back", deployment_id=str(bad.id), reason=verdict.reason)
        await dispatch_due(self._engine.resources, deployment_id=back.id)

    async def _why_it_stays(self, session: AsyncSession, source: Deployment | None) -> str | None:
        if source is None:
            return "there is no release before it"
        if source.artifact_key is None or not await self._engine.resources.objects.exists(
            source.artifact_key
        ):
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
