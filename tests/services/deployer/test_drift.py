"""Drift of a hosted app, found for its owner and set again by a deployment."""

from collections.abc import AsyncIterator

import pytest
from tests.services.deployer.office import NAME, Office, open_office
from tests.services.deployer.platform import STATIC, Platform

from autodeploy.kernel.errors import Conflict, DeploymentFailed, InvalidInput
from autodeploy.providers.drift import Comparison, DeclaredApp, Drift, DriftKind
from autodeploy.services.deployer import deployments, variables
from autodeploy.services.deployer.domains import work
from autodeploy.services.deployer.variable_schemas import VariableInput

SECRET = "s3cret-value"


@pytest.fixture
async def office(platform: Platform) -> AsyncIterator[Office]:
    async with open_office(platform) as office:
        yield office


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
    found = await office.find_drift()
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
    again = await office.reconcile_drift()
    builds = len(office.cloud.builds)
    await platform.runner.run(again.id)
    done = await platform.view(again.id)
    assert (done.status, done.provider, len(office.cloud.builds)) == ("ready", "cloud", builds + 1)
    assert live.live_deployment_id is not None
    assert done.commit == (await platform.view(live.live_deployment_id)).commit


@pytest.mark.parametrize("moves", [True, False])
async def test_what_is_on_its_way_is_not_ended_by_what_is_live(office: Office, moves: bool) -> None:
    await office.deploy("cloud")
    platform = office.platform
    if not moves:
        assert office.project.repository is not None
        await platform.upload({**STATIC, "index.html": "newer"}, office.project.repository.id)
    newer = await platform.deploy(office.project, provider="elsewhere" if moves else "cloud")
    with pytest.raises(Conflict, match="under way"):
        await office.reconcile_drift()
    assert (await platform.view(newer.id)).status == "queued"
    await platform.runner.run(newer.id)
    assert (await platform.view(newer.id)).status == "ready"
    assert (await office.reconcile_drift()).commit == newer.commit


@pytest.fixture
def asked(office: Office, monkeypatch: pytest.MonkeyPatch) -> list[DeclaredApp]:
    """What the cloud is asked to compare; its app is as it was declared."""
    asked: list[DeclaredApp] = []

    async def compare(declared: DeclaredApp) -> Comparison:
        asked.append(declared)
        return Comparison(())

    monkeypatch.setattr(office.cloud, "compare", compare)
    return asked


async def test_the_domains_that_were_served_are_compared_and_looked_at_again(
    office: Office, asked: list[DeclaredApp]
) -> None:
    await office.add()
    await office.deploy("cloud")
    await office.keep()
    await office.find_drift()
    office.cloud.leading.add(NAME)
    await office.keep()
    await office.find_drift()
    assert [each.domains for each in asked] == [(), (NAME,)], "one that never was is no drift"
    office.cloud.domains.clear()
    await office.reconcile_drift()
    # Also where the deployment fails: the row alone has a worker see to it.
    await work.keep_domains(office.platform.engine)
    assert NAME in office.cloud.domains
    await office.ask("remove")
    await office.find_drift()
    assert asked[-1].domains == ()


async def test_builds_that_came_after_that_of_what_is_live_are_told(
    office: Office, asked: list[DeclaredApp]
) -> None:
    await office.deploy("cloud")
    first = await office.platform.environment(office.project)
    assert first.live_deployment_id is not None
    await office.find_drift()
    await office.deploy("cloud")
    await office.find_drift()
    platform = office.platform
    back = await deployments.roll_back(
        platform.resources, platform.principal, first.live_deployment_id
    )
    await platform.runner.run(back.id)
    await office.find_drift()
    assert [len(each.later_builds) for each in asked] == [0, 0, 1]
    assert asked[2].spec == asked[0].spec


async def test_which_deployment_it_is_is_no_drift_after_a_build_that_failed(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider has been told those of the last build."""

    async def compare(_: DeclaredApp) -> Comparison:
        names = ("AUTODEPLOY_COMMIT", "AUTODEPLOY_DEPLOYMENT_ID", "OTHER")
        return Comparison(tuple(Drift(DriftKind.VARIABLE_CHANGED, name) for name in names))

    monkeypatch.setattr(office.cloud, "compare", compare)
    await office.deploy("cloud")
    assert len((await office.find_drift()).items) == 3, "somebody has changed them"

    def fail() -> None:
        raise DeploymentFailed("It does not build.")

    office.cloud.at["build"] = fail
    failed = await office.reconcile_drift()
    await office.platform.runner.run(failed.id)
    assert (await office.platform.view(failed.id)).status == "error"
    assert [each.name for each in (await office.find_drift()).items] == ["OTHER"]


async def test_what_is_shown_holds_no_secret(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _set(office, "API_KEY", SECRET)
    await office.deploy("cloud")

    async def compare(_: DeclaredApp) -> Comparison:
        found = f"API_KEY={SECRET} make\x1b[2J"
        url = "HTTPS://ada:t0ken@example.com/shop"
        long = f"{'x' * 1995}{SECRET}"
        return Comparison((
            Drift(DriftKind.BUILD_COMMAND, declared="npm run build", found=found),
            Drift(DriftKind.REPOSITORY, declared="https://example.com/shop", found=url),
            Drift(DriftKind.START_COMMAND, declared="node server.js", found=long),
        ))  # fmt: skip

    monkeypatch.setattr(office.cloud, "compare", compare)
    command, repository, cut = (await office.find_drift()).items
    assert command.found == "API_KEY=[redacted] make [2J"
    assert repository.found == "https://example.com/shop"
    assert cut.found is not None
    assert SECRET[:4] not in cut.found


async def test_nothing_is_compared_where_nothing_is_live_or_can_be(
    office: Office,
) -> None:
    with pytest.raises(Conflict, match="Nothing is live"):
        await office.find_drift()
    await office.deploy("local")
    with pytest.raises(InvalidInput, match="drift"):
        await office.find_drift()
