"""Branches that were renamed at GitHub: they go on being followed by what they are called now."""

from datetime import datetime

import structlog
from sqlalchemy import select

from autodeploy.kernel.git.errors import RefNotFound
from autodeploy.services.auth import audit
from autodeploy.services.auth.permissions import Action
from autodeploy.services.deployer.engine import Engine
from autodeploy.services.deployer.models import Project
from autodeploy.services.deployer.pushes.models import PushToDeploy, WatchedBranch

_log = structlog.get_logger(__name__)


async def follow_renamed(
    engine: Engine, settings: PushToDeploy, branch: WatchedBranch, name: str, moment: datetime
) -> None:
    """Have a branch followed by its new name, unless somebody has changed what is followed.

    Raises ``RefNotFound`` where the project follows a branch of that name already, for another
    environment: which of the two is meant is its owner's to say.
    """
    async with engine.resources.db.transaction() as session:
        # As whoever changes the settings does, so that nobody adds the same name meanwhile.
        await session.get(Project, settings.project_id, with_for_update=True)
        row = await session.scalar(
            select(WatchedBranch)
            .where(WatchedBranch.id == branch.id, WatchedBranch.branch == branch.branch)
            .with_for_update()
        )
        if row is None:
            return
        other = await session.scalar(
            select(WatchedBranch.environment).where(
                WatchedBranch.push_to_deploy_id == settings.id, WatchedBranch.branch == name
            )
        )
        if other is not None:
            raise RefNotFound(
                f"The branch {branch.branch} is called {name} now, which is deployed to {other}.",
                field="branch",
                remedy=f"Use {name} in its place, or leave it out "
                "(`autodeploy push-to-deploy on --branch`).",
            )
        before = audit.snapshot(row)
        row.branch, row.active_at = name, moment
        row.note = f"{branch.branch} was renamed to {name} at GitHub, and is followed by that name."
        await session.flush()
        await audit.record(
            session, audit.SYSTEM, Action.PROJECT_UPDATE, row, before=before,
            after=audit.snapshot(row),
        )  # fmt: skip
    _log.info("pushes.branch_renamed", branch_id=str(branch.id))
