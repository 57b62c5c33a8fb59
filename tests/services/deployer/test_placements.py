"""The plan and region of an app at a provider: chosen, kept, and what becomes of them."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from sqlalchemy import func, select
from tests.services.deployer.hosted import HostedProvider
from tests.services.deployer.office import Elsewhere, Office, open_office
from tests.services.deployer.platform import WITH_DATABASE, Platform
from tests.services.deployer.provider import fail_with

from autodeploy.kernel.errors import Conflict, InvalidInput
from autodeploy.providers.drift import Comparison, DeclaredApp
from autodeploy.providers.local.errors import BuildFailed
from autodeploy.providers.manifests import Price, Region
from autodeploy.services.deployer import deployments
from autodeploy.services.deployer.databases.schemas import DatabaseInput, DatabaseView
from autodeploy.services.deployer.databases.service import create_database
from autodeploy.services.deployer.deployment_schemas import DeploymentView
from autodeploy.services.deployer.drift import find_drift
from autodeploy.services.deployer.models import Deployment

PRICES = {"small": 0, "big": 2500}
BIG = {"plan": "big", "region": "north"}


@pytest.fixture
async def office(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Office]:
    sheet = tuple(
        Price(plan, kind, cents, "USD", "example.com/prices", "2026-11-01")
        for kind in ("app", "database")
        for plan, cents in PRICES.items()
    )
    static = Price("small", "static", 0, "USD", "example.com/prices", "2026-11-01")
    for cloud in (HostedProvider, Elsewhere):
        manifest = replace(
            cloud.manifest,
            regions=(Region("north", "North"), Region("south", "South")),
            pricing=(*sheet, static),
            app_plans={"static": "small", "service": "small", "worker": "small"},
        )
        monkeypatch.setattr(cloud, "manifest", manifest)
    async with open_office(platform) as office:
        yield office


async def _deployed(
    office: Office, provider: str | None = "cloud", **body: object
) -> DeploymentView:
    view = await office.platform.deployed(office.project, provider=provider, **body)
    assert view.status == "ready", view.error
    return view


async def _kept(office: Office) -> tuple[str | None, str | None]:
    environment = await office.platform.environment(office.project)
    return environment.plan, environment.region


def _built(office: Office) -> list[tuple[str | None, str | None]]:
    return [(each.plan, each.region) for each in office.cloud.builds]


async def test_what_is_chosen_is_kept_for_the_next_deployment(office: Office) -> None:
    await _deployed(office, configuration=BIG)
    assert await _kept(office) == ("big", "north")
    await _deployed(office, None, build="always")
    await _deployed(office, build="always", configuration={"plan": "small"})
    assert _built(office) == [("big", "north"), ("big", "north"), ("small", "north")]
    assert await _kept(office) == ("small", "north")


async def test_without_a_choice_the_provider_is_told_none(office: Office) -> None:
    await _deployed(office)
    assert _built(office) == [(None, None)]
    assert await _kept(office) == (None, None)


async def test_what_did_not_go_live_is_not_kept(office: Office) -> None:
    await _deployed(office, configuration=BIG)
    office.cloud.at["build"] = fail_with(BuildFailed("no"))
    failed = await office.platform.deployed(
        office.project, build="always", configuration={"plan": "small"}
    )
    assert failed.status == "error"
    assert await _kept(office) == ("big", "north")


async def test_choice_at_one_provider_is_none_at_another(office: Office) -> None:
    await _deployed(office, configuration=BIG)
    await _deployed(office, "elsewhere", build="always")
    [build] = office.elsewhere.builds
    assert (build.plan, build.region) == (None, None)
    assert await _kept(office) == (None, None)


@pytest.mark.parametrize(
    ("provider", "chosen", "field", "remedy"),
    [
        ("cloud", {"plan": "huge"}, "configuration.plan", "small, big"),
        ("cloud", {"region": "east"}, "configuration.region", "north, south"),
        ("local", {"plan": "huge"}, "configuration.plan", None),
        ("local", {"region": "here"}, "configuration.region", "Leave the region out"),
        ("local", {"region": "north"}, "configuration.region", "another provider"),
        (
            "cloud",
            {"database": {"provider": "cloud", "plan": "huge"}},
            "configuration.database.plan",
            "small, big",
        ),
        (
            "cloud",
            {"database": {"provider": "cloud", "plan": "big", "region": "east"}},
            "configuration.database.region",
            "north, south",
        ),
        (
            "local",
            {"database": {"provider": "local", "region": "here"}},
            "configuration.database.region",
            "Leave the region out",
        ),
    ],
)
async def test_what_is_not_there_is_refused_before_any_work(
    office: Office, provider: str, chosen: dict[str, object], field: str, remedy: str | None
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await office.platform.deploy(office.project, provider=provider, configuration=chosen)
    assert refused.value.field == field
    assert (remedy or "") in (refused.value.remedy or "")
    async with office.platform.resources.db.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Deployment)) == 0


async def test_another_plan_takes_a_build(office: Office) -> None:
    """Also back to one of which there is a build: that one set up something else since."""
    await _deployed(office, configuration={"plan": "small"})
    await _deployed(office)
    assert len(office.cloud.builds) == 1
    await _deployed(office, configuration={"plan": "big"})
    await _deployed(office, configuration={"plan": "small"})
    assert _built(office) == [("small", None), ("big", None), ("small", None)]
    refused = await office.platform.deployed(office.project, build="never", configuration=BIG)
    assert refused.error is not None
    assert (refused.error.code, len(office.cloud.builds)) == ("not_built", 3)


async def test_new_environment_has_a_build_of_its_own(office: Office) -> None:
    """As the way to another region at a provider that moves nothing."""
    await _deployed(office, configuration=BIG)
    await _deployed(office, environment="abroad", configuration={"plan": "big", "region": "south"})
    assert _built(office) == [("big", "north"), ("big", "south")]


async def test_plan_that_a_failed_deployment_may_have_set_is_set_again(office: Office) -> None:
    await _deployed(office, configuration={"plan": "small"})
    office.cloud.at["build"] = fail_with(BuildFailed("no"))
    await office.platform.deployed(office.project, configuration={"plan": "big"})
    office.cloud.at.clear()
    await _deployed(office)
    assert _built(office)[-1] == ("small", None)
    assert len(office.cloud.builds) == 3


async def test_release_that_is_brought_back_stays_of_the_plan_that_there_is(
    office: Office,
) -> None:
    platform = office.platform
    first = await _deployed(office, configuration={"plan": "small"})
    await _deployed(office, build="always", configuration=BIG)
    back = await deployments.roll_back(platform.resources, platform.principal, first.id)
    await platform.runner.run(back.id)
    assert (await platform.view(back.id)).status == "ready"
    assert await _kept(office) == ("big", "north")
    assert len(office.cloud.builds) == 2


async def test_drift_is_looked_for_from_what_was_chosen(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _deployed(office, configuration=BIG)
    asked: list[DeclaredApp] = []

    async def compare(declared: DeclaredApp) -> Comparison:
        asked.append(declared)
        return Comparison(())

    monkeypatch.setattr(office.cloud, "compare", compare)
    await find_drift(
        office.platform.resources, office.platform.principal, office.project.id, "production",
        providers=office.platform.engine.providers,
    )  # fmt: skip
    assert [(each.plan, each.region) for each in asked] == [("big", "north")]


async def _database(office: Office, region: str | None) -> DatabaseView:
    body = DatabaseInput(
        project_id=office.project.id, provider="cloud", plan="small", region=region
    )
    return await create_database(
        office.platform.resources, office.platform.principal, body,
        providers=office.platform.engine.providers,
    )  # fmt: skip


async def test_database_is_asked_for_in_its_region(office: Office) -> None:
    project = await office.platform.project(WITH_DATABASE, name="with-database")
    wish = {"provider": "cloud", "plan": "small", "region": "south"}
    await office.platform.deployed(project, provider="cloud", configuration={"database": wish})
    assert office.cloud.regions == ["south"]


async def test_database_that_is_there_is_not_moved(office: Office) -> None:
    assert (await _database(office, "south")).region == "south"
    assert (await _database(office, None)).region == "south"
    with pytest.raises(Conflict) as refused:
        await _database(office, "north")
    assert refused.value.field == "region"
