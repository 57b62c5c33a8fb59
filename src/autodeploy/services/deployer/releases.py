"""Which release of an environment has traffic."""

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.providers.base import App, Release
from autodeploy.services.auth.organization_events import EventType
from autodeploy.services.deployer.announcements import announcing
from autodeploy.services.deployer.context import StepContext, make_app, make_release_request
from autodeploy.services.deployer.domains.work import expect_domains
from autodeploy.services.deployer.engine import Engine
from autodeploy.services.deployer.hosting import deploys_for
from autodeploy.services.deployer.leftovers import leave_former_places
from autodeploy.services.deployer.live_state import LiveState, RuntimeState, as_row
from autodeploy.services.deployer.models import Deployment, DeploymentStep, Environment, Project
from autodeploy.services.deployer.notable_events import tell_of_deployment
from autodeploy.services.deployer.placements import Placement
from autodeploy.services.deployer.pushes.debts import owe_retraction
from autodeploy.services.deployer.states import DeploymentStatus, StepName, StepStatus
from autodeploy.services.deployer.transitions import change_status, hold

# Rows are locked while the provider switches.
PROMOTE_TIMEOUT_SECONDS = 10


async def go_live(context: StepContext, release: Release) -> None:
    """Give the release all traffic and record it, as one: nobody else may switch meanwhile.

    Raises ``LeaseLost`` and what the provider raises.
    """
    deployment = context.deployment
    async with context.lease.row, announcing(context.engine.resources) as transaction:
        session = transaction.session
        await hold(session, deployment.id, context.lease.fence)
        environment = await session.get_one(
            Environment, context.environment.id, with_for_update=True
        )
        context.promoting = True
        async with asyncio.timeout(PROMOTE_TIMEOUT_SECONDS):
            endpoint = await context.provider.promote(context.release_request(), release)
        moment = now()
        if environment.live_deployment_id is None:
            await leave_former_places(session, deployment)
        if context.is_rollback and environment.live_deployment_id is not None:
            await session.execute(
                update(Deployment)
                .where(Deployment.id == environment.live_deployment_id)
                .values(rolled_back_at=moment)
            )
            await tell_of_deployment(
                session, environment.live_deployment_id, EventType.DEPLOYMENT_ROLLED_BACK
            )
            await owe_retraction(session, environment.live_deployment_id, moment)
        environment.live_deployment_id = deployment.id
        environment.runtime = as_row(LiveState(RuntimeState.RUNNING))
        environment.provider = deployment.provider
        environment.connection_id = deployment.connection_id
        placement = Placement.of(deployment.configuration)
        environment.plan, environment.region = placement.plan, placement.region
        environment.url, environment.private = endpoint.url, context.plan.private
        environment.local_url = endpoint.local_url
        environment.local_port = endpoint.local_port
        await expect_domains(session, environment.id)
        await context.journal.end_within(transaction, StepName.VERIFY_HEALTH, StepStatus.SUCCEEDED)
        await change_status(
            transaction,
            deployment.id,
            DeploymentStatus.READY,
            fence=context.lease.fence,
            values={"url": endpoint.url, "promoted_at": moment},
            metadata={"url": endpoint.url, "localUrl": endpoint.local_url},
        )


async def restore_traffic(context: StepContext) -> None:
    """After a switch that was not recorded: give the traffic back to the release that is live."""
    async with context.engine.resources.db.transaction() as session:
        environment = await session.get_one(
            Environment, context.environment.id, with_for_update=True
        )
        if environment.live_deployment_id is None:
            return
        live = await session.get_one(Deployment, environment.live_deployment_id)
        request = make_release_request(live, environment, context.variables)
        provider = await deploys_for(context.engine, live.provider, live.connection_id)
        release = await find_release(session, live.id)
        if release is not None:
            await provider.promote(request, release)


async def find_release(session: AsyncSession, deployment_id: UUID) -> Release | None:
    """The release as its deployment journaled it, if the provider was known to have it."""
    made = await session.scalar(
        select(DeploymentStep.resources).where(
            DeploymentStep.deployment_id == deployment_id,
            DeploymentStep.name == StepName.DEPLOY_TO_PROVIDER,
        )
    )
    return release_of(deployment_id, made or {})


def release_of(deployment_id: UUID, made: dict[str, object]) -> Release | None:
    """The release that a deploy step's resources name."""
    resources = made.get("release")
    if not isinstance(resources, dict):
        return None
    check_urls = made.get("check_urls")
    found = map(str, check_urls) if isinstance(check_urls, list) else ()
    return Release(deployment_id, resources, tuple(found))


async def load_live(
    engine: Engine, environment_id: UUID
) -> tuple[Deployment, Environment, Project] | None:
    """What is to be live in an environment, and with what it is run."""
    async with engine.resources.db.transaction() as session:
        environment = await session.get(Environment, environment_id)
        if environment is None or environment.live_deployment_id is None:
            return None
        deployment = await session.get_one(Deployment, environment.live_deployment_id)
        return deployment, environment, await session.get_one(Project, environment.project_id)


async def reload_live(
    engine: Engine, live: "LiveRelease"
) -> tuple[Deployment, Environment, Project] | None:
    """With what a release is run, if it is live still: since it was listed it may be another."""
    found = await load_live(engine, live.app.environment_id)
    return found if found is not None and found[0].id == live.deployment_id else None


@dataclass(frozen=True)
class LiveRelease:
    """What is to be live in an environment, with the release as its deployment journaled it, and
    with how many replicas, if it is one that has any. ``runtime`` is how it fared last."""

    app: App
    connection_id: UUID | None
    runtime: dict[str, Any] | None
    deployment_id: UUID
    provider: str
    log_cursor: str | None
    release: Release | None
    replicas: int


def has_live() -> ColumnElement[bool]:
    """Whether anything at all is to be live."""
    return exists(select(Environment.id).where(Environment.live_deployment_id.is_not(None)))


async def list_live(engine: Engine) -> list[LiveRelease]:
    """All that is to be live, at one moment and by one query, however many environments there are.

    Those that are being deleted are left out. It is asked for each second, so that columns alone
    are read, and no objects made of whole rows.
    """
    async with engine.resources.db.transaction() as session:
        rows = await session.execute(
            select(
                Environment.id,
                Environment.number,
                Environment.host,
                Environment.name,
                Environment.local_port,
                Environment.connection_id,
                Environment.runtime,
                func.coalesce(Environment.replicas, Deployment.plan["replicas"].as_integer(), 1),
                Deployment.id,
                Deployment.provider,
                Deployment.runtime_log_cursor,
                DeploymentStep.resources,
            )
            .join(Project, Project.id == Environment.project_id)
            .join(Deployment, Deployment.id == Environment.live_deployment_id)
            .outerjoin(
                DeploymentStep,
                (DeploymentStep.deployment_id == Deployment.id)
                & (DeploymentStep.name == StepName.DEPLOY_TO_PROVIDER),
            )
            .where(
                Project.deletion_requested_at.is_(None),
                Environment.deletion_requested_at.is_(None),
            )
        )
        return [
            LiveRelease(
                make_app(*app),
                connection_id,
                runtime,
                deployment_id,
                at,
                cursor,
                release_of(deployment_id, made or {}),
                replicas,
            )
            for *app, connection_id, runtime, replicas, deployment_id, at, cursor, made in rows
        ]
