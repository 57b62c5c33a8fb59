"""What workers do for push to deploy, over and over, and at once when GitHub has called."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import ColumnElement, or_

from autodeploy.kernel.clock import now
from autodeploy.kernel.questions import Moment
from autodeploy.services.deployer.engine import Engine
from autodeploy.services.deployer.pushes.branches import has_due_branches, look_at_branches
from autodeploy.services.deployer.pushes.comments import has_due_comments, tell_pull_requests
from autodeploy.services.deployer.pushes.deliveries import handle_deliveries, is_called
from autodeploy.services.deployer.pushes.open_pulls import list_pulls
from autodeploy.services.deployer.pushes.previews import (
    has_due_previews,
    look_at_previews,
)
from autodeploy.services.deployer.pushes.reports import has_due_reports, tell_deployments
from autodeploy.services.deployer.pushes.webhooks import has_due_webhooks, keep_webhooks

Clock = Callable[[], datetime]


def has_something_to_follow(moment: Moment) -> ColumnElement[bool]:
    """Whether ``follow_github`` would find anything."""
    return or_(
        is_called(), has_due_branches(moment), has_due_previews(moment), has_due_webhooks(moment)
    )


def has_something_to_tell(moment: Moment) -> ColumnElement[bool]:
    """Whether ``tell_github`` would find anything."""
    return or_(has_due_reports(moment), has_due_comments(moment))


async def follow_github(engine: Engine, *, clock: Clock = now) -> None:
    """One pass: what was pushed, or opened and closed, is deployed or taken down."""
    await handle_deliveries(engine.resources, clock())
    await look_at_branches(engine, clock())
    await list_pulls(engine, clock())
    await look_at_previews(engine, clock())
    await keep_webhooks(engine, clock())


async def tell_github(engine: Engine, *, clock: Clock = now) -> None:
    """One pass: what has become of deployments is told where they came from."""
    await tell_deployments(engine, clock())
    await tell_pull_requests(engine, clock())
