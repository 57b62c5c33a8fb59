"""What somebody has changed of a service is found, and no value is told."""

from dataclasses import replace

import pytest
from tests.providers.render.conftest import APP, OTHER, SERVER, build_request, release_request

from autodeploy.providers.drift import Comparison, DeclaredApp, Drift, DriftKind

pytestmark = pytest.mark.contract(provider="render")


@pytest.fixture
async def declared(apps, log) -> DeclaredApp:
    artifact = await apps.build(build_request(), log)
    release = await apps.deploy(release_request(artifact.key), log)
    return DeclaredApp(APP, release, SERVER, {"BUILD": "1"}, {"KEY": "value"})


async def test_what_is_as_declared_has_no_drift(apps, declared, render):
    assert await apps.compare(declared) == Comparison(())
    # A release that was brought back has no variables of the build any more.
    del render.service.variables["BUILD"]
    assert await apps.compare(declared) == Comparison(())


async def test_changes_are_told_by_name_alone(apps, declared, render):
    render.service.variables |= {"KEY": "other-s3cret", "EXTRA": "e"}
    del render.service.variables["NODE_VERSION"]
    render.service.sent["serviceDetails"] |= {"plan": "standard", "region": "ohio"}
    found = await apps.compare(declared)
    assert found.drifts == (
        Drift(DriftKind.VARIABLE_EXTRA, "EXTRA"),
        Drift(DriftKind.VARIABLE_CHANGED, "KEY"),
        Drift(DriftKind.VARIABLE_MISSING, "NODE_VERSION"),
        Drift(DriftKind.PLAN, declared="free", found="standard", stays=True),
        Drift(DriftKind.REGION, declared="oregon", found="ohio", stays=True),
    )
    assert not any(value in repr((found, declared)) for value in ("other-s3cret", "'value'"))


async def test_another_release_with_the_traffic_is_told(apps, declared, render):
    newer = render.service.start(render.time.monotonic(), OTHER, "manual")
    render.time.seconds += 60
    [drift] = (await apps.compare(declared)).drifts
    ours = declared.release.resources["deploy"]
    assert drift == Drift(DriftKind.RELEASE, declared=ours, found=newer.id)


async def test_a_service_that_is_gone_is_told(apps, declared):
    await apps.destroy(APP)
    [drift] = (await apps.compare(declared)).drifts
    assert drift.kind is DriftKind.APP


async def test_a_plan_that_was_chosen_is_set_again_and_a_region_is_not(apps, declared, render):
    render.service.sent["serviceDetails"] |= {"plan": "standard", "region": "ohio"}
    chosen = replace(declared, plan="standard", region="ohio")
    assert await apps.compare(chosen) == Comparison(())
    found = await apps.compare(replace(declared, plan="pro", region="frankfurt"))
    assert found.drifts == (
        Drift(DriftKind.PLAN, declared="pro", found="standard"),
        Drift(DriftKind.REGION, declared="frankfurt", found="ohio", stays=True),
    )


async def test_a_site_has_no_plan(apps, declared, render):
    render.service.sent["type"] = "static_site"
    site = replace(declared, spec=replace(SERVER, kind="static"))
    assert (await apps.compare(site)).drifts == ()


@pytest.mark.parametrize(
    ("wanted", "found", "told"),
    [("/up", "/other", True), ("/up", "/up", False), (None, "/other", False)],
)
async def test_a_health_path_is_compared_where_one_is_declared(
    apps, declared, render, wanted, found, told
):
    render.service.sent["serviceDetails"]["healthCheckPath"] = found
    spec = replace(SERVER, health_path=wanted)
    drifts = (await apps.compare(replace(declared, spec=spec))).drifts
    assert drifts == ((Drift(DriftKind.HEALTH_PATH, declared="/up", found=found),) if told else ())
