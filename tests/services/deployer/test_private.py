"""Private apps: where other projects find them, and where there are none."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select
from tests.services.deployer.hosted import connected_cloud
from tests.services.deployer.platform import Platform, answering
from tests.services.deployer.provider import Crash, crash_once

from autodeploy.services.auth.organization_events import OrganizationEvent
from autodeploy.services.deployer import costs, environments, projects
from autodeploy.services.deployer.deployments import roll_back
from autodeploy.services.deployer.runner import Runner
from autodeploy.services.deployer.schemas import EnvironmentView, ProjectView
from autodeploy.services.monitor.notifications.rendering import message_of

APP = {"server.py": "", "Procfile": "web: python3 server.py\n"}
PRIVATE = {"autodeploy.toml": "private = true\n"}
PUBLIC = {"autodeploy.toml": "private = false\n"}


@pytest.fixture(autouse=True)
async def healthy(platform: Platform) -> AsyncIterator[None]:
    async with answering(platform):
        yield


@pytest.fixture
async def stock(platform: Platform) -> ProjectView:
    """A project whose app is private, before its first deployment."""
    return await platform.project({**APP, **PRIVATE}, "stock")


async def _deployed_as(platform: Platform, project: ProjectView, said: dict[str, str]) -> str:
    """Deploy with another ``autodeploy.toml``; the id of what is live."""
    assert project.repository is not None
    await platform.upload(said, project.repository.id)
    view = await platform.deployed(project)
    assert view.status == "ready", view.error
    return str(view.id)


async def _shown(platform: Platform, project: ProjectView) -> EnvironmentView:
    listed = await environments.list_environments(
        platform.resources, platform.principal, project.id
    )
    found = await projects.get_project(platform.resources, platform.principal, project.id)
    assert found.environments == listed.items
    return listed.items[0]


async def test_address_for_other_apps_is_all_that_a_private_app_has(
    platform: Platform, stock: ProjectView
) -> None:
    view = await platform.deployed(stock)
    assert view.status == "ready", view.error
    environment = await _shown(platform, stock)
    assert (view.private, environment.private) == (True, True)
    assert view.url == environment.url == environment.local_url
    assert environment.url is not None
    assert environment.url.startswith("http://127.0.0.1:")


async def test_other_project_is_given_the_private_address(
    platform: Platform, stock: ProjectView
) -> None:
    view = await platform.deployed(stock)
    shop = await platform.project({**APP, **PUBLIC}, "shop")
    wired = {"environmentVariables": {"STOCK_URL": "${{ projects.stock.url }}/v1"}}
    assert (await platform.deployed(shop, configuration=wired)).status == "ready"
    assert platform.provider.environments["run"]["STOCK_URL"] == f"{view.url}/v1"


async def test_project_at_another_provider_is_not_given_what_it_cannot_reach(
    platform: Platform, stock: ProjectView
) -> None:
    assert (await platform.deployed(stock)).status == "ready"
    shop = await platform.project({**APP, **PUBLIC}, "shop")
    wired = {"environmentVariables": {"STOCK_URL": "${{ projects.stock.url }}"}}
    cloud = await connected_cloud(platform)
    refused = await platform.deployed(shop, provider="cloud", configuration=wired)
    assert refused.error is not None
    assert refused.error.code == "reference_unresolved"
    assert "it is at local, and this one is deployed to cloud" in refused.error.message
    assert cloud.apps.builds == []
    await _deployed_as(platform, stock, PUBLIC)
    assert (await platform.deployed(shop, provider="cloud")).status == "ready"


async def test_app_is_as_private_as_its_live_release(
    platform: Platform, stock: ProjectView
) -> None:
    private = await platform.deployed(stock)
    await _deployed_as(platform, stock, PUBLIC)
    public = await _shown(platform, stock)
    assert (public.private, public.url) == (False, "http://stock.localhost")
    back = await roll_back(platform.resources, platform.principal, private.id)
    await platform.runner.run(back.id)
    again = await _shown(platform, stock)
    assert (again.private, again.url) == (True, private.url)
    assert (await platform.view(back.id)).private


@pytest.mark.parametrize("moment", ["at", "after"])
async def test_worker_that_dies_while_an_app_becomes_private_leaves_it_to_the_next(
    platform: Platform, stock: ProjectView, moment: str
) -> None:
    await _deployed_as(platform, stock, PUBLIC)
    await platform.upload(PRIVATE, stock.repository.id if stock.repository else None)
    created = await platform.deploy(stock)
    getattr(platform.provider, moment)["promote"] = crash_once()
    with pytest.raises(Crash):
        await platform.runner.run(created.id)
    before = await _shown(platform, stock)
    assert (before.private, before.url) == (False, "http://stock.localhost")
    await platform.expire_lease(created.id)
    await Runner(platform.make_engine("second")).run(created.id)
    after = await _shown(platform, stock)
    assert (after.private, after.url) == (True, after.local_url)


async def test_messages_lead_nobody_to_a_private_address(
    platform: Platform, stock: ProjectView
) -> None:
    view = await platform.deployed(stock)
    async with platform.resources.db.transaction() as session:
        rows = await session.scalars(
            select(OrganizationEvent).where(OrganizationEvent.type == "deployment.ready")
        )
        [event] = rows.all()
    told = event.data["deployment"]
    assert (told["url"], told["private"]) == (view.url, True)
    assert view.url not in message_of(event, "https://deploy.example").details
    told["private"] = False
    assert view.url in message_of(event, "https://deploy.example").details
    row = await platform.row(view.id)
    assert (row.url, row.public_url) == (view.url, None)


async def test_it_is_charged_as_a_private_app_for_each_of_its_replicas(
    platform: Platform, stock: ProjectView
) -> None:
    assert stock.repository is not None
    await platform.upload({"autodeploy.toml": "private = true\nreplicas = 3"}, stock.repository.id)
    await platform.deployed(stock)
    found = await costs.get_costs(
        platform.resources, platform.principal, stock.id, providers=platform.engine.providers
    )
    assert [(item.name, item.quantity) for item in found.items] == [("private", 3)]


async def test_provider_without_private_apps_is_not_asked_to_build_one(
    platform: Platform, stock: ProjectView
) -> None:
    live = await platform.deployed(stock)
    cloud = await connected_cloud(platform)
    refused = await platform.deployed(stock, provider="cloud")
    assert refused.status == "error"
    assert refused.error is not None
    assert refused.error.code == "private_refused"
    assert refused.error.message == "A cloud has no private apps: everybody reaches what it serves."
    assert "(--provider): local" in (refused.error.remedy or "")
    assert cloud.apps.builds == []
    assert (await _shown(platform, stock)).live_deployment_id == live.id


async def test_site_that_is_said_to_be_private_is_not_served_at_all(platform: Platform) -> None:
    site = await platform.project({"index.html": "<h1>Hello</h1>", **PRIVATE}, "site")
    view = await platform.deployed(site)
    assert view.error is not None
    assert (view.status, view.error.code) == ("error", "private_refused")
    assert platform.provider.calls["build"] == 0
    assert platform.provider.releases() == set()
