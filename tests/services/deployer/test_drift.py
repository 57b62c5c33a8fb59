"""Drift of a hosted app, found for its owner and set again by a deployment."""

from collections.abc import AsyncIterator

import pytest
from tests.services.deployer.office import Office, open_office
from tests.services.deployer.platform import Platform

from autodeploy.kernel.errors import Conflict, InvalidInput
from autodeploy.providers.drift import Comparison, DeclaredApp, Drift, DriftKind
from autodeploy.services.deployer import variables
from autodeploy.services.deployer.drift import find_drift, reconcile_drift
from autodeploy.services.deployer.drift_schemas import DriftView
from autodeploy.services.deployer.variable_schemas import VariableInput

SECRET = "s3cret-value"


@pytest.fixture
async def office(platform: Platform) -> AsyncIterator[Office]:
    async with open_office(platform) as office:
        yield office


async def _find(office: Office) -> DriftView:
    platform = office.platform
    return await find_drift(
        platform.resources, platform.principal, office.project.id, "production",
        providers=platform.engine.providers,
    )  # fmt: skip


async def _set(office: Office, key: str, value: str) -> None:
    platform = office.platform
    body = VariableInput(key=key, value=value)
    await variables.create_variable(platform.resources, platform.principal, office.project.id, body)


async def test_a_provider_compares_what_the_release_was_given(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _set(office, "API_KEY", SECRET)
    await office.deploy("cloud")
    asked: list[DeclaredApp] = []

    async def compare(declared: DeclaredApp) -> Comparison:
        asked.append(declared)
        drifts = (
            Drift(DriftKind.VARIABLE_CHANGED, "API_KEY"),
            Drift(DriftKind.VARIABLE_MISSING, "LATER"),
            Drift(DriftKind.PLAN, declared="free", found="pro", stays=True),
        )
        return Comparison(drifts, ("HIDDEN", "LATER"))

    monkeypatch.setattr(office.cloud, "compare", compare)
    await _set(office, "LATER", "set here since")
    found = await _find(office)
    assert [(each.kind, each.name, each.reconcilable) for each in found.items] == [
        ("variable_changed", "API_KEY", True), ("plan", None, False),
    ]  # fmt: skip
    assert (found.pending, found.unread) == (["LATER"], ["HIDDEN"])
    [declared] = asked
    assert declared.run_environment["API_KEY"] == SECRET
    assert declared.release.deployment_id == found.deployment_id
    assert SECRET not in found.model_dump_json()


async def test_what_is_live_is_deployed_again_to_set_it(office: Office) -> None:
    await office.deploy("cloud")
    live = await office.platform.environment(office.project)
    platform = office.platform
    again = await reconcile_drift(
        platform.resources, platform.principal, office.project.id, "production",
        providers=platform.engine.providers,
    )  # fmt: skip
    builds = len(office.cloud.builds)
    await platform.runner.run(again.id)
    done = await platform.view(again.id)
    assert (done.status, done.provider, len(office.cloud.builds)) == ("ready", "cloud", builds + 1)
    assert live.live_deployment_id is not None
    assert done.commit == (await platform.view(live.live_deployment_id)).commit


async def test_nothing_is_compared_where_nothing_is_live_or_can_be(
    office: Office,
) -> None:
    with pytest.raises(Conflict, match="Nothing is live"):
        await _find(office)
    await office.deploy("local")
    with pytest.raises(InvalidInput, match="drift"):
        await _find(office)
