"""Commits that were deployed in vain, by no fault of the app: they are deployed again, some time
later and not for ever.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.services.deployer.models import Deployment
from autodeploy.services.deployer.states import DeploymentStatus

#: The errors that were the platform's fault or a provider's, not the app's.
OUR_FAULT = frozenset(
    {"internal_error", "unavailable", "provider_unavailable", "provider_rate_limited"}
)

# Two hours in all: longer than a provider's limits last, and most of its outages.
_MOST_TIMES = 10
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=30), timedelta(minutes=30)


@dataclass(frozen=True)
class Failure:
    """That the newest deployment of a commit failed with ``code`` at ``ended_at``, and how many
    ``times`` that was not the app's fault, one after the other. ``instead`` is the commit that is
    deployed there, None where none is."""

    sha: str
    code: str
    ended_at: datetime
    times: int
    instead: str | None

    @property
    def again_at(self) -> datetime | None:
        """When it is deployed again; None where it is not."""
        if not 0 < self.times < _MOST_TIMES:
            return None
        pause: timedelta = _FIRST_PAUSE * 2 ** (self.times - 1)
        return self.ended_at + min(pause, _LONGEST_PAUSE)

    @property
    def note(self) -> str:
        """What becomes of it, for people."""
        failed = f"The deployment of {self.sha[:12]} failed: {self.code}."
        if self.again_at is not None:
            return f"{failed} It is tried again."
        if self.times:
            return (
                f"{failed} After {self.times} times it is not tried again by itself: "
                "`autodeploy deploy` does."
            )
        return failed

    def is_due(self, moment: datetime) -> bool:
        """Whether it is to be deployed again by now."""
        return self.again_at is not None and self.again_at <= moment


async def find_failure(
    session: AsyncSession, project_id: UUID, environment: str, sha: str | None
) -> Failure | None:
    """How the newest deployment of an environment failed, where that is of the commit and no
    earlier one of it is there."""
    if sha is None:
        return None
    newest = await session.execute(
        select(
            Deployment.commit_sha,
            Deployment.status,
            Deployment.error_code,
            Deployment.completed_at,
            Deployment.created_at,
        )
        .where(Deployment.project_id == project_id, Deployment.environment == environment)
        .order_by(Deployment.created_at.desc())
        .limit(_MOST_TIMES)
    )
    failed = list(
        takewhile(
            lambda row: row.commit_sha == sha and row.status == DeploymentStatus.ERROR, newest
        )
    )
    if not failed:
        return None
    instead = await deployed_commit(session, project_id, environment)
    if instead == sha:
        return None
    last = failed[0]
    return Failure(
        sha=sha,
        code=last.error_code or "internal_error",
        ended_at=last.completed_at or last.created_at,
        times=sum(1 for _ in takewhile(lambda row: row.error_code in OUR_FAULT, failed)),
        instead=instead,
    )


async def is_due_again(
    session: AsyncSession, project_id: UUID, environment: str, sha: str | None, moment: datetime
) -> bool:
    """Whether a commit has failed in an environment and is to be deployed there again by now."""
    failure = await find_failure(session, project_id, environment, sha)
    return failure is not None and failure.is_due(moment)


async def deployed_commit(session: AsyncSession, project_id: UUID, environment: str) -> str | None:
    """The commit of the newest deployment to an environment that did not fail."""
    commit: str | None = await session.scalar(
        select(Deployment.commit_sha)
        .where(
            Deployment.project_id == project_id,
            Deployment.environment == environment,
            Deployment.status.not_in([DeploymentStatus.ERROR, DeploymentStatus.CANCELLED]),
        )
        .order_by(Deployment.created_at.desc())
        .limit(1)
    )
    return commit
