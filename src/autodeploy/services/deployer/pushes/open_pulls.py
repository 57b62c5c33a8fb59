"""The pull requests that are open at GitHub, compared with the previews that there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.questions import Moment
from autodeploy.services.analyzer.models import Repository
from autodeploy.services.deployer.engine import Engine
from autodeploy.services.deployer.models import Deployment
from autodeploy.services.deployer.pushes.deliveries import ensure_preview
from autodeploy.services.deployer.pushes.failures import OUR_FAULT, is_due_again
from autodeploy.services.deployer.pushes.following import (
    MOST_OF_THE_REST,
    Query,
    for_each,
    host_of,
    note_of,
    of_projects,
    retry_after,
)
from autodeploy.services.deployer.pushes.models import Preview, PushToDeploy
from autodeploy.services.deployer.states import DeploymentStatus

_LISTED_EVERY = timedelta(seconds=60)


@dataclass(frozen=True)
class _Listed:
    settings: PushToDeploy
    repository: Repository


def has_due_lists(moment: Moment) -> ColumnElement[bool]:
    """Whether there are projects to ask GitHub for the pull requests of."""
    return exists(_due_lists(select(PushToDeploy.id), moment))


async def list_pulls(engine: Engine, moment: datetime) -> None:
    """Compare the pull requests that are open with the previews that there are."""
    async with engine.resources.db.transaction() as session:
        rows = await session.execute(
            _due_lists(select(PushToDeploy, Repository), moment)
            .order_by(PushToDeploy.pulls_due_at)
            .limit(MOST_OF_THE_REST)
        )
        due = [_Listed(*row) for row in rows]

    async def fail(each: _Listed, error: Exception) -> None:
        await _set_list(engine, each, note_of(error), moment + retry_after(error))

    await for_each(due, lambda each: _list(engine, each, moment), fail)


def _due_lists(statement: Query, moment: Moment) -> Query:
    return of_projects(statement).where(PushToDeploy.previews, PushToDeploy.pulls_due_at <= moment)


async def _list(engine: Engine, each: _Listed, moment: datetime) -> None:
    host = await host_of(engine, each.repository)
    heads = {
        pull.number: pull.head.sha async for pull in host.account.pulls(host.there.full_name).open()
    }
    settings = each.settings
    async with engine.resources.db.transaction() as session:
        present = {
            row.number: row
            for row in await session.scalars(
                select(Preview).where(
                    Preview.project_id == settings.project_id,
                    Preview.closed_at.is_(None) | Preview.number.in_(heads),
                )
            )
        }
        for number, row in present.items():
            if (row.closed_at is None) != (number in heads):
                row.due_at = moment
        for row in await _list_failed(session, settings.project_id):
            if await is_due_again(
                session, row.project_id, row.environment, row.deployed_sha, moment
            ):
                row.due_at = moment
        for number, sha in heads.items():
            if number not in present or present[number].head_sha != sha:
                await ensure_preview(
                    session, settings.organization_id, settings.project_id, number, moment
                )
    await _set_list(engine, each, None, moment + _LISTED_EVERY)


async def _list_failed(session: AsyncSession, project_id: UUID) -> Sequence[Preview]:
    """The previews whose head was deployed and has failed by no fault of the app."""
    failed = await session.scalars(
        select(Preview)
        .join(Deployment, Deployment.id == Preview.deployment_id)
        .where(
            Preview.project_id == project_id,
            Preview.closed_at.is_(None),
            Preview.head_sha == Preview.deployed_sha,
            Deployment.status == DeploymentStatus.ERROR,
            Deployment.error_code.in_(OUR_FAULT),
        )
    )
    return failed.all()


async def _set_list(engine: Engine, each: _Listed, note: str | None, due_at: datetime) -> None:
    async with engine.resources.db.transaction() as session:
        await session.execute(
            update(PushToDeploy)
            .where(PushToDeploy.id == each.settings.id)
            .values(pulls_note=note, pulls_due_at=due_at)
        )
