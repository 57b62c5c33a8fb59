"""Pushes to a repository that the platform's GitHub App reads, when nobody's account does."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import select
from tests.fakes.contract import require_contract
from tests.fakes.github_state import owner_id
from tests.services.deployer.platform import Platform
from tests.services.deployer.pushes.hub import FILES, Hub, hub_of

from autodeploy.services.analyzer.hosted_sources import resolve
from autodeploy.services.analyzer.hosts import open_host
from autodeploy.services.analyzer.models import Repository
from autodeploy.services.deployer.pushes.following import limit_of


@pytest.fixture
async def hub(platform: Platform) -> AsyncIterator[Hub]:
    require_contract("github")
    async with hub_of(platform, with_app=True) as hub:
        hub.repo.private = True
        hub.sources.fake.app.install("octo", hub.repo)
        yield hub


async def repository_of(hub: Hub) -> Repository:
    assert hub.project.repository is not None
    return await hub.sources.row(hub.project.repository.id)


async def test_a_push_is_deployed_and_told_after_the_person_has_disconnected(hub: Hub) -> None:
    await hub.switch_on(previews=True)
    await hub.follow()
    await hub.run()
    await hub.sources.disconnect()
    hub.sources.fake.tokens.clear()
    hub.repo.open_pull(7, FILES)
    sha = hub.push("second")
    await hub.deliver()
    assert set(hub.answers) == {204}
    await hub.follow(61)
    await hub.run()
    await hub.tell()
    [*_, newest] = await hub.deployments("production")
    assert (newest.commit_sha, newest.status) == (sha, "ready"), newest.error_message
    assert hub.repo.statuses[sha][0]["state"] == "success"
    assert [each["sha"] for each in hub.repo.deployments.values()].count(sha) == 1
    assert hub.repo.comments[7]
    assert len(hub.repo.hooks) == 1


async def test_a_webhook_is_restored_by_the_app(hub: Hub) -> None:
    await hub.switch_on()
    await hub.follow()
    await hub.sources.disconnect()
    hub.repo.hooks.clear()
    await hub.follow(30)
    assert len(hub.repo.hooks) == 1


async def test_a_token_that_expires_while_a_build_goes_on_ends_nothing(hub: Hub) -> None:
    await hub.switch_on()
    await hub.follow()  # the account proves it
    await hub.sources.disconnect()
    sha = hub.push("second")
    await hub.deliver()
    await hub.follow()
    build = hub.platform.provider.build
    lasting = timedelta(hours=2)

    async def slow(request, log):  # type: ignore[no-untyped-def]
        built = await build(request, log)
        hub.offset += lasting
        return built

    hub.platform.provider.build = slow  # type: ignore[method-assign]
    await hub.run()
    await hub.tell()
    [*_, newest] = await hub.deployments()
    assert (newest.commit_sha, newest.status) == (sha, "ready"), newest.error_message
    assert hub.repo.statuses[sha][0]["state"] == "success"
    assert len(hub.sources.fake.app.tokens) > 1


async def test_a_host_that_is_held_for_hours_renews_its_token(hub: Hub) -> None:
    await hub.switch_on()
    await hub.follow()
    row = await repository_of(hub)
    host = await open_host(hub.sources.resources, hub.sources.providers, row)
    assert host is not None
    assert host.installation_id is not None
    hub.offset += timedelta(hours=3)
    assert (await resolve(host, "main")).commit_sha == hub.repo.branches["main"]


async def test_an_app_that_is_uninstalled_with_nobody_connected_is_told(hub: Hub) -> None:
    await hub.switch_on()
    await hub.follow()
    await hub.sources.disconnect()
    [installed] = hub.sources.fake.app.installations.values()
    hub.sources.fake.app.uninstall(installed)
    await hub.follow(3600)
    branch = await hub.branch()
    assert "GitHub App" in (branch.problem or "")
    assert "autodeploy connections add github" in (branch.problem or "")
    hub.sources.fake.app.install("octo")
    sha = hub.push("second")
    await hub.follow(400)
    assert (await hub.commits())[-1] == sha
    assert (await hub.branch()).problem is None


async def test_calls_count_against_the_limit_of_the_installation(hub: Hub) -> None:
    await hub.switch_on()
    await hub.follow()
    await hub.follow(60)
    row = await repository_of(hub)
    assert row.github_owner_id == owner_id("octo")
    async with hub.platform.resources.db.transaction() as session:
        limit = await session.scalar(select(limit_of(Repository)).where(Repository.id == row.id))
    assert limit == str(row.github_installation_id)
