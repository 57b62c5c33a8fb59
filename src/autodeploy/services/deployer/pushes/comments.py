"""The one comment on a pull request that says where its preview is, and how it fares."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, select, update

from autodeploy.kernel.faults import fault_point
from autodeploy.kernel.questions import Moment
from autodeploy.services.analyzer.models import Repository
from autodeploy.services.deployer.engine import Engine
from autodeploy.services.deployer.models import Deployment, Project
from autodeploy.services.deployer.pushes.following import (
    MOST_AT_A_PASS,
    for_each,
    host_of,
    retry_after,
)
from autodeploy.services.deployer.pushes.models import Preview
from autodeploy.services.deployer.states import DeploymentStatus

_STATES = {
    DeploymentStatus.QUEUED: "Waits for its turn",
    DeploymentStatus.BUILDING: "Is being deployed",
    DeploymentStatus.DEPLOYING: "Is being deployed",
    DeploymentStatus.READY: "Is live",
    DeploymentStatus.ERROR: "Failed",
    DeploymentStatus.CANCELLED: "Was cancelled",
}
_CLOSED = "The preview was taken down."
# All that are open are compared over and over: there is nothing to say of most.
_MOST_COMPARED = 5 * MOST_AT_A_PASS


@dataclass(frozen=True)
class _Commented:
    preview: Preview
    project: Project
    repository: Repository
    deployment: Deployment | None

    @property
    def text(self) -> str | None:
        """What the comment is to say; None where there is nothing to say yet."""
        preview, deployment = self.preview, self.deployment
        if preview.closed_at is not None:
            return _CLOSED if preview.told else None
        if preview.head_sha is None:
            return None
        if preview.is_fork and preview.approved_sha != preview.head_sha:
            return (
                f"{_of(preview.head_sha)} comes from a fork. It is built once a member of the "
                f"project approves it: `autodeploy previews approve {preview.number} --project "
                f"{self.project.slug}`."
            )
        if deployment is None:
            return None
        where = deployment.public_url if deployment.status == DeploymentStatus.READY else None
        failed = f": `{deployment.error_code}`" if deployment.error_code else ""
        state = f"{_STATES[deployment.status]}{failed}"
        return (
            "| Commit | State | Preview |\n|---|---|---|\n"
            f"| {_of(deployment.commit_sha)} | {state} | {where or '-'} |"
        )


def has_due_comments(moment: Moment) -> ColumnElement[bool]:
    """Whether there are comments to compare with what they are to say."""
    return exists(select(Preview.id).where(_is_due(moment)))


async def tell_pull_requests(engine: Engine, moment: datetime) -> None:
    """Keep the comments up to date. Nothing waits for it; what fails is tried again."""
    async with engine.resources.db.transaction() as session:
        rows = await session.execute(
            select(Preview, Project, Repository, Deployment)
            .join(Project, Project.id == Preview.project_id)
            .join(Repository, Repository.id == Project.repository_id)
            .outerjoin(Deployment, Deployment.id == Preview.deployment_id)
            .where(_is_due(moment))
            .order_by(Preview.telling_at, Preview.number)
            .limit(_MOST_COMPARED)
        )
        found = [_Commented(*row) for row in rows]
        if len(found) == _MOST_COMPARED:  # there may be more, whose turn is next
            seen = [each.preview.id for each in found]
            await session.execute(
                update(Preview).where(Preview.id.in_(seen)).values(telling_at=moment)
            )

    async def fail(each: _Commented, error: Exception) -> None:
        await _set(engine, each, telling_at=moment + retry_after(error))

    changed = [each for each in found if each.text not in (None, each.preview.told)]
    await for_each(changed, lambda each: _tell(engine, each), fail)


def _is_due(moment: Moment) -> ColumnElement[bool]:
    is_open = Preview.closed_at.is_(None) | (Preview.told != _CLOSED)
    return and_(Preview.telling_at <= moment, is_open)


async def _tell(engine: Engine, each: _Commented) -> None:
    text = each.text
    assert text is not None
    await _comment(engine, each, text)
    await _set(engine, each, told=text)


@fault_point("pushes.comment")
async def _comment(engine: Engine, each: _Commented, text: str) -> None:
    reports = (await host_of(engine, each.repository)).reports
    marker = f"<!-- autodeploy:{each.project.id} -->"
    await reports.upsert_comment(each.preview.number, marker=marker, body=text)


async def _set(engine: Engine, each: _Commented, **values: object) -> None:
    async with engine.resources.db.transaction() as session:
        await session.execute(update(Preview).where(Preview.id == each.preview.id).values(values))


def _of(sha: str) -> str:
    return f"`{sha[:12]}`"
