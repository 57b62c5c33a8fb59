"""What GitHub is told of deployments: a status of the commit, and a deployment with statuses.

What was told last stands beside what is to be told, so nothing is lost, and only the present is
told: a state that lasted too short for it is left out. No deployment waits for it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, exists, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, aliased

from autodeploy.kernel.errors import NotFound
from autodeploy.kernel.faults import fault_point
from autodeploy.kernel.http.errors import ProviderRefused
from autodeploy.kernel.questions import Moment
from autodeploy.providers.github.reports import CommitState, NewDeployment, Reports
from autodeploy.providers.github.shapes import DeploymentState
from autodeploy.services.analyzer.models import Repository
from autodeploy.services.deployer.engine import Engine
from autodeploy.services.deployer.models import Deployment, Project
from autodeploy.services.deployer.naming import PRODUCTION
from autodeploy.services.deployer.pushes.debts import RETIRED
from autodeploy.services.deployer.pushes.failures import OUR_FAULT
from autodeploy.services.deployer.pushes.following import (
    MOST_AT_A_PASS,
    Query,
    for_each,
    host_of,
    note_of,
    retry_after,
)
from autodeploy.services.deployer.pushes.models import DeploymentReport
from autodeploy.services.deployer.states import TERMINAL, DeploymentStatus

#: What the names of our statuses of commits begin with.
CONTEXT = "autodeploy/"

# What stands for a word where GitHub has understood one and takes none.
_REFUSED = "refused"
_IN_PROGRESS = "in_progress"
_ROLLED_BACK = "rolled_back"
_LONGEST_PAUSE = timedelta(hours=1)
_GIVEN_UP_AFTER = timedelta(days=1)
# What GitHub has understood and does not do: it would not the next time either.
_FINAL = (ProviderRefused, NotFound)


@dataclass(frozen=True)
class _Words:
    """What a state is called: of a deployment at GitHub, of a commit, and for people."""

    deployment: DeploymentState
    commit: CommitState
    text: str


_WORDS = {
    "queued": _Words(DeploymentState.QUEUED, CommitState.PENDING, "Waits for its turn"),
    _IN_PROGRESS: _Words(DeploymentState.IN_PROGRESS, CommitState.PENDING, "Is being deployed"),
    "ready": _Words(DeploymentState.SUCCESS, CommitState.SUCCESS, "Is live"),
    _ROLLED_BACK: _Words(DeploymentState.INACTIVE, CommitState.FAILURE, "Was rolled back"),
    "error": _Words(DeploymentState.FAILURE, CommitState.FAILURE, "Failed"),
    "cancelled": _Words(DeploymentState.INACTIVE, CommitState.ERROR, "Was cancelled"),
    RETIRED: _Words(DeploymentState.INACTIVE, CommitState.ERROR, "Was taken down"),
}


@dataclass(frozen=True)
class _Due:
    report: DeploymentReport
    deployment: Deployment
    project: Project
    repository: Repository
    word: str

    @property
    def place(self) -> str:
        """The environment as GitHub knows it: projects may share a repository."""
        return f"{self.project.slug}/{self.deployment.environment}"

    @property
    def is_our_fault(self) -> bool:
        return self.word == "error" and self.deployment.error_code in OUR_FAULT

    @property
    def text(self) -> str:
        """The message of an error is for members: whoever may see the repository sees this."""
        text = _WORDS[self.word].text
        return f"{text}: {self.deployment.error_code}" if self.word == "error" else text

    @property
    def url(self) -> str | None:
        return self.deployment.public_url if self.word == "ready" else None

    @property
    def is_refused(self) -> bool:
        return _REFUSED in (self.report.told, self.report.commit_told)

    @property
    def is_last(self) -> bool:
        return self.word == RETIRED or self.deployment.status in TERMINAL


def has_due_reports(moment: Moment) -> ColumnElement[bool]:
    """Whether there are deployments to tell GitHub of."""
    return exists(_due(select(DeploymentReport.deployment_id), moment))


async def tell_deployments(engine: Engine, moment: datetime) -> None:
    """Tell GitHub what has become of deployments since it was told last."""
    async with engine.resources.db.transaction() as session:
        rows = await session.execute(
            _due(select(DeploymentReport, Deployment, Project, Repository, _word()), moment)
            .order_by(Deployment.created_at)
            .limit(MOST_AT_A_PASS)
        )
        due = [_Due(*row) for row in rows]

    async def fail(each: _Due, error: Exception) -> None:
        failures = each.report.failures + 1
        pause = min(retry_after(error) * 2 ** min(failures - 1, 10), _LONGEST_PAUSE)
        old = moment - each.report.created_at > _GIVEN_UP_AFTER
        await _note(
            engine,
            each,
            failures=failures,
            note=note_of(error),
            due_at=moment + pause,
            settled=old or isinstance(error, _FINAL),
        )

    await for_each(due, lambda each: _tell(engine, each), fail)


def _due(statement: Query, moment: Moment) -> Query:
    return (
        statement.join(Deployment, Deployment.id == DeploymentReport.deployment_id)
        .join(Project, Project.id == Deployment.project_id)
        .join(Repository, Repository.id == Deployment.repository_id)
        .where(
            ~DeploymentReport.settled,
            DeploymentReport.due_at <= moment,
            or_(_is_owed(DeploymentReport.told), _is_owed(DeploymentReport.commit_told)),
            Repository.kind == "github",
        )
    )


def _is_owed(told: InstrumentedAttribute[str | None]) -> ColumnElement[bool]:
    return and_(told.is_distinct_from(_word()), told.is_distinct_from(_REFUSED))


def _word() -> ColumnElement[str]:
    running = Deployment.status.in_([DeploymentStatus.BUILDING, DeploymentStatus.DEPLOYING])
    return case(
        (DeploymentReport.retired, RETIRED),
        (Deployment.rolled_back_at.is_not(None), _ROLLED_BACK),
        (running, _IN_PROGRESS),
        else_=Deployment.status,
    )


async def _tell(engine: Engine, each: _Due) -> None:
    """Tell both, whatever becomes of the other. Raises what the first of them raised."""
    reports = (await host_of(engine, each.repository)).reports
    told = await asyncio.gather(
        _tell_one(engine, each, "told", lambda: _tell_deployment(engine, each, reports)),
        _tell_one(engine, each, "commit_told", lambda: _tell_commit(engine, each, reports)),
        return_exceptions=True,
    )
    for outcome in told:
        if isinstance(outcome, BaseException):
            raise outcome
    refusals = [each for each in told if isinstance(each, str)]
    note = refusals[0] if refusals else each.report.note if each.is_refused else None
    await _note(engine, each, settled=each.is_last, failures=0, note=note)


async def _tell_one(
    engine: Engine, each: _Due, column: str, tell: Callable[[], Awaitable[None]]
) -> str | None:
    """Tell the present word where it is owed, and note that; why GitHub takes none, where it does
    not."""
    if getattr(each.report, column) in (each.word, _REFUSED):
        return None
    try:
        await tell()
    except _FINAL as error:
        await _note(engine, each, **{column: _REFUSED})
        return note_of(error)
    await _note(engine, each, **{column: each.word})
    return None


@fault_point("pushes.tell_deployment")
async def _tell_deployment(engine: Engine, each: _Due, reports: Reports) -> None:
    external_id = each.report.external_id
    if external_id is None:
        external_id = (await reports.ensure_deployment(_wanted(each))).id
        await _note(engine, each, external_id=external_id)
    await reports.set_deployment_status(
        external_id,
        DeploymentState.ERROR if each.is_our_fault else _WORDS[each.word].deployment,
        description=each.text,
        log_url=_log_url(engine, each),
        environment_url=each.url,
    )


@fault_point("pushes.tell_commit")
async def _tell_commit(engine: Engine, each: _Due, reports: Reports) -> None:
    if each.word == RETIRED or not await _is_newest(engine, each.deployment):
        return
    await reports.set_commit_status(
        each.deployment.commit_sha,
        CommitState.ERROR if each.is_our_fault else _WORDS[each.word].commit,
        context=f"{CONTEXT}{each.place}",
        description=each.text,
        target_url=each.url or _log_url(engine, each),
    )


def _log_url(engine: Engine, each: _Due) -> str:
    return f"{engine.resources.public_url}/api/v1/deployments/{each.deployment.id}"


def _wanted(each: _Due) -> NewDeployment:
    production = each.deployment.environment == PRODUCTION
    return NewDeployment(
        deployment_id=str(each.deployment.id),
        sha=each.deployment.commit_sha,
        environment=each.place,
        production=production,
        transient=(each.deployment.trigger or {}).get("type") == "pullRequest",
    )


async def _is_newest(engine: Engine, deployment: Deployment) -> bool:
    """Whether no later deployment of this commit to this environment has the word of its status."""
    later = aliased(Deployment)
    newer = exists().where(
        later.project_id == deployment.project_id,
        later.environment == deployment.environment,
        later.commit_sha == deployment.commit_sha,
        later.created_at > deployment.created_at,
    )
    async with engine.resources.db.transaction() as session:
        return not await session.scalar(select(newer))


async def _note(engine: Engine, each: _Due, **values: Any) -> None:
    async with engine.resources.db.transaction() as session:
        await session.execute(
            update(DeploymentReport)
            .where(
                DeploymentReport.deployment_id == each.deployment.id,
                DeploymentReport.retired == each.report.retired,
            )
            .values(values)
        )
