"""How many processes of an app run: as its file says, or as somebody has said since."""

from collections.abc import AsyncIterator

import pytest
from tests.services.auth.people import entries
from tests.services.deployer.platform import STATIC, Platform, answering
from tests.services.deployer.provider import Crash, crash_once, fail_with

from autodeploy.kernel.errors import InvalidInput, NotFound, Unavailable
from autodeploy.providers.registry import Registry
from autodeploy.services.deployer import environments
from autodeploy.services.deployer.environments import NotScalable
from autodeploy.services.deployer.schemas import (
    EnvironmentInput,
    EnvironmentView,
    ProjectView,
    ScaleInput,
)
from autodeploy.services.deployer.upkeep import Upkeep

SERVER = {
    "Procfile": "web: python3 server.py\n",
    "server.py": "print('up')\n",
    "autodeploy.toml": "replicas = 2\n",
}


@pytest.fixture
async def shop(platform: Platform) -> AsyncIterator[ProjectView]:
    """A project whose live app says that two of it are to run."""
    async with answering(platform):
        project = await platform.project(SERVER)
        deployed = await platform.deployed(project)
        assert deployed.status == "ready", deployed.error
        await Upkeep(platform.engine).keep_live()
        yield project


async def scale(
    platform: Platform, project: ProjectView, replicas: int | None, name: str = "production"
) -> EnvironmentView:
    return await environments.scale_environment(
        platform.resources,
        platform.principal,
        project.id,
        name,
        ScaleInput(replicas=replicas),
        providers=platform.engine.providers,
    )


async def counts(platform: Platform, project: ProjectView) -> tuple[int, int] | None:
    """How many of how many the environment is seen to run."""
    page = await environments.list_environments(platform.resources, platform.principal, project.id)
    runtime = page.items[0].runtime
    assert runtime is not None
    return runtime.replicas and (runtime.replicas.running, runtime.replicas.wanted)


async def test_release_begins_with_as_many_as_its_file_says(
    platform: Platform, shop: ProjectView
) -> None:
    assert await counts(platform, shop) == (2, 2)
    assert platform.provider.calls["scale"] == 0


async def test_number_that_was_set_counts_at_once_and_after_each_deployment(
    platform: Platform, shop: ProjectView
) -> None:
    assert (await scale(platform, shop, 4)).replicas == 4
    await Upkeep(platform.engine).keep_live()
    assert await counts(platform, shop) == (4, 4)
    assert platform.provider.calls["deploy"] == 1

    await platform.deployed(shop, build="always")
    await Upkeep(platform.engine).keep_live()
    assert await counts(platform, shop) == (4, 4)
    await scale(platform, shop, None)
    await Upkeep(platform.engine).keep_live()
    assert await counts(platform, shop) == (2, 2)
    assert platform.provider.calls["scale"] == 2


async def test_number_is_kept_by_a_release_that_is_started_again(
    platform: Platform, shop: ProjectView
) -> None:
    await scale(platform, shop, 3)
    for release in platform.provider.releases():  # the machine was restarted
        (platform.provider.machine / "releases" / release).unlink()
    await Upkeep(platform.engine).keep_live()
    await Upkeep(platform.engine).keep_live()
    assert await counts(platform, shop) == (3, 3)
    assert platform.provider.calls["scale"] == 0


@pytest.mark.parametrize("moment", ["at", "after"])
async def test_worker_that_dies_between_the_row_and_the_effect_leaves_it_to_the_next(
    platform: Platform, shop: ProjectView, moment: str
) -> None:
    await scale(platform, shop, 3)
    getattr(platform.provider, moment)["scale"] = crash_once()
    with pytest.raises(Crash):
        await Upkeep(platform.engine).keep_live()
    await Upkeep(platform.engine).keep_live()
    assert await counts(platform, shop) == (3, 3)


async def test_provider_that_cannot_for_now_is_asked_again_and_the_app_counts_as_it_runs(
    platform: Platform, shop: ProjectView
) -> None:
    await scale(platform, shop, 3)
    platform.provider.at["scale"] = fail_with(Unavailable("No port is free."), times=1)
    upkeep = Upkeep(platform.engine)
    await upkeep.keep_live()
    assert await counts(platform, shop) == (2, 3)
    state = (await platform.environment(shop)).runtime or {}
    assert (state["state"], state["reason"]) == ("running", None)
    await upkeep.keep_live()
    assert await counts(platform, shop) == (3, 3)


async def test_change_is_in_the_audit_log_once(platform: Platform, shop: ProjectView) -> None:
    for _ in range(2):
        await scale(platform, shop, 3)
    [entry] = await entries(platform.resources, "environment.scale")
    assert entry.user_id == platform.principal.account_id
    assert entry.changes == {"replicas": {"before": None, "after": 3}}


async def test_environment_in_which_nothing_is_live_remembers_it(
    platform: Platform, shop: ProjectView
) -> None:
    await environments.create_environment(
        platform.resources, platform.principal, shop.id, EnvironmentInput(name="staging")
    )
    assert (await scale(platform, shop, 5, "staging")).replicas == 5
    await platform.deployed(shop, environment="staging")
    await Upkeep(platform.engine).keep_live()
    page = await environments.list_environments(platform.resources, platform.principal, shop.id)
    found = [each.runtime and each.runtime.replicas for each in page.items]
    assert [each and each.wanted for each in found] == [2, 5]


async def test_what_is_no_server_cannot_be_scaled(platform: Platform) -> None:
    project = await platform.project(STATIC)
    await platform.deployed(project)
    with pytest.raises(NotScalable, match="static files"):
        await scale(platform, project, 2)
    await Upkeep(platform.engine).keep_live()
    assert await counts(platform, project) is None


async def test_provider_that_runs_one_process_an_app_is_not_asked(
    platform: Platform, shop: ProjectView
) -> None:
    with pytest.raises(InvalidInput, match="no provider"):
        await environments.scale_environment(
            platform.resources,
            platform.principal,
            shop.id,
            "production",
            ScaleInput(replicas=2),
            providers=Registry([]),
        )


async def test_environment_that_is_not_there_is_not_found(
    platform: Platform, shop: ProjectView
) -> None:
    with pytest.raises(NotFound):
        await scale(platform, shop, 2, "nowhere")
