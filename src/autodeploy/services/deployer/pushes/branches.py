"""Branches that are followed: what their heads are, and what is deployed of them.

A delivery only says that a branch is to be looked at: which commit is its head, GitHub is asked.
So deliveries may be lost, doubled or late, and what is deployed is the head in the end, once.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.errors import Forbidden, NotFound, Unauthenticated
from autodeploy.kernel.git.refs import ResolvedRef
from autodeploy.kernel.questions import Moment
from autodeploy.providers.github.changes import Changes, CheckState, Head
from autodeploy.services.analyzer.models import Repository
from autodeploy.services.auth.authentication import act_as
from autodeploy.services.auth.permissions import Action, require
from autodeploy.services.auth.principal import Principal
from autodeploy.services.deployer import store
from autodeploy.services.deployer.announcements import announcing
from autodeploy.services.deployer.deployment_schemas import DeploymentInput, TriggerView
from autodeploy.services.deployer.deployments import write_deployment
from autodeploy.services.deployer.dispatch import dispatch_due
from autodeploy.services.deployer.engine import Engine
from autodeploy.services.deployer.models import Deployment, Project
from autodeploy.services.deployer.pushes.failures import (
    Failure,
    deployed_commit,
    find_failure,
    is_due_again,
)
from autodeploy.services.deployer.pushes.filters import concern, find_skip, patterns_of
from autodeploy.services.deployer.pushes.following import (
    MOST_AT_A_PASS,
    Hosts,
    Query,
    for_each,
    limit_of,
    note_of,
    of_projects,
    pause_after,
    retry_after,
)
from autodeploy.services.deployer.pushes.models import PushToDeploy, WatchedBranch
from autodeploy.services.deployer.pushes.renames import follow_renamed
from autodeploy.services.deployer.pushes.reports import CONTEXT

_LIMIT = limit_of(Repository)
# A check may begin a while after the push; a commit without any after that has none.
_CHECKS_BEGIN_WITHIN = timedelta(seconds=30)


class _Verdict(StrEnum):
    DEPLOY = "deploy"
    WAIT = "wait"
    SKIP = "skip"


@dataclass(frozen=True)
class _Decision:
    """What becomes of a head, and why it is not deployed."""

    verdict: _Verdict
    note: str | None = None


@dataclass(frozen=True)
class _Followed:
    """A branch as it was when the look began; ``beside`` is how many its account follows."""

    branch: WatchedBranch
    settings: PushToDeploy
    project: Project
    repository: Repository
    beside: int

    def is_new(self, head: Head) -> bool:
        return head.sha != self.branch.head_sha

    def seen_at(self, head: Head, moment: datetime) -> datetime:
        """When this head was seen first."""
        known = self.branch.seen_at if head.sha == self.branch.seen_sha else None
        return known or moment

    def pause(self, since: datetime, moment: datetime) -> timedelta:
        """How long to wait for the next look, where nothing was heard since then."""
        return pause_after(max(moment - since, timedelta(0)), followed=self.beside)


def has_due_branches(moment: Moment) -> ColumnElement[bool]:
    """Whether there are branches to ask GitHub for."""
    return exists(_due(select(WatchedBranch.id), moment))


async def look_at_branches(engine: Engine, moment: datetime) -> None:
    """Ask GitHub for the heads of the branches that are due, and deploy those that are new.

    What a delivery has named comes first: what is only looked at from time to time may wait.
    """
    async with engine.resources.db.transaction() as session:
        beside = await _count_by_limit(session)
        rows = await session.execute(
            _due(select(WatchedBranch, PushToDeploy, Project, Repository, _LIMIT), moment)
            .order_by(_is_named().desc(), WatchedBranch.due_at)
            .limit(MOST_AT_A_PASS)
        )
        due = [
            _Followed(branch, settings, project, repository, beside.get(limit, 1))
            for branch, settings, project, repository, limit in rows
        ]

    async def fail(followed: _Followed, error: Exception) -> None:
        values = {"problem": note_of(error), "due_at": moment + retry_after(error)}
        await _set(engine, followed, values)

    hosts = Hosts(engine)
    await for_each(due, lambda each: _look(engine, hosts, each, moment), fail)


def _due(statement: Query, moment: Moment) -> Query:
    followed = statement.join(PushToDeploy, PushToDeploy.id == WatchedBranch.push_to_deploy_id)
    return of_projects(followed).where(WatchedBranch.due_at <= moment)


def _is_named() -> ColumnElement[bool]:
    """Whether something was heard of a branch since the last look, which leaves it due later."""
    return WatchedBranch.active_at >= WatchedBranch.due_at


async def _count_by_limit(session: AsyncSession) -> dict[str | None, int]:
    """How many branches are followed by the calls of each installation or account."""
    followed = select(_LIMIT, func.count(WatchedBranch.id)).join_from(
        WatchedBranch, PushToDeploy, PushToDeploy.id == WatchedBranch.push_to_deploy_id
    )
    rows = await session.execute(of_projects(followed).group_by(_LIMIT))
    return dict(iter(rows))


async def _look(engine: Engine, hosts: Hosts, followed: _Followed, moment: datetime) -> None:
    host = await hosts.of(followed.repository)
    changes = host.account.changes(host.there.full_name)
    head = await changes.head(followed.branch.branch)
    if head.branch != followed.branch.branch:
        await follow_renamed(engine, followed.settings, followed.branch, head.branch, moment)
    failure = await _find_failure(engine, followed)
    if not followed.is_new(head) and not (failure and failure.is_due(moment)):
        await _rest(engine, followed, failure, moment)
        return
    decision = await _decide(changes, followed, failure, head, moment)
    if decision.verdict is _Verdict.DEPLOY:
        await _deploy(engine, followed, head, moment)
        return
    values = {
        "seen_sha": head.sha,
        "seen_at": followed.seen_at(head, moment),
        "note": decision.note,
        "problem": None,
        "due_at": moment + followed.pause(followed.seen_at(head, moment), moment),
    }
    if decision.verdict is _Verdict.SKIP and followed.is_new(head):
        values |= {"head_sha": head.sha, "active_at": moment}
    await _set(engine, followed, values)


async def _find_failure(engine: Engine, followed: _Followed) -> Failure | None:
    """That what pushes deployed last has failed."""
    branch = followed.branch
    async with engine.resources.db.transaction() as session:
        return await find_failure(
            session, followed.project.id, branch.environment, branch.deployed_sha
        )


async def _rest(
    engine: Engine, followed: _Followed, failure: Failure | None, moment: datetime
) -> None:
    """Nothing is new: look again, the later the longer nothing was heard, but when something is
    to be deployed again."""
    due_at = moment + followed.pause(followed.branch.active_at, moment)
    if failure is not None and failure.again_at is not None:
        due_at = min(due_at, failure.again_at)
    values: dict[str, Any] = {"due_at": due_at, "problem": None}
    if followed.branch.seen_sha != followed.branch.head_sha:  # what was waited for is taken back
        values |= {"seen_sha": followed.branch.head_sha, "note": None}
    await _set(engine, followed, values)


async def _decide(
    changes: Changes,
    followed: _Followed,
    failure: Failure | None,
    head: Head,
    moment: datetime,
) -> _Decision:
    skip = find_skip(head.message)
    if skip is not None:
        return _Decision(_Verdict.SKIP, f"{head.sha[:12]} says {skip}.")
    # What failed by no fault of the app is still to be deployed, whatever came after it.
    if not (failure and failure.times) and not await _concerns(changes, followed, head):
        return _Decision(_Verdict.SKIP, f"Up to {head.sha[:12]} nothing changed that counts.")
    if followed.settings.wait_for_ci:
        return await _await_checks(changes, followed, head, moment)
    return _Decision(_Verdict.DEPLOY)


async def _concerns(changes: Changes, followed: _Followed, head: Head) -> bool:
    """Whether files that count have changed since what was deployed last."""
    patterns = patterns_of(followed.settings.paths, followed.project.root_directory)
    base = followed.branch.deployed_sha
    if not patterns or base is None:
        return True
    paths = await changes.paths_between(base, head.sha)
    return paths is None or concern(patterns, paths)


async def _await_checks(
    changes: Changes, followed: _Followed, head: Head, moment: datetime
) -> _Decision:
    match await changes.checks(head.sha, but=CONTEXT):
        case CheckState.FAILED:
            return _Decision(_Verdict.WAIT, f"Checks of {head.sha[:12]} failed.")
        case CheckState.PENDING:
            return _Decision(_Verdict.WAIT, f"The checks of {head.sha[:12]} go on.")
        case CheckState.NONE if moment - followed.seen_at(head, moment) < _CHECKS_BEGIN_WITHIN:
            return _Decision(_Verdict.WAIT, f"No check of {head.sha[:12]} has begun yet.")
    return _Decision(_Verdict.DEPLOY)


async def _deploy(engine: Engine, followed: _Followed, head: Head, moment: datetime) -> None:
    """Write the deployment, and with it that this head is dealt with: both or neither."""
    resources = engine.resources
    deployment: Deployment | None = None
    async with announcing(resources) as transaction:
        session = transaction.session
        branch = await _hold(session, followed)
        if branch is None:
            return  # it was changed meanwhile: the next look begins with what it is now
        principal = await acting(engine, followed.settings)
        project = await project_of(session, principal, followed.settings)
        if project.repository_id != followed.repository.id:
            return  # the commit is of the repository that it had
        if not followed.is_new(head) and not await is_due_again(
            session, project.id, branch.environment, branch.deployed_sha, moment
        ):
            return  # somebody has chosen otherwise meanwhile
        # Somebody, or an earlier time that this was on, may have been faster.
        if await deployed_commit(session, project.id, branch.environment) != head.sha:
            deployment = await write_deployment(
                resources,
                transaction,
                principal,
                project,
                ResolvedRef(branch.branch, head.sha, followed.repository.default_branch),
                DeploymentInput(environment=branch.environment),
                providers=engine.providers,
                trigger=TriggerView(
                    type="push", branch=branch.branch, message=head.message, author=head.author
                ),
            )
        branch.head_sha = branch.seen_sha = branch.deployed_sha = head.sha
        branch.seen_at = followed.seen_at(head, moment)
        branch.active_at = moment if followed.is_new(head) else branch.active_at
        branch.note = branch.problem = None
        branch.due_at = moment + followed.pause(moment, moment)
    if deployment is not None:
        await dispatch_due(resources, deployment_id=deployment.id)


async def acting(engine: Engine, settings: PushToDeploy) -> Principal:
    """In whose name pushes are deployed. Raises ``Forbidden``."""
    try:
        return await act_as(
            engine.resources,
            user_id=settings.created_by,
            service_token_id=settings.service_token_id,
        )
    except Unauthenticated:
        raise _not_allowed() from None


async def project_of(
    session: AsyncSession, principal: Principal, settings: PushToDeploy
) -> Project:
    """The project, where the principal may deploy it still. Raises ``Forbidden``."""
    try:
        project = await store.get_project(session, principal.reach, settings.project_id)
        require(principal, Action.DEPLOYMENT_CREATE, project.organization_id)
    except (NotFound, Forbidden):
        raise _not_allowed() from None
    return project


def _not_allowed() -> Forbidden:
    return Forbidden(
        "In whose name pushes are deployed may not deploy this project any more.",
        remedy="Somebody who may switches it on again: `autodeploy push-to-deploy on`.",
    )


async def _hold(session: AsyncSession, followed: _Followed) -> WatchedBranch | None:
    """The branch, locked; None where it is not as it was when the look began."""
    branch = await session.scalar(
        select(WatchedBranch)
        .where(_unchanged(followed))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    current = await session.get(PushToDeploy, followed.settings.id)
    if current is None or current.updated_at != followed.settings.updated_at:
        return None
    return branch


async def _set(engine: Engine, followed: _Followed, values: dict[str, Any]) -> None:
    """Note what a look has shown, unless another has shown something since."""
    async with engine.resources.db.transaction() as session:
        await session.execute(update(WatchedBranch).where(_unchanged(followed)).values(values))


def _unchanged(followed: _Followed) -> Any:
    was = followed.branch
    return (
        (WatchedBranch.id == was.id)
        & WatchedBranch.head_sha.is_not_distinct_from(was.head_sha)
        & (WatchedBranch.environment == was.environment)
    )
