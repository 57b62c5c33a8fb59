"""The removal of releases that have no traffic, and what becomes of an app that has moved away."""

import asyncio
from dataclasses import dataclass
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, and_, exists, func, select, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from autodeploy.providers.base import DeployProvider
from autodeploy.providers.hosted import AccountMissing
from autodeploy.services.deployer.context import app_of
from autodeploy.services.deployer.engine import Engine
from autodeploy.services.deployer.hosting import deploys_for
from autodeploy.services.deployer.kept import is_kept
from autodeploy.services.deployer.leases import OPEN, has_status
from autodeploy.services.deployer.models import Deployment, Environment
from autodeploy.services.deployer.runs.models import Run, RunStatus
from autodeploy.services.deployer.states import TERMINAL

# The environment's row is locked meanwhile. What is not done by then is by the next pass.
LEAVE_TIMEOUT_SECONDS = 10
_AT_ONCE = 100

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Leftover:
    deployment: Deployment
    environment: Environment


def has_leftovers() -> ColumnElement[bool]:
    """Whether there are releases to remove."""
    return exists(select(Deployment.id).where(_is_leftover()))


async def retire_leftovers(engine: Engine, *, environment_id: UUID | None = None) -> None:
    """Remove the releases of deployments that have ended and are not live, and have the app stop
    where it has moved away from. Idempotent.

    What a provider does not do now is tried again by the reconciler. What is at an account that is
    not connected any more is its owner's to remove.
    """
    for leftover in await _list_leftovers(engine, environment_id):
        deployment = leftover.deployment
        try:
            provider = await deploys_for(engine, deployment.provider, deployment.connection_id)
            await provider.retire(app_of(leftover.environment), deployment.id)
            await _leave(engine, provider, leftover)
        except AccountMissing:
            _log.warning(
                "app.left_at_provider",
                provider=deployment.provider,
                environment_id=str(leftover.environment.id),
            )
            async with engine.resources.db.transaction() as session:
                await _note_done(session, deployment)
        except Exception as error:
            _log.warning(
                "release.not_retired", deployment_id=str(deployment.id), error=type(error).__name__
            )


async def leave_former_places(session: AsyncSession, live: Deployment) -> None:
    """Have what was made at other providers be removed, now that the app is live for the first
    time: what failed while it was live nowhere was left there, also by a build."""
    newest = (
        select(Deployment.id)
        .where(
            Deployment.project_id == live.project_id,
            Deployment.environment == live.environment,
            Deployment.provider != live.provider,
            Deployment.started_at.is_not(None),
            Deployment.status.in_(TERMINAL),
        )
        .ext(distinct_on(Deployment.provider, Deployment.connection_id))
        .order_by(Deployment.provider, Deployment.connection_id, Deployment.created_at.desc())
    )
    await session.execute(
        update(Deployment).where(Deployment.id.in_(newest)).values(has_release=True)
    )


async def _leave(engine: Engine, provider: DeployProvider, leftover: _Leftover) -> None:
    """Have the app stop at the leftover's provider where it is live at another one, and note that
    nothing is left to do. What was never live there, or is not to be kept, is removed.

    What a deployment has started that brings the app back there is not to be stopped. So that one
    takes over: when it comes to nothing, it is the leftover. While the environment's row is locked
    none begins.
    """
    deployment, environment_id = leftover.deployment, leftover.environment.id
    bringing_back = _bringing_back(deployment)
    async with engine.resources.db.transaction() as session:
        # The leftover was read a while ago: since then the app may have come to be live elsewhere.
        environment = await session.get(Environment, environment_id)
        if environment is not None and _is_live_elsewhere(environment, deployment):
            heirs = await session.scalars(
                update(Deployment)
                .where(bringing_back)
                .values(has_release=True)
                .returning(Deployment.id)
            )
            if heirs.all():
                await _note_done(session, deployment)
                return
        environment = await session.get(
            Environment, environment_id, with_for_update=True, populate_existing=True
        )
        if environment is not None and _is_live_elsewhere(environment, deployment):
            if await session.scalar(select(exists().where(bringing_back))):
                return  # it has begun since
            keeps = await session.scalar(
                select(exists().where(_of_same_place(deployment), is_kept()))
            )
            async with asyncio.timeout(LEAVE_TIMEOUT_SECONDS):
                await (provider.leave if keeps else provider.destroy)(app_of(environment))
        await _note_done(session, deployment)


async def _note_done(session: AsyncSession, deployment: Deployment) -> None:
    await session.execute(
        update(Deployment).where(Deployment.id == deployment.id).values(has_release=False)
    )


def _is_live_elsewhere(environment: Environment, deployment: Deployment) -> bool:
    is_live = environment.live_deployment_id is not None
    return is_live and environment.provider != deployment.provider


def _bringing_back(deployment: Deployment) -> ColumnElement[bool]:
    """Deployments of the same environment to the same provider that have not ended."""
    return and_(has_status(Deployment, OPEN), _of_same_place(deployment))


def _of_same_place(deployment: Deployment) -> ColumnElement[bool]:
    return and_(
        Deployment.project_id == deployment.project_id,
        Deployment.environment == deployment.environment,
        Deployment.provider == deployment.provider,
    )


async def _list_leftovers(engine: Engine, environment_id: UUID | None) -> list[_Leftover]:
    query = (
        select(Deployment, Environment)
        .join(
            Environment,
            (Environment.project_id == Deployment.project_id)
            & (Environment.name == Deployment.environment),
        )
        .where(_is_leftover())
    )
    if environment_id is not None:
        query = query.where(Environment.id == environment_id)
    # In any order: where many are refused each time, the others have their turn all the same.
    some = query.order_by(func.random()).limit(_AT_ONCE)
    async with engine.resources.db.transaction() as session:
        rows = (await session.execute(some)).all()
    return [_Leftover(deployment, environment) for deployment, environment in rows]


def _is_leftover() -> ColumnElement[bool]:
    ended = Deployment.status.in_(TERMINAL)
    return and_(Deployment.has_release, ended, ~_is_live(), ~_has_commands())


def _is_live() -> ColumnElement[bool]:
    live = aliased(Environment)
    return exists(select(live.id).where(live.live_deployment_id == Deployment.id))


def _has_commands() -> ColumnElement[bool]:
    """One-off commands run in it: it goes when they have ended."""
    return exists(
        select(Run.id).where(Run.deployment_id == Deployment.id, Run.status == RunStatus.RUNNING)
    )
