"""What GitHub is told of deployments: a status of the commit, and a deployment with statuses.

What was told last stands beside what is to be told, so nothing is lost, and only the present is
told: a state that lasted too short for it is left out. No deployment waits for it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, case, exists, select, update
from sqlalchemy.orm import aliased

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

_IN_PROGRESS = "in_progress"
_ROLLED_BACK = "rolled_back"
_LONGEST_PAUSE = timedelta(hours=1)
_GIVEN_UP_AFTER = timedelta(days=1)
# What GitHub has understood and does not do: it would not the next time either.
_FINAL = (ProviderRefused, NotFound)
# What was the platform's fault or a provider's, not the app's.
_OUR_FAULT = {"internal_error", "unavailable", "provider_unavailable", "provider_rate_limited"}


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
            DeploymentReport.told.is_distinct_from(_word()),
            Repository.kind == "github",
        )
    )


def _word() -> ColumnElement[str]:
    running = Deployment.status.in_([DeploymentStatus.BUILDING, DeploymentStatus.DEPLOYING])
    return case(
        (DeploymentReport.retired, RETIRED),
        (Deployment.rolled_back_at.is_not(None), _ROLLED_BACK),
        (running, _IN_PROGRESS),
        else_=Deployment.status,
    )


async def _tell(engine: Engine, each: _Due) -> None:
    reports = (await host_of(engine, each.repository)).reports
    external_id = each.report.external_id
    if external_id is None:
        external_id = (await reports.ensure_deployment(_wanted(each))).id
        await _note(engine, each, external_id=external_id)
    await _tell_now(engine, each, reports, external_id)
    await _note(engine, each, told=each.word, settled=each.is_last, failures=0, note=None)


@fault_point("pushes.tell_deployment")
async def _tell_now(engine: Engine, each: _Due, reports: Reports, external_id: int) -> None:
    words, deployment = _WORDS[each.word], each.deployment
    log_url = f"{engine.resources.public_url}/api/v1/deployments/{deployment.id}"
    failed = each.word == "error"
    ours = failed and deployment.error_code in _OUR_FAULT
    # The message of an error is for members: whoever may see the repository sees this.
    text = f"{words.text}: {deployment.error_code}" if failed else words.text
    url = deployment.public_url if each.word == "ready" else None
    await reports.set_deployment_status(
        external_id,
        DeploymentState.ERROR if ours else words.deployment,
        description=text,
        log_url=log_url,
        environment_url=url,
    )
    if each.word != RETIRED and await _is_newest(engine, deployment):
        await reports.set_commit_status(
            deployment.commit_sha,
            CommitState.ERROR if ours else words.commit,
            context=f"{CONTEXT}{each.place}",
            description=text,
            target_url=url or log_url,
        )


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
