"""The traffic at providers elsewhere, when a deployment that has moved it does not end well."""

import asyncio
from dataclasses import replace

import pytest
from tests.services.deployer.hosted import HostedApps
from tests.services.deployer.platform import Platform, eventually
from tests.services.deployer.provider import Crash, crash_once, fail_with
from tests.services.deployer.test_hosting import Clouds, clouds

from autodeploy.kernel.errors import DeploymentFailed
from autodeploy.providers.base import KeptLog, Release, ReleaseRequest
from autodeploy.services.deployer import deployments
from autodeploy.services.deployer.deployment_schemas import DeploymentView
from autodeploy.services.deployer.releases import release_of
from autodeploy.services.deployer.runner import MAX_RECOVERIES
from autodeploy.services.deployer.schemas import ProjectView
from autodeploy.services.deployer.states import StepName

__all__ = ["clouds"]


class SwitchingApps(HostedApps):
    """A release has the traffic when it is deployed."""

    async def deploy(self, request: ReleaseRequest, log: KeptLog) -> Release:
        release = await super().deploy(request, log)
        self._lead(request)
        return release

    async def promote(self, request: ReleaseRequest, release: Release):
        assert self.traffic(request.app.number) == str(release.deployment_id)
        return await super().promote(request, release)

    async def bring_back(self, request: ReleaseRequest, release: Release, log: KeptLog) -> Release:
        await self._call("bring_back")
        if self.traffic(request.app.number) == str(release.deployment_id):
            return release
        self._lead(request)
        await self._effect("bring_back")
        return replace(release, resources={**release.resources, "again": "yes"})

    def _lead(self, request: ReleaseRequest) -> None:
        file = self.machine / "traffic" / str(request.app.number)
        file.write_text(str(request.deployment_id))


@pytest.fixture
async def switching(clouds: Clouds) -> Clouds:
    """The cloud cannot tell a release from its traffic."""
    resources = clouds.platform.resources
    clouds.cloud.apps = SwitchingApps(resources.home / "cloud", resources.objects)
    await clouds.connect()
    return clouds


async def _traffic(clouds: Clouds, project: ProjectView) -> str | None:
    return clouds.cloud.apps.traffic((await clouds.platform.environment(project)).number)


async def _two(clouds: Clouds) -> tuple[ProjectView, DeploymentView, DeploymentView]:
    """One that is live, and the next, which is not run yet."""
    project = await clouds.platform.project()
    first = await clouds.platform.deployed(project, provider="cloud")
    assert first.status == "ready"
    return project, first, await clouds.platform.deploy(project, build="always")


async def _is_first(clouds: Clouds, project: ProjectView, first: DeploymentView) -> None:
    """The first is live, by our book and at the provider."""
    environment = await clouds.platform.environment(project)
    assert environment.live_deployment_id == first.id
    assert await _traffic(clouds, project) == str(first.id)


def _crashing(platform: Platform, clouds: Clouds) -> None:
    """What is asked for from here on has crashed."""
    clouds.cloud.apps.at["status"] = lambda: setattr(clouds.cloud.apps, "state", "crashed")


async def test_release_that_fails_after_it_was_given_the_traffic_is_taken_back(
    switching: Clouds,
) -> None:
    platform = switching.platform
    project, first, second = await _two(switching)
    _crashing(platform, switching)
    await platform.runner.run(second.id)
    view = await platform.view(second.id)
    assert view.error is not None
    assert (view.status, view.error.code) == ("error", "app_crashed")
    await _is_first(switching, project, first)
    made = (await platform.step(first.id, StepName.DEPLOY_TO_PROVIDER)).resources
    release = release_of(first.id, made)
    assert release is not None
    assert release.resources["again"] == "yes", "it is known by what it is now"
    assert "The release before has the traffic again." in await platform.messages(second.id)


async def test_release_that_answers_badly_with_the_traffic_is_taken_back(switching: Clouds) -> None:
    platform = switching.platform
    project, first, second = await _two(switching)

    async def fail(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 500 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(fail, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        switching.cloud.apps.check_urls = (f"http://127.0.0.1:{port}/",)
        await platform.runner.run(second.id)
    view = await platform.view(second.id)
    assert view.error is not None
    assert view.error.code == "health_check_failed"
    await _is_first(switching, project, first)


async def test_cancel_after_a_release_was_given_the_traffic_takes_it_back(
    switching: Clouds,
) -> None:
    platform = switching.platform
    project, first, second = await _two(switching)
    looked, going_on = asyncio.Event(), asyncio.Event()

    async def look() -> None:
        looked.set()
        await going_on.wait()

    switching.cloud.apps.at["status"] = look
    running = asyncio.create_task(platform.runner.run(second.id))
    await asyncio.wait_for(looked.wait(), 10)
    assert await _traffic(switching, project) == str(second.id)
    await deployments.cancel_deployment(platform.resources, platform.principal, second.id)
    await running
    assert (await platform.view(second.id)).status == "cancelled"
    await _is_first(switching, project, first)


async def test_release_that_cannot_be_taken_back_is_said_to_stay(
    switching: Clouds, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = switching.platform
    project, first, second = await _two(switching)
    _crashing(platform, switching)
    switching.cloud.apps.at["bring_back"] = fail_with(DeploymentFailed("Its build is gone."))
    await platform.runner.run(second.id)
    assert (await platform.view(second.id)).status == "error"
    assert await _traffic(switching, project) == str(second.id)
    environment = await platform.environment(project)
    assert environment.live_deployment_id == first.id
    assert environment.runtime is not None
    assert (environment.runtime["state"], environment.runtime["reason"]) == (
        "replaced", "deployment_failed",
    )  # fmt: skip
    [said] = [each for each in await platform.messages(second.id) if "brought back" in each]
    assert "Its build is gone. This one keeps the traffic at A cloud" in said


async def test_first_release_that_fails_is_said_to_go_on(switching: Clouds) -> None:
    platform = switching.platform
    project = await platform.project()
    _crashing(platform, switching)
    view = await platform.deployed(project, provider="cloud")
    assert view.status == "error"
    assert any("goes on there" in each for each in await platform.messages(view.id))


async def test_worker_that_dies_while_it_takes_a_release_back_has_another_end_it(
    switching: Clouds,
) -> None:
    """Which does not verify again: the release before may just be taking the traffic."""
    platform = switching.platform
    project, first, second = await _two(switching)
    _crashing(platform, switching)
    switching.cloud.apps.after["bring_back"] = crash_once()
    with pytest.raises(Crash):
        await platform.runner.run(second.id)
    switching.cloud.apps.at.clear()
    switching.cloud.apps.state = "running"
    await platform.expire_lease(second.id)
    await platform.runner.run(second.id)
    view = await platform.view(second.id)
    assert view.error is not None
    assert (view.status, view.error.code) == ("error", "app_crashed")
    await _is_first(switching, project, first)


@pytest.mark.parametrize("ends", ["cancelled", "error", "dead letter"])
async def test_worker_that_dies_after_the_switch_leaves_no_other_release_with_the_traffic(
    clouds: Clouds, ends: str
) -> None:
    platform, apps = clouds.platform, clouds.cloud.apps
    await clouds.connect()
    project, first, second = await _two(clouds)
    apps.after["promote"] = crash_once()
    with pytest.raises(Crash):
        await platform.runner.run(second.id)
    assert await _traffic(clouds, project) == str(second.id)
    if ends == "cancelled":
        await deployments.cancel_deployment(platform.resources, platform.principal, second.id)
    elif ends == "error":
        _crashing(platform, clouds)
    else:
        await platform.set(second.id, recoveries=MAX_RECOVERIES)
    await platform.expire_lease(second.id)
    await platform.runner.run(second.id)
    view = await platform.view(second.id)
    assert view.status == ("cancelled" if ends == "cancelled" else "error")
    await _is_first(clouds, project, first)


async def test_cancel_while_the_traffic_is_given_back_waits_for_it(switching: Clouds) -> None:
    platform = switching.platform
    project, first, second = await _two(switching)
    _crashing(platform, switching)
    going_on = asyncio.Event()
    switching.cloud.apps.at["bring_back"] = going_on.wait
    running = asyncio.create_task(platform.runner.run(second.id))

    async def begun() -> bool:
        return switching.cloud.apps.calls["bring_back"] > 0

    await eventually(begun)
    await deployments.cancel_deployment(platform.resources, platform.principal, second.id)
    platform.runner.cancel(second.id)
    going_on.set()
    await running
    assert (await platform.view(second.id)).status == "error"
    await _is_first(switching, project, first)
