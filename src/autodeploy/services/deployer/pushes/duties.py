"""What workers do for push to deploy, over and over, and at once when GitHub has called."""

from collections.abc import Callable
from datetime import datetime

from autodeploy.kernel.clock import now
from autodeploy.services.deployer.engine import Engine
from autodeploy.services.deployer.pushes.branches import look_at_branches
from autodeploy.services.deployer.pushes.comments import tell_pull_requests
from autodeploy.services.deployer.pushes.deliveries import handle_deliveries
from autodeploy.services.deployer.pushes.previews import list_pulls, look_at_previews
from autodeploy.services.deployer.pushes.reports import tell_deployments
from autodeploy.services.deployer.pushes.webhooks import keep_webhooks

Clock = Callable[[], datetime]


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
