"""Which builds stay, so that they can be brought back, and the removal of the others.

Of each environment stay the builds of the latest releases, of every release that went live lately,
and of what is live or under way. Nothing is removed because of what another environment does: a
build that several use stays as long as one of them keeps it.
"""

from datetime import timedelta

import structlog
from sqlalchemy import ColumnElement, exists, func, or_, select, update
from sqlalchemy.orm import aliased

from autodeploy.kernel.clock import now
from autodeploy.kernel.resources import Resources
from autodeploy.services.deployer.models import Deployment, Environment
from autodeploy.services.deployer.states import TERMINAL, DeploymentStatus
from autodeploy.services.deployer.unnamed import YOUNG, list_unnamed

LATEST_RELEASES = 5
KEPT_FOR = timedelta(days=30)
ARTIFACTS = "artifacts"

_log = structlog.get_logger(__name__)


async def remove_old_builds(resources: Resources) -> int:
    """One pass: remove the builds that no deployment names, then have deployments that are past
    keeping name theirs no longer. Idempotent; returns how many builds were removed.

    In this order, a build that a deployment chose just before is there until the next pass, and by
    then that deployment names it.
    """
    removed = 0
    async for key in list_unnamed(resources, ARTIFACTS, Deployment.artifact_key):
        await resources.objects.delete(key)
        removed += 1
    if removed:
        _log.info("builds.removed", count=removed)
    await _let_go(resources)
    return removed


async def _let_go(resources: Resources) -> None:
    keeper = aliased(Deployment)
    is_kept = exists(
        select(keeper.id).where(keeper.artifact_key == Deployment.artifact_key, _keeps(keeper))
    )
    async with resources.db.transaction() as session:
        await session.execute(
            update(Deployment)
            .where(Deployment.artifact_key.is_not(None), ~is_kept)
            .values(artifact_key=None)
        )


def _keeps(deployment: type[Deployment]) -> ColumnElement[bool]:
    """Whether a deployment is one whose build stays."""
    live = exists(select(Environment.id).where(Environment.live_deployment_id == deployment.id))
    later = aliased(Deployment)
    later_releases = (
        select(func.count(later.id))
        .where(
            later.project_id == deployment.project_id,
            later.environment == deployment.environment,
            later.status == DeploymentStatus.READY,
            later.promoted_at > deployment.promoted_at,
        )
        .scalar_subquery()
    )
    return or_(
        deployment.status.not_in(TERMINAL),
        deployment.created_at > now() - YOUNG,
        deployment.promoted_at > now() - KEPT_FOR,
        live,
        (deployment.status == DeploymentStatus.READY) & (later_releases < LATEST_RELEASES),
    )
