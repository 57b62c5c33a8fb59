"""Which builds stay, so that they can be brought back, and the removal of the others.

Of each environment stay the builds of the latest releases, of every release that went live lately,
and of what is live or under way. Nothing is removed because of what another environment does: a
build that several use stays as long as one of them keeps it.
"""

from collections.abc import Collection
from datetime import timedelta

import structlog
from sqlalchemy import ColumnElement, exists, func, or_, select, update
from sqlalchemy.orm import aliased

from autodeploy.kernel.clock import now
from autodeploy.kernel.resources import Resources
from autodeploy.services.deployer.models import Deployment, Environment
from autodeploy.services.deployer.states import TERMINAL, DeploymentStatus

LATEST_RELEASES = 5
KEPT_FOR = timedelta(days=30)
# What is built or chosen at this moment may not be in a row yet.
YOUNG = timedelta(days=1)
ARTIFACTS = "artifacts"
_BATCH = 500

_log = structlog.get_logger(__name__)


async def remove_old_builds(resources: Resources) -> int:
    """One pass: remove the builds that no deployment names, then have deployments that are past
    keeping name theirs no longer. Idempotent; returns how many builds were removed.

    In this order, a build that a deployment chose just before is there until the next pass, and by
    then that deployment names it.
    """
    oldest = now() - YOUNG
    keys = [
        stored.key
        async for stored in resources.objects.list(ARTIFACTS)
        if stored.modified_at < oldest
    ]
    removed = 0
    for start in range(0, len(keys), _BATCH):
        for key in await _unnamed(resources, keys[start : start + _BATCH]):
            await resources.objects.delete(key)
            removed += 1
    if removed:
        _log.info("builds.removed", count=removed)
    await _let_go(resources)
    return removed


async def _unnamed(resources: Resources, keys: Collection[str]) -> set[str]:
    """Those of the builds that no deployment names."""
    async with resources.db.transaction() as session:
        named = await session.scalars(
            select(Deployment.artifact_key).where(Deployment.artifact_key.in_(keys)).distinct()
        )
        return set(keys) - set(named)


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
