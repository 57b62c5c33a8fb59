"""Previews: an environment for each open pull request, taken down when that is closed.

As with branches, GitHub is asked what a pull request is now: what came of it only says when.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.errors import Conflict, NotFound
from autodeploy.kernel.git.refs import ResolvedRef
from autodeploy.kernel.questions import Moment
from autodeploy.providers.github.changes import Changes
from autodeploy.providers.github.pulls import PullRequest
from autodeploy.services.analyzer.hosts import HostedRepository
from autodeploy.services.analyzer.models import Repository
from autodeploy.services.auth import audit
from autodeploy.services.auth.permissions import Action
from autodeploy.services.deployer import store
from autodeploy.services.deployer.announcements import announcing
from autodeploy.services.deployer.deployment_schemas import DeploymentInput, TriggerView
from autodeploy.services.deployer.deployments import write_deployment
from autodeploy.services.deployer.dispatch import dispatch_due
from autodeploy.services.deployer.engine import Engine
from autodeploy.services.deployer.models import (
    Project,
)
from autodeploy.services.deployer.naming import PRODUCTION
from autodeploy.services.deployer.pushes.branches import acting, project_of
from autodeploy.services.deployer.pushes.debts import owe_retirement
from autodeploy.services.deployer.pushes.failures import find_failure, is_due_again
from autodeploy.services.deployer.pushes.filters import concern, find_skip, patterns_of
from autodeploy.services.deployer.pushes.following import (
    MOST_AT_A_PASS,
    for_each,
    host_of,
    note_of,
    of_projects,
    retry_after,
)
from autodeploy.services.deployer.pushes.models import Preview, PushToDeploy
from autodeploy.services.deployer.pushes.open_pulls import has_due_lists
from autodeploy.services.deployer.pushes.preview_environments import ensure_preview_environment

_SOON = timedelta(seconds=5)
# Nothing of it is known to be due: lists and deliveries say when it is.
_SETTLED = timedelta(days=365)
_LONGEST_TITLE = 255


@dataclass(frozen=True)
class _Followed:
    """A preview as it was when the look began; ``settings`` is None where none are wanted."""

    preview: Preview
    project: Project
    settings: PushToDeploy | None
    repository: Repository | None


def has_due_previews(moment: Moment) -> ColumnElement[bool]:
    """Whether there are pull requests to ask GitHub for, of a project or alone."""
    previews = select(Preview.id).join(Project, Project.id == Preview.project_id)
    return or_(has_due_lists(moment), exists(previews.where(_is_due(moment))))


async def look_at_previews(engine: Engine, moment: datetime) -> None:
    """Deploy what is new in the pull requests that are due, and take down those that are closed."""
    async with engine.resources.db.transaction() as session:
        rows = await session.execute(
            select(Preview, Project, PushToDeploy, Repository)
            .join(Project, Project.id == Preview.project_id)
            .outerjoin(Repository, Repository.id == Project.repository_id)
            .outerjoin(
                PushToDeploy,
                (PushToDeploy.project_id == Project.id)
                & PushToDeploy.previews
                & (Repository.kind == "github"),
            )
            .where(_is_due(moment))
            .order_by(Preview.due_at)
            .limit(MOST_AT_A_PASS)
        )
        due = [_Followed(*row) for row in rows]

    async def fail(each: _Followed, error: Exception) -> None:
        await _set(engine, each.preview, note=note_of(error), due_at=moment + retry_after(error))

    await for_each(due, lambda each: _look(engine, each, moment), fail)


def _is_due(moment: Moment) -> ColumnElement[bool]:
    wanted = of_projects(select(PushToDeploy.project_id)).where(PushToDeploy.previews)
    is_unwanted = and_(Preview.closed_at.is_(None), Preview.project_id.not_in(wanted))
    return and_(Project.deletion_requested_at.is_(None), or_(Preview.due_at <= moment, is_unwanted))


async def _base_of(engine: Engine, preview: Preview) -> str | None:
    """The commit that a new head is compared with: none where that failed by no fault of the app,
    since what it changed is still to be deployed."""
    async with engine.resources.db.transaction() as session:
        failure = await find_failure(
            session, preview.project_id, preview.environment, preview.deployed_sha
        )
    return None if failure and failure.times else preview.deployed_sha


async def _look(engine: Engine, followed: _Followed, moment: datetime) -> None:
    settings, host = followed.settings, None
    if settings is not None and followed.repository is not None:
        host = await host_of(engine, followed.repository)
    pull = await _read(host, followed.preview.number)
    if pull is None or not pull.is_open or settings is None or host is None:
        await _close(engine, followed.preview, moment)
        return
    preview = await _follow(engine, followed.preview, pull)
    if preview.is_fork and preview.approved_sha != preview.head_sha:
        await _set(engine, preview, note=None, due_at=moment + _SETTLED)
        return
    # A member who has approved a commit of a fork wants that one.
    if not preview.is_fork and preview.deployed_sha != pull.head.sha:
        patterns = patterns_of(settings.paths, followed.project.root_directory)
        changes = host.account.changes(host.there.full_name)
        note = await _why_not(changes, patterns, await _base_of(engine, preview), pull)
        if note is not None:
            await _set(engine, preview, note=note, due_at=moment + _SETTLED)
            return
    try:
        await _deploy(engine, settings, preview, followed.repository, moment)
    except Conflict as error:  # such as an environment that is being taken down
        await _set(engine, preview, note=note_of(error), due_at=moment + _SOON)


async def _read(host: HostedRepository | None, number: int) -> PullRequest | None:
    """The pull request as it is now; None where it is of no interest, or is not there."""
    if host is None:
        return None
    try:
        return await host.account.pulls(host.there.full_name).get(number)
    except NotFound:
        return None


async def _why_not(
    changes: Changes, patterns: Sequence[str], deployed_sha: str | None, pull: PullRequest
) -> str | None:
    """Why the head is not deployed; None where it is to be. Files count that have changed since
    what was deployed of it last, at first since it parted from the branch that it is for."""
    sha = pull.head.sha
    skip = find_skip(await changes.message(sha))
    if skip is not None:
        return f"{sha[:12]} says {skip}."
    if not patterns:
        return None
    if deployed_sha is None:
        paths = await changes.paths_between(pull.base.sha, sha, since_parting=True)
    else:
        paths = await changes.paths_between(deployed_sha, sha)
    if paths is None or concern(patterns, paths):
        return None
    return f"Up to {sha[:12]} nothing changed that counts."


async def _follow(engine: Engine, preview: Preview, pull: PullRequest) -> Preview:
    """Store what the pull request is now; one that was closed begins anew."""
    async with engine.resources.db.transaction() as session:
        row = await session.get_one(Preview, preview.id, with_for_update=True)
        if row.closed_at is not None:
            row.closed_at = row.deployed_sha = row.deployment_id = row.told = None
        row.title = pull.title[:_LONGEST_TITLE].replace("\x00", "")
        row.branch = pull.head.ref
        row.author = pull.user.login if pull.user else None
        row.head_sha = pull.head.sha
        row.is_fork = pull.is_from_fork
    return row


async def _deploy(
    engine: Engine,
    settings: PushToDeploy,
    preview: Preview,
    repository: Repository | None,
    moment: datetime,
) -> None:
    """Write the deployment, and with it that this head is dealt with: both or neither."""
    resources, deployment = engine.resources, None
    async with announcing(resources) as transaction:
        session = transaction.session
        row = await session.get_one(
            Preview, preview.id, with_for_update=True, populate_existing=True
        )
        if row.closed_at is not None or row.head_sha != preview.head_sha or repository is None:
            return  # the next look begins with what it is now
        row.due_at, row.note = moment + _SETTLED, None
        if row.head_sha is None:
            return
        if row.deployed_sha == row.head_sha and not await is_due_again(
            session, row.project_id, row.environment, row.deployed_sha, moment
        ):
            return
        principal = await acting(engine, settings)
        project = await project_of(session, principal, settings)
        await ensure_preview_environment(engine, session, principal, project, row)
        deployment = await write_deployment(
            resources,
            transaction,
            principal,
            project,
            ResolvedRef(f"pull/{row.number}/head", row.head_sha, repository.default_branch),
            DeploymentInput(
                environment=row.environment, provider=await _provider_of(session, project)
            ),
            providers=engine.providers,
            trigger=TriggerView(
                type="pullRequest",
                branch=row.branch,
                message=row.title,
                author=row.author,
                pull_request=row.number,
            ),
        )
        row.deployed_sha, row.deployment_id = row.head_sha, deployment.id
    await dispatch_due(resources, deployment_id=deployment.id)


async def _provider_of(session: AsyncSession, project: Project) -> str | None:
    """Where previews run: where production does."""
    production = await store.find_environment(session, project.id, PRODUCTION)
    return production.provider if production else None


async def _close(engine: Engine, preview: Preview, moment: datetime) -> None:
    """Have the environment taken down, which workers repeat until it is done."""
    async with engine.resources.db.transaction() as session:
        row = await session.get_one(Preview, preview.id, with_for_update=True)
        row.due_at = moment + _SETTLED
        if row.closed_at is not None:
            return
        row.closed_at, row.note = moment, None
        environment = await store.find_environment(
            session, row.project_id, row.environment, lock=True
        )
        if environment is None or row.deployment_id is None:
            return
        if environment.deletion_requested_at is None:
            before = audit.snapshot(environment)
            environment.deletion_requested_at = moment
            await audit.record(
                session, audit.SYSTEM, Action.ENVIRONMENT_DELETE, environment, before=before
            )
        await owe_retirement(session, row.project_id, row.environment, moment)


async def _set(engine: Engine, preview: Preview, **values: Any) -> None:
    async with engine.resources.db.transaction() as session:
        await session.execute(update(Preview).where(Preview.id == preview.id).values(values))
