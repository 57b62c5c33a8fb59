"""What somebody has changed of a service is found, and no value is told."""

from dataclasses import replace

import pytest
from tests.providers.render.conftest import (
    APP,
    COMMIT,
    OTHER,
    SERVER,
    SITE,
    at_commit,
    build_request,
    release_request,
    reusing,
)

from autodeploy.kernel.errors import DeploymentFailed
from autodeploy.providers.drift import (
    Comparison,
    DeclaredApp,
    DeclaredBuild,
    Drift,
    DriftKind,
)
from autodeploy.providers.images import ImageBuild
from autodeploy.providers.render.api import RenderApi
from autodeploy.providers.render.shapes import CustomDomain

pytestmark = pytest.mark.contract(provider="render")


@pytest.fixture
async def declared(apps, log) -> DeclaredApp:
    artifact = await apps.build(build_request(), log)
    release = await apps.deploy(release_request(artifact.key), log)
    given = {"BUILD": "1"}, {"KEY": "value"}
    return DeclaredApp(APP, release, SERVER, *given, commit=at_commit(COMMIT))


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
    site = replace(declared, spec=replace(SERVER, kind="static"), commit=None)
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


#: What may be changed in the dashboard: where it is sent, and as what it is told.
CHANGES = {
    ("branch", "work"): (DriftKind.BRANCH, "main", "work"),
    ("repo", "https://github.com/eve/shop"): (
        DriftKind.REPOSITORY, "https://github.com/octo/shop", "https://github.com/eve/shop",
    ),
    ("rootDir", "apps/web"): (DriftKind.ROOT_DIRECTORY, "", "apps/web"),
    ("autoDeploy", "yes"): (DriftKind.AUTO_DEPLOY, "no", "yes"),
    ("serviceDetails.runtime", "python"): (DriftKind.RUNTIME, "node", "python"),
    ("serviceDetails.preDeployCommand", "./seed"): (DriftKind.PRE_DEPLOY_COMMAND, "", "./seed"),
    ("serviceDetails.envSpecificDetails.buildCommand", "make"): (
        DriftKind.BUILD_COMMAND, "npm ci && npm run build", "make",
    ),
    ("serviceDetails.envSpecificDetails.startCommand", "node other.js"): (
        DriftKind.START_COMMAND, "node server.js", "node other.js",
    ),
}  # fmt: skip


def _change(service, path: str, value: str) -> None:
    *folders, last = path.split(".")
    place = service.sent
    for each in folders:
        place[each] = dict(place[each])
        place = place[each]
    place[last] = value


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change[0])
async def test_a_setting_that_was_changed_is_told_and_the_next_build_sets_it(
    apps, declared, render, log, change
):
    kind, wanted, found = CHANGES[change]
    _change(render.service, *change)
    assert (await apps.compare(declared)).drifts == (Drift(kind, declared=wanted, found=found),)
    artifact = await apps.build(build_request(), log)
    release = await apps.deploy(release_request(artifact.key), log)
    assert await apps.compare(replace(declared, release=release)) == Comparison(())


async def test_an_address_that_is_only_written_otherwise_is_no_drift(apps, declared, render):
    render.service.sent |= {"repo": "https://GitHub.com/octo/shop.git/", "rootDir": "./"}
    assert await apps.compare(declared) == Comparison(())


async def test_the_folder_that_a_site_is_served_from_is_compared(apps, render, log):
    artifact = await apps.build(build_request(spec=SITE), log)
    release = await apps.deploy(release_request(artifact.key, spec=SITE), log)
    given = {"BUILD": "1"}, {"KEY": "value"}
    site = DeclaredApp(APP, release, SITE, *given, commit=at_commit(COMMIT))
    assert await apps.compare(site) == Comparison(())
    render.service.sent["serviceDetails"]["publishPath"] = "public"
    assert (await apps.compare(site)).drifts == (
        Drift(DriftKind.OUTPUT_DIRECTORY, declared="dist", found="public"),
    )


async def test_what_a_later_build_of_ours_has_set_is_no_drift(apps, declared, render, log):
    """A rollback, and a deployment that fails after its build, leave the settings as they are."""
    first = declared.release.resources
    later = replace(SERVER, start_command="node later.js")
    newer = build_request(spec=later, commit=at_commit(OTHER, "work"))
    artifact = await apps.build(newer, log)
    await apps.deploy(release_request(artifact.key, spec=later), log)
    key = f"{first['service']}/{first['deploy']}/{declared.release.deployment_id}"
    back = await apps.deploy(reusing(key, environment={"KEY": "value"}), log)
    live = replace(declared, release=back, environment={})
    assert {each.kind for each in (await apps.compare(live)).drifts} == {
        DriftKind.BRANCH, DriftKind.START_COMMAND,
    }  # fmt: skip
    known = replace(live, later_builds=(DeclaredBuild(later, at_commit(OTHER, "work")),))
    assert await apps.compare(known) == Comparison(())
    render.service.sent["branch"] = "theirs"
    assert (await apps.compare(known)).drifts == (
        Drift(DriftKind.BRANCH, declared="main", found="theirs"),
    )


async def test_what_a_build_that_failed_has_set_is_no_drift(apps, declared, render, log):
    """Its health path and what it is told of its runtime and port, too."""
    up = replace(SERVER, health_path="/up")
    artifact = await apps.build(build_request(spec=up), log)
    release = await apps.deploy(release_request(artifact.key, spec=up), log)
    image = ImageBuild("Dockerfile", port=9000, asked=True)
    failed = replace(SERVER, health_path="/ready", image=image)
    render.outcomes = ["build_failed"]
    with pytest.raises(DeploymentFailed):
        await apps.build(build_request(spec=failed, commit=at_commit(OTHER)), log)
    builds = (DeclaredBuild(failed, at_commit(OTHER)),)
    live = replace(declared, release=release, spec=up, later_builds=builds)
    assert await apps.compare(live) == Comparison(())
    render.service.variables |= {"PORT": "1"}
    render.service.sent["serviceDetails"]["healthCheckPath"] = "/theirs"
    assert (await apps.compare(live)).drifts == (
        Drift(DriftKind.VARIABLE_EXTRA, "PORT"),
        Drift(DriftKind.HEALTH_PATH, declared="/up", found="/theirs"),
    )


async def test_a_later_build_as_an_image_explains_no_other_build_command(apps, declared, render):
    image = replace(SERVER, image=ImageBuild("Dockerfile", asked=True))
    known = replace(declared, later_builds=(DeclaredBuild(image, at_commit(OTHER)),))
    _change(render.service, "serviceDetails.envSpecificDetails.buildCommand", "make")
    assert (await apps.compare(known)).drifts == (
        Drift(DriftKind.BUILD_COMMAND, declared="npm ci && npm run build", found="make"),
    )


async def test_where_nobody_knows_how_the_live_build_was_later_ones_are_no_measure(apps, declared):
    """Such as of a repository that was removed here."""
    later = DeclaredBuild(replace(SERVER, start_command="node later.js"), at_commit(OTHER))
    forgotten = replace(declared, commit=None, later_builds=(later,))
    assert await apps.compare(forgotten) == Comparison(())


async def test_what_runs_beside_a_release_that_tells_nothing_of_it_is_compared(apps, render, log):
    """As of one of before there were any at Render, which a later deployment that failed made."""
    spec = replace(SERVER, workers={"mail": "node mail.js"})
    artifact = await apps.build(build_request(spec=spec), log)
    release = await apps.deploy(release_request(artifact.key, spec=spec), log)
    resources = {key: value for key, value in release.resources.items() if key != "beside"}
    given = {"BUILD": "1"}, {"KEY": "value"}
    declared = DeclaredApp(APP, release, spec, *given, commit=at_commit(COMMIT))
    without = replace(declared, release=replace(release, resources=resources))
    assert await apps.compare(without) == Comparison(())
    mail = render.beside("mail")
    newer = mail.start(render.time.monotonic(), OTHER, "manual")
    render.time.seconds += 60
    assert (await apps.compare(declared)).drifts == (
        Drift(DriftKind.RELEASE, mail.name, release.resources["beside"][mail.name], newer.id),
    )


async def test_another_number_of_instances_is_told_where_we_set_it(apps, declared, render):
    render.service.instances = 3
    assert await apps.compare(declared) == Comparison(()), "the free plan has one, whatever is said"
    render.service.sent["serviceDetails"]["plan"] = "standard"
    paid = replace(declared, plan="standard", spec=replace(SERVER, replicas=2))
    assert (await apps.compare(paid)).drifts == (
        Drift(DriftKind.INSTANCES, declared="2", found="3"),
    )
    render.service.scaling = {"autoscaling": {
        "enabled": True, "min": 1, "max": 5,
        "criteria": {kind: {"enabled": False, "percentage": 50} for kind in ("cpu", "memory")},
    }}  # fmt: skip
    assert await apps.compare(paid) == Comparison(()), "what Render scales by itself is left so"


async def test_a_service_that_somebody_has_suspended_stays_so_and_is_told(
    apps, declared, render, log
):
    render.service.suspend(render.time.monotonic())
    [drift] = (await apps.compare(declared)).drifts
    assert (drift.kind, drift.declared, drift.found) == (
        DriftKind.SUSPENDED, "running", "suspended",
    )  # fmt: skip
    assert drift.stays
    assert "Resume" in drift.remedy
    with pytest.raises(DeploymentFailed, match="suspended"):
        await apps.build(build_request(), log)


async def test_a_service_that_we_have_suspended_ourselves_is_resumed(apps, render, log):
    worker = replace(SERVER, kind="worker", start_command="node worker.js")
    artifact = await apps.build(build_request(spec=worker), log)
    release = await apps.deploy(release_request(artifact.key, spec=worker), log)
    await apps.leave(APP)
    declared = DeclaredApp(APP, release, worker, {"BUILD": "1"}, {"KEY": "value"})
    assert (await apps.compare(declared)).drifts == (
        Drift(DriftKind.SUSPENDED, declared="running", found="suspended"),
    )


NAME = "shop.example.com"


@pytest.fixture
async def served(apps, declared, render) -> DeclaredApp:
    render.records.add(NAME)
    assert (await apps.ensure_domain(APP, NAME)).verified
    served = replace(declared, domains=(NAME,))
    assert await apps.compare(served) == Comparison(())
    return served


async def test_a_domain_that_was_removed_is_told_until_it_is_served_again(apps, served, render):
    render.service.domains.clear()
    before = len(render.exchanges)
    assert (await apps.compare(served)).drifts == (
        Drift(DriftKind.DOMAIN, NAME, declared=render.service.name),
    )
    assert {each.method for each in render.exchanges[before:]} == {"GET"}
    await apps.ensure_domain(APP, NAME)
    assert await apps.compare(served) == Comparison(())


async def test_a_domain_that_another_service_has_stays_there(apps, served, render):
    taken = render.service.domains.copy()
    render.service.domains.clear()
    other = type(render.service)({**render.service.sent, "name": "other"}, 0.0, {}, {})
    other.domains = taken
    render.services[other.id] = other
    compared = await apps.compare(served)
    [drift] = compared.drifts
    assert (drift.kind, drift.name, drift.found, drift.stays) == (
        DriftKind.DOMAIN, NAME, "other", True,
    )  # fmt: skip
    assert "Remove the domain from the service other at Render" in drift.remedy
    assert NAME in drift.remedy


async def test_a_domain_whose_record_is_gone_names_the_record(apps, served, render):
    render.service.domains[NAME]["verified"] = False
    [drift] = (await apps.compare(served)).drifts
    assert (drift.kind, drift.name, drift.stays) == (DriftKind.DOMAIN_RECORDS, NAME, True)
    assert f"CNAME {NAME} {render.service.name}.onrender.com" in drift.remedy
    assert "domains verify" in drift.remedy


async def test_a_domain_of_which_render_says_something_new_is_no_drift(apps, served, monkeypatch):
    async def domains(*_) -> list[CustomDomain]:
        told = {"id": "cdm-1", "name": NAME, "verificationStatus": "looked_at_later"}
        return [CustomDomain.model_validate(told)]

    monkeypatch.setattr(RenderApi, "domains", domains)
    assert await apps.compare(served) == Comparison(())
