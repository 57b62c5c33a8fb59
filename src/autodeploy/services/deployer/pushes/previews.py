"""Previews: an environment for each open pull request, taken down when that is closed.

As with branches, GitHub is asked what a pull request is now: what came of it only says when.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

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
from autodeploy.services.auth.permissions import Action, require
from autodeploy.services.auth.principal import Principal
from autodeploy.services.deployer import store
from autodeploy.services.deployer.announcements import announcing
from autodeploy.services.deployer.deployment_schemas import DeploymentInput, TriggerView
from autodeploy.services.deployer.deployments import write_deployment
from autodeploy.services.deployer.dispatch import dispatch_due
from autodeploy.services.deployer.engine import Engine
from autodeploy.services.deployer.models import (
    Deployment,
    Environment,
    EnvironmentVariable,
    Project,
)
from autodeploy.services.deployer.naming import PRODUCTION
from autodeploy.services.deployer.projects import ensure_environment
from autodeploy.services.deployer.pushes.branches import acting, project_of
from autodeploy.services.deployer.pushes.debts import owe_retirement
from autodeploy.services.deployer.pushes.deliveries import ensure_preview
from autodeploy.services.deployer.pushes.failures import OUR_FAULT, Failure, find_failure
from autodeploy.services.deployer.pushes.filters import concern, find_skip, patterns_of
from autodeploy.services.deployer.pushes.following import (
    MOST_AT_A_PASS,
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
from autodeploy.services.deployer.variables import copy_within

#: The environment whose variables previews begin with.
VARIABLES_FROM = "preview"

_LISTED_EVERY = timedelta(seconds=60)
_SOON = timedelta(seconds=5)
# Nothing of it is known to be due: lists and deliveries say when it is.
_SETTLED = timedelta(days=365)
_LONGEST_TITLE = 255


@dataclass(frozen=True)
class _Listed:
    settings: PushToDeploy
    repository: Repository


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
    return or_(
        exists(_due_lists(select(PushToDeploy.id), moment)), exists(previews.where(_is_due(moment)))
    )


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


def _due_lists(statement: Query, moment: Moment) -> Query:
    return of_projects(statement).where(PushToDeploy.previews, PushToDeploy.pulls_due_at <= moment)


def _is_due(moment: Moment) -> ColumnElement[bool]:
    wanted = of_projects(select(PushToDeploy.project_id)).where(PushToDeploy.previews)
    is_unwanted = and_(Preview.closed_at.is_(None), Preview.project_id.not_in(wanted))
    return and_(Project.deletion_requested_at.is_(None), or_(Preview.due_at <= moment, is_unwanted))


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
            if await _is_due_again(session, row, moment):
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


async def _find_failure(session: AsyncSession, preview: Preview) -> Failure | None:
    """That what was deployed of it last has failed."""
    return await find_failure(
        session, preview.project_id, preview.environment, preview.deployed_sha
    )


async def _base_of(engine: Engine, preview: Preview) -> str | None:
    """The commit that a new head is compared with: none where that failed by no fault of the app,
    since what it changed is still to be deployed."""
    async with engine.resources.db.transaction() as session:
        failure = await _find_failure(session, preview)
    return None if failure and failure.times else preview.deployed_sha


async def _is_due_again(session: AsyncSession, preview: Preview, moment: datetime) -> bool:
    failure = await _find_failure(session, preview)
    return failure is not None and failure.is_due(moment)


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
        is_new = row.deployed_sha != row.head_sha
        if row.head_sha is None or not (is_new or await _is_due_again(session, row, moment)):
            return
        principal = await acting(engine, settings)
        project = await project_of(session, principal, settings)
        environment = await _ensure_environment(session, project, row)
        await _give_variables(engine, session, principal, project, environment, row.is_fork)
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


async def _ensure_environment(
    session: AsyncSession, project: Project, preview: Preview
) -> Environment:
    """The environment of a preview, locked. Raises ``Conflict`` where somebody made one of its name
    for something else: it would be taken down with the preview."""
    present = await store.find_environment(session, project.id, preview.environment)
    is_new = preview.deployment_id is None
    if is_new and present is not None and present.deletion_requested_at is None:
        raise Conflict(
            f"{project.name} has an environment {preview.environment} that is no preview.",
            remedy=f"Delete it: `autodeploy environments delete {preview.environment}`.",
        )
    return await ensure_environment(session, project, preview.environment)


async def _provider_of(session: AsyncSession, project: Project) -> str | None:
    """Where previews run: where production does."""
    production = await store.find_environment(session, project.id, PRODUCTION)
    return production.provider if production else None


async def _give_variables(
    engine: Engine,
    session: AsyncSession,
    principal: Principal,
    project: Project,
    environment: Environment,
    is_fork: bool,
) -> None:
    """Give a preview what is set for previews, and one of a fork no secret, whoever set it.

    Raises ``Conflict`` where an environment of a fork holds secrets.
    """
    if is_fork and await _has_secrets(session, environment):
        raise Conflict(
            f"{environment.name} holds secrets, which code of a fork does not get.",
            remedy=f"Remove them: `autodeploy env unset --environment {environment.name}`.",
        )
    if await store.find_environment(session, project.id, VARIABLES_FROM) is None:
        return
    require(principal, Action.VARIABLE_WRITE, project.organization_id)
    await copy_within(
        engine.resources,
        session,
        principal,
        project,
        environment,
        source=VARIABLES_FROM,
        secrets=not is_fork,
    )


async def _has_secrets(session: AsyncSession, environment: Environment) -> bool:
    found = await session.scalar(
        select(EnvironmentVariable.id)
        .where(
            EnvironmentVariable.project_id == environment.project_id,
            EnvironmentVariable.environment == environment.name,
            EnvironmentVariable.is_secret,
        )
        .limit(1)
    )
    return found is not None


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


async def _set_list(engine: Engine, each: _Listed, note: str | None, due_at: datetime) -> None:
    async with engine.resources.db.transaction() as session:
        await session.execute(
            update(PushToDeploy)
            .where(PushToDeploy.id == each.settings.id)
            .values(pulls_note=note, pulls_due_at=due_at)
        )


async def _set(engine: Engine, preview: Preview, **values: Any) -> None:
    async with engine.resources.db.transaction() as session:
        await session.execute(update(Preview).where(Preview.id == preview.id).values(values))
