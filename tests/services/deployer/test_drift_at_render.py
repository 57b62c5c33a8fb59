"""What deployments of our own leave behind at Render is no drift, however they end."""

from collections.abc import AsyncIterator

import pytest
from tests.services.deployer.internet import SHOP, Internet, open_internet
from tests.services.deployer.platform import Platform

from autodeploy.services.deployer import deployments
from autodeploy.services.deployer.drift import find_drift, reconcile_drift
from autodeploy.services.deployer.states import DeploymentStatus

AS_IMAGE = {
    "Dockerfile": b"FROM node:22\nEXPOSE 9000\n",
    "autodeploy.toml": b'health = "/up"\n[docker]\n' + SHOP["autodeploy.toml"],
}


@pytest.fixture
async def internet(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Internet]:
    async with open_internet(platform, monkeypatch) as internet:
        yield internet


async def _deploy(internet: Internet, **outcomes: str) -> str:
    """How a deployment to Render ends, whose deploys there end as ``outcomes``."""
    internet.render.outcomes = list(outcomes.values())
    view = await internet.platform.deployed(internet.project, provider="render", build="always")
    internet.render.outcomes = []
    return view.status


async def _kinds(internet: Internet) -> set[str]:
    platform = internet.platform
    found = await find_drift(
        platform.resources, platform.principal, internet.project.id, "production",
        providers=platform.engine.providers,
    )  # fmt: skip
    return {each.kind for each in found.items}


async def test_deployments_that_fail_and_rollbacks_leave_no_drift(internet: Internet) -> None:
    platform = internet.platform
    first = await internet.deployed("render")
    assert await _kinds(internet) == set()
    internet.push("as an image", **AS_IMAGE)
    for outcomes in (
        {"app": "build_failed"}, {"app": "update_failed"}, {"app": "live", "mail": "build_failed"},
    ):  # fmt: skip
        assert await _deploy(internet, **outcomes) == DeploymentStatus.ERROR
        assert await _kinds(internet) == set(), outcomes
    assert await _deploy(internet) == DeploymentStatus.READY
    assert await _kinds(internet) == set()
    for before in ("render", "local"):
        await internet.deployed(before)
        back = await deployments.roll_back(platform.resources, platform.principal, first.id)
        await platform.runner.run(back.id)
        assert (await platform.view(back.id)).status == DeploymentStatus.READY
        assert await _kinds(internet) == set(), before


async def test_what_somebody_has_changed_is_set_again_and_is_then_no_drift(
    internet: Internet,
) -> None:
    await internet.deployed("render")
    for service in (internet.render.service, *internet.beside):
        commands = {"dockerfilePath": "./D", "dockerContext": ".", "dockerCommand": "x"}
        service.sent["serviceDetails"] |= {"runtime": "docker", "envSpecificDetails": commands}
        service.sent |= {"branch": "other", "rootDir": "web"}
    assert await _kinds(internet) == {"branch", "root_directory", "runtime", "start_command"}
    platform = internet.platform
    again = await reconcile_drift(
        platform.resources, platform.principal, internet.project.id, "production",
        providers=platform.engine.providers,
    )  # fmt: skip
    await platform.runner.run(again.id)
    assert (await platform.view(again.id)).status == DeploymentStatus.READY
    assert await _kinds(internet) == set()
