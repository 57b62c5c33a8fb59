"""What callers ask of one-off commands."""

import asyncio
import json
from collections.abc import Sequence
from uuid import UUID, uuid4

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import NotFound
from autodeploy.kernel.pagination import keyset, split_page
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.schema import Page
from autodeploy.kernel.vault.columns import place_of
from autodeploy.providers.manifests import Capability
from autodeploy.providers.registry import Registry
from autodeploy.services.auth import audit
from autodeploy.services.auth.permissions import Action, require
from autodeploy.services.auth.principal import Principal
from autodeploy.services.deployer import store
from autodeploy.services.deployer.announcements import announcing
from autodeploy.services.deployer.app_environment import load_app_environment
from autodeploy.services.deployer.context import spec_of
from autodeploy.services.deployer.errors import NothingLive
from autodeploy.services.deployer.models import Deployment, Environment, Project
from autodeploy.services.deployer.runs.announcements import (
    announce_end,
    announce_work,
    run_channel,
)
from autodeploy.services.deployer.runs.errors import RunEnded, RunNotPossible, TooManyRuns
from autodeploy.services.deployer.runs.models import OPEN, Run, RunLine, RunStatus
from autodeploy.services.deployer.runs.schemas import (
    RunErrorView,
    RunInput,
    RunLineView,
    RunOutputView,
    RunView,
)
from autodeploy.services.deployer.schemas import CreatorView
from autodeploy.services.deployer.views import load_creators

MOST_AT_ONCE = 5
PAGE_LINES = 1000


async def create_run(
    resources: Resources,
    principal: Principal,
    project_id: UUID,
    environment: str,
    body: RunInput,
    *,
    providers: Registry,
) -> RunView:
    """Have a command run in the live release of an environment. The row is the intent; a worker
    takes it up at once.

    Raises:
        NothingLive, RunNotPossible, TooManyRuns, NotFound, Forbidden.
        InvalidInput: the provider of what is live runs no commands.
    """
    async with resources.db.transaction() as session:
        project = await store.get_project(session, principal.reach, project_id)
        require(principal, Action.RUN_CREATE, project.organization_id)
        await _get_environment(session, project, environment)
    variables = await load_app_environment(resources, project, environment)
    redactor = variables.redactor()
    run = Run(
        id=uuid4(),
        organization_id=project.organization_id,
        project_id=project.id,
        environment=environment,
        command=[redactor.line(argument) for argument in body.command],
        timeout_seconds=body.timeout_seconds,
        stdin=body.stdin,
        terminal=body.terminal.model_dump() if body.terminal else None,
        status=RunStatus.QUEUED,
        created_by=principal.account_id,
        service_token_id=principal.service_token_id,
    )
    place = place_of(Run.encrypted_command, organization_id=run.organization_id, id=run.id)
    run.encrypted_command = await resources.vault.encrypt_for(
        place.subject, json.dumps(body.command), context=place.context
    )
    async with announcing(resources) as transaction:
        session = transaction.session
        project = await store.get_project(session, principal.reach, project_id)
        # Locked, so that callers who come at once are counted one after the other.
        target = await _get_environment(session, project, environment, lock=True)
        await _require_possible(session, target, providers)
        await _require_room(session, target)
        run.environment_id = target.id
        session.add(run)
        await session.flush()
        await session.refresh(run)
        await audit.record(session, principal, Action.RUN_CREATE, run, after=audit.snapshot(run))
        announce_work(transaction, run.id)
        return await _view(session, run)


async def list_runs(
    resources: Resources,
    principal: Principal,
    project_id: UUID,
    *,
    environment: str | None,
    limit: int,
    cursor: str | None,
) -> Page[RunView]:
    """The commands of a project, or of one of its environments, newest first. Raises ``NotFound``,
    ``Forbidden``."""
    async with resources.db.transaction() as session:
        project = await store.get_project(session, principal.reach, project_id)
        require(principal, Action.RUN_READ, project.organization_id)
        statement = select(Run).where(Run.project_id == project.id)
        if environment is not None:
            of = await _get_environment(session, project, environment)
            statement = statement.where(Run.environment_id == of.id)
        found = await session.scalars(
            keyset(statement, Run.created_at, Run.id, limit=limit, cursor=cursor)
        )
        page, following = split_page(found.all(), limit)
        return Page(items=await _views(session, page), next_cursor=following)


async def get_run(resources: Resources, principal: Principal, run_id: UUID) -> RunView:
    """One command and how it ended. Raises ``NotFound``, ``Forbidden``."""
    async with resources.db.transaction() as session:
        run = await get_allowed(session, principal, run_id, Action.RUN_READ)
        return await _view(session, run)


async def cancel_run(resources: Resources, principal: Principal, run_id: UUID) -> RunView:
    """Have a command stopped: one that has not begun at once, another by its worker, within
    seconds. Raises ``RunEnded``, ``NotFound``, ``Forbidden``."""
    async with announcing(resources) as transaction:
        session = transaction.session
        run = await get_allowed(session, principal, run_id, Action.RUN_CANCEL, lock=True)
        if run.status not in OPEN:
            raise RunEnded(f"The command has ended: it is {run.status}.")
        if run.cancel_requested_at is None:
            run.cancel_requested_at = now()
            if run.status == RunStatus.QUEUED:
                run.status, run.completed_at = RunStatus.CANCELLED, now()
                run.encrypted_command = None
                announce_end(transaction, run.id)
            await audit.record(session, principal, Action.RUN_CANCEL, run)
            await session.flush()
            announce_work(transaction, run.id)
        return await _view(session, run)


async def read_output(
    resources: Resources, principal: Principal, run_id: UUID, *, after: int, wait_seconds: float
) -> RunOutputView:
    """Lines with a number above ``after``; waits for the first of them, or the command's end, for
    up to ``wait_seconds``. Raises ``NotFound``, ``Forbidden``."""
    output = await _read(resources, principal, run_id, after)
    if output.items or output.ended or not wait_seconds:
        return output
    # Subscribed to first and read again then, so that nothing falls between.
    async with resources.events.subscribe(run_channel(run_id)) as news:
        try:
            async with asyncio.timeout(wait_seconds):
                while True:
                    output = await _read(resources, principal, run_id, after)
                    if output.items or output.ended:
                        return output
                    await anext(news)
        except TimeoutError:
            return await _read(resources, principal, run_id, after)


async def _read(
    resources: Resources, principal: Principal, run_id: UUID, after: int
) -> RunOutputView:
    async with resources.db.transaction() as session:
        # Its status is looked at before its lines: those of before the end are all read.
        run = await get_allowed(session, principal, run_id, Action.RUN_READ)
        rows = await session.scalars(
            select(RunLine)
            .where(RunLine.run_id == run.id, RunLine.sequence > after)
            .order_by(RunLine.sequence)
            .limit(PAGE_LINES)
        )
        lines = [RunLineView.model_validate(row) for row in rows]
    last = lines[-1].sequence if lines else after
    ended = run.status not in OPEN and last >= run.line_sequence
    return RunOutputView(items=lines, next=last, ended=ended)


async def _get_environment(
    session: AsyncSession, project: Project, name: str, *, lock: bool = False
) -> Environment:
    environment = await store.find_environment(session, project.id, name, lock=lock)
    if environment is None or environment.deletion_requested_at is not None:
        raise NotFound(
            f"{project.name} has no environment {name}.",
            remedy="`autodeploy environments list` shows those that it has.",
        )
    return environment


async def _require_possible(
    session: AsyncSession, environment: Environment, providers: Registry
) -> None:
    if environment.live_deployment_id is None:
        raise NothingLive(f"Nothing is live in {environment.name}.")
    live = await session.get_one(Deployment, environment.live_deployment_id)
    providers.get(live.provider, Capability.RUN)
    if spec_of(live).kind == "static":
        raise RunNotPossible(f"What is live in {environment.name} is a folder of static files.")


async def _require_room(session: AsyncSession, environment: Environment) -> None:
    under_way = await session.scalar(
        select(func.count()).where(Run.environment_id == environment.id, Run.status.in_(OPEN))
    )
    if (under_way or 0) >= MOST_AT_ONCE:
        raise TooManyRuns(f"{under_way} commands are under way in {environment.name}.")


async def get_allowed(
    session: AsyncSession,
    principal: Principal,
    run_id: UUID,
    action: Action,
    *,
    lock: bool = False,
) -> Run:
    """A command that the caller may do ``action`` to. Raises ``NotFound``, ``Forbidden``."""
    statement = (
        select(Run)
        .join(Project, Project.id == Run.project_id)
        .where(
            Run.id == run_id,
            principal.reach.covers(Run.organization_id, Run.project_id),
            Project.deletion_requested_at.is_(None),
        )
    )
    run = await session.scalar(statement.with_for_update(of=Run) if lock else statement)
    if run is None:
        raise NotFound("No such run.")
    require(principal, action, run.organization_id)
    return run


async def _view(session: AsyncSession, run: Run) -> RunView:
    return (await _views(session, [run]))[0]


async def _views(session: AsyncSession, runs: Sequence[Run]) -> list[RunView]:
    creators = await load_creators(session, runs)
    return [_view_by(run, creators.get(run.service_token_id or run.created_by)) for run in runs]


def _view_by(run: Run, creator: CreatorView | None) -> RunView:
    error = None
    if run.error_code is not None:
        error = RunErrorView(
            code=run.error_code, message=run.error_message or "", remedy=run.error_remedy
        )
    return RunView(
        id=run.id,
        project_id=run.project_id,
        environment=run.environment,
        deployment_id=run.deployment_id,
        command=run.command,
        timeout_seconds=run.timeout_seconds,
        stdin=run.stdin,
        terminal=run.terminal is not None,
        status=run.status,
        exit_code=run.exit_code,
        error=error,
        created_by=creator,
        created_at=run.created_at,
        started_at=run.started_at,
        completed_at=run.completed_at,
    )
