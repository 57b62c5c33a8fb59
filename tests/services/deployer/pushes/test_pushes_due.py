"""What is asked before GitHub is followed or told: it holds whenever there is anything to do."""

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import ColumnElement, update
from tests.services.deployer.pushes.hub import Hub

from autodeploy.kernel.questions import ASKED_AT, Moment, Question
from autodeploy.services.deployer.pushes import service
from autodeploy.services.deployer.pushes.branches import has_due_branches
from autodeploy.services.deployer.pushes.comments import has_due_comments
from autodeploy.services.deployer.pushes.duties import (
    has_something_to_follow,
    has_something_to_tell,
)
from autodeploy.services.deployer.pushes.models import GitHubWebhook, WatchedBranch
from autodeploy.services.deployer.pushes.previews import has_due_previews
from autodeploy.services.deployer.pushes.reports import has_due_reports
from autodeploy.services.deployer.pushes.webhooks import has_due_webhooks
from autodeploy.services.deployer.reconciler import Reconciler


async def _holds(
    hub: Hub, condition: Callable[[Moment], ColumnElement[bool]], *, in_seconds: float = 0
) -> bool:
    """Whether it holds then, and with it what is asked for all that is followed or told."""
    telling = condition in (has_due_reports, has_due_comments)
    all_of_it = has_something_to_tell if telling else has_something_to_follow
    db, moment = hub.platform.resources.db, hub.clock() + timedelta(seconds=in_seconds)
    holds = await Question(condition(ASKED_AT)).holds(db, moment)
    assert not holds or await Question(all_of_it(ASKED_AT)).holds(db, moment)
    return holds


async def test_a_branch_is_due_at_once_and_again_after_its_pause(hub: Hub) -> None:
    await hub.switch_on()
    assert await _holds(hub, has_due_branches)
    await hub.follow()
    assert not await _holds(hub, has_due_branches)
    assert await _holds(hub, has_due_branches, in_seconds=6)


async def test_pull_requests_are_listed_at_once_and_again_after_a_minute(hub: Hub) -> None:
    await hub.switch_on(previews=True)
    assert await _holds(hub, has_due_previews)
    await hub.follow()
    assert not await _holds(hub, has_due_previews, in_seconds=50)
    assert await _holds(hub, has_due_previews, in_seconds=61)


async def test_a_preview_that_nobody_wants_any_more_is_due_until_it_is_closed(hub: Hub) -> None:
    await hub.switch_on(previews=True)
    hub.repo.open_pull(7, {"index.html": b"new"}, branch="new")
    await hub.follow()
    assert not await _holds(hub, has_due_previews)
    await hub.switch_on(previews=False)
    async with hub.platform.resources.db.transaction() as session:
        for other in (WatchedBranch, GitHubWebhook):
            await session.execute(update(other).values(due_at=hub.clock() + timedelta(days=1)))
    assert await _holds(hub, has_due_previews)
    await hub.follow()
    assert not await _holds(hub, has_due_previews)


async def test_a_webhook_is_due_until_it_is_there_and_again_after_half_a_minute(hub: Hub) -> None:
    assert not await _holds(hub, has_due_webhooks)
    await hub.switch_on()
    assert await _holds(hub, has_due_webhooks)
    await hub.follow()
    assert not await _holds(hub, has_due_webhooks, in_seconds=20)
    assert await _holds(hub, has_due_webhooks, in_seconds=30)
    await service.switch_off(hub.platform.resources, hub.platform.principal, hub.project.id)
    assert await _holds(hub, has_due_webhooks)
    await hub.follow()
    assert not await _holds(hub, has_due_webhooks, in_seconds=3600)


async def test_a_deployment_is_due_to_be_told_after_each_change_alone(hub: Hub) -> None:
    await hub.switch_on()
    await hub.follow()
    [deployment] = await hub.deployments()
    for status in ("queued", "building", "ready"):
        if status != "queued":
            await hub.end(deployment.id, status, url="https://site.example.com")
        assert await _holds(hub, has_due_reports)
        await hub.tell()
        assert not await _holds(hub, has_due_reports, in_seconds=3600)


async def test_a_comment_is_compared_until_it_says_that_the_preview_is_gone(hub: Hub) -> None:
    await hub.switch_on(previews=True)
    hub.repo.open_pull(7, {"index.html": b"new"}, branch="new")
    assert not await _holds(hub, has_due_comments)
    await hub.follow()
    assert await _holds(hub, has_due_comments)
    await hub.tell()
    assert not await _holds(hub, has_due_reports)
    assert await _holds(hub, has_due_comments), "it may be told something new at any time"
    await hub.switch_on(previews=False)
    await hub.follow()
    assert await _holds(hub, has_due_comments)
    await hub.tell()
    assert not await _holds(hub, has_due_comments, in_seconds=3600)


async def test_a_worker_tells_what_is_due(hub: Hub) -> None:
    await hub.switch_on()
    await hub.follow()
    await Reconciler(hub.platform.engine).run_once()
    assert len(hub.repo.deployments) == 1
