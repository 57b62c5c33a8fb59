"""Deployments and requests while the vault server is sealed, and after."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from tests.bao import Bao
from tests.services.auth.accounts import principal
from tests.services.deployer.platform import Platform, eventually

from autodeploy.kernel.resources import Resources
from autodeploy.kernel.vault import Vault, VaultAway
from autodeploy.services.deployer import deployments, variables
from autodeploy.services.deployer import runner as runner_module
from autodeploy.services.deployer.variable_schemas import VariableInput

WITH_DATABASE = {"database": {"plan": "free"}}


@pytest.fixture
async def sealable(resources: Resources) -> AsyncIterator[tuple[Platform, Bao]]:
    """An installation whose secrets are under a vault server of its own."""
    server = Bao(resources.home / "bao")
    vault = Vault(server.backend("app"))
    behind = replace(resources, vault=vault)
    yield Platform(behind, await principal(behind)), server
    await vault.close()
    server.close()


async def _waits(platform: Platform, deployment_id) -> bool:
    return any("Waiting for it" in line for line in await platform.messages(deployment_id))


async def test_deployment_waits_for_the_vault_and_goes_on(sealable, monkeypatch) -> None:
    monkeypatch.setattr(runner_module, "RETRY_SECONDS", 0.01)
    platform, server = sealable
    created = await platform.deploy(await platform.project(), configuration=WITH_DATABASE)

    def seal() -> None:
        platform.provider.at.clear()
        server.seal()

    platform.provider.at["ensure_database"] = seal
    run = asyncio.create_task(platform.runner.run(created.id))
    await eventually(lambda: _waits(platform, created.id), seconds=30)
    server.unseal()
    await run
    ended = await platform.view(created.id)
    assert (ended.status, ended.error) == ("ready", None)
    assert (await platform.row(created.id)).recoveries == 0
    assert sum("Waiting" in line for line in await platform.messages(created.id)) == 1


async def test_deployment_that_begins_while_the_vault_is_sealed_waits_with_its_lease(
    sealable, monkeypatch
) -> None:
    told = asyncio.Event()

    async def note(_: str) -> None:
        told.set()

    monkeypatch.setattr(runner_module, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(runner_module, "_log_waiting", note)
    platform, server = sealable
    project = await platform.project()
    body = VariableInput(key="API_KEY", value="canary")
    await variables.create_variable(platform.resources, platform.principal, project.id, body)
    created = await platform.deploy(project)
    server.seal()
    run = asyncio.create_task(platform.runner.run(created.id))
    await asyncio.wait_for(told.wait(), 30)
    server.unseal()
    await run
    ended = await platform.view(created.id)
    assert (ended.status, ended.error) == ("ready", None)
    assert (await platform.row(created.id)).recoveries == 0


async def test_waiting_deployment_can_be_cancelled(sealable, monkeypatch) -> None:
    monkeypatch.setattr(runner_module, "RETRY_SECONDS", 0.01)
    platform, server = sealable
    created = await platform.deploy(await platform.project(), configuration=WITH_DATABASE)
    platform.provider.at["ensure_database"] = server.seal
    run = asyncio.create_task(platform.runner.run(created.id))
    await eventually(lambda: _waits(platform, created.id), seconds=30)
    await deployments.cancel_deployment(platform.resources, platform.principal, created.id)
    await asyncio.wait_for(run, 30)
    assert (await platform.view(created.id)).status == "cancelled"


async def test_variables_are_unavailable_while_sealed_and_nothing_is_stored(sealable) -> None:
    platform, server = sealable
    project = await platform.project()
    arguments = (platform.resources, platform.principal, project.id)
    body = VariableInput(key="COLOUR", value="blue", is_secret=False)
    await variables.create_variable(*arguments, body)
    server.seal()
    with pytest.raises(VaultAway):
        await variables.list_variables(*arguments, "production")
    with pytest.raises(VaultAway):
        await variables.create_variable(*arguments, VariableInput(key="OTHER", value="x"))
    server.unseal()

    async def listed() -> list[str]:
        try:
            page = await variables.list_variables(*arguments, "production")
        except VaultAway:
            return []
        return [row.key for row in page.items]

    await eventually(listed)
    assert await listed() == ["COLOUR"]
