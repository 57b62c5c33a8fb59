"""Workers and crons beside an app, each a service of its own at the emulated Render."""

from dataclasses import replace
from uuid import uuid4

import pytest
from tests.fakes.render_state import FakeLine
from tests.providers.render.conftest import (
    APP,
    COMMIT,
    OTHER,
    SERVER,
    SITE,
    account,
    at_commit,
    build_request,
    release_request,
    reusing,
)

from autodeploy.kernel.errors import DeploymentFailed
from autodeploy.kernel.http.errors import ProviderRefused
from autodeploy.providers.base import Cron
from autodeploy.providers.drift import Comparison, DeclaredApp, Drift, DriftKind
from autodeploy.providers.render.naming import MARK

pytestmark = pytest.mark.contract(provider="render")

WORKERS = replace(SERVER, workers={"mail": "node mail.js"}, release_command="node migrate.js")
BOTH = replace(WORKERS, crons={"tidy": Cron("5 4 * * *", "node tidy.js")})


async def _deployed(apps, log, sha: str = COMMIT, spec=BOTH, **values):
    """A build that is live with what runs beside it. Returns its key and release."""
    deployment_id = uuid4()
    run = {"KEY": "value", "AUTODEPLOY_DEPLOYMENT_ID": str(deployment_id)}
    request = build_request(
        deployment_id=deployment_id, commit=at_commit(sha), spec=spec, run_environment=run, **values
    )
    artifact = await apps.build(request, log)
    released = release_request(artifact.key, spec=spec, environment=run)
    return artifact.key, await apps.deploy(released, log)


def _live(render, label: str) -> list[str]:
    """The commits of the deploys of a service beside the app that have the run of it."""
    service = render.beside(label)
    now = render.time.monotonic()
    return [each.commit for each in service.deploys if service.status_of(each, now) == "live"]


def _names(render) -> list[str]:
    return sorted(each.name for each in render.services.values() if render.is_beside(each))


async def test_workers_and_crons_run_beside_the_app_with_what_it_has(apps, render, log):
    _, release = await _deployed(apps, log, spec=replace(BOTH, root_directory="web"))
    app, mail, tidy = render.service, render.beside("mail"), render.beside("tidy")
    build = {"buildCommand": "npm ci && npm run build"}
    assert mail.sent["serviceDetails"] == {
        "runtime": "node", "plan": "starter", "region": "oregon",
        "envSpecificDetails": {**build, "startCommand": "node mail.js"},
    }  # fmt: skip
    assert tidy.sent["serviceDetails"] == {
        "runtime": "node", "plan": "starter", "region": "oregon", "schedule": "5 4 * * *",
        "envSpecificDetails": {**build, "startCommand": "node tidy.js"},
    }  # fmt: skip
    assert [each.sent["type"] for each in (mail, tidy)] == ["background_worker", "cron_job"]
    assert tidy.id.startswith("crn-")
    for each in (mail, tidy):
        assert all(
            each.sent[name] == app.sent[name]
            for name in ("repo", "branch", "rootDir", "ownerId", "autoDeploy")
        )
        assert each.variables.pop(MARK).startswith(str(release.deployment_id))
        assert each.variables == app.variables
    assert (_live(render, "mail"), _live(render, "tidy")) == ([COMMIT], [COMMIT])
    said = [each for each in log.of("render") if "plan" in each]
    assert said == ["Beside the app, on the plan starter: worker mail, cron tidy."]


async def test_they_are_started_when_the_app_is_live(apps, render, log):
    """Until then its release command has not prepared what they need."""
    await _deployed(apps, log)
    live = render.service.deploys[-1].over
    for label in ("mail", "tidy"):
        first, ours = render.beside(label).deploys
        assert first.canceled_at is not None
        assert first.canceled_at < live <= ours.created


async def test_a_first_deploy_that_render_lists_late_is_stopped_too(apps, render, log):
    render.lag = 3.0
    await _deployed(apps, log)
    for label in ("mail", "tidy"):
        first, _ = render.beside(label).deploys
        assert first.canceled_at is not None


async def test_nothing_is_started_beside_an_app_whose_place_another_deploy_took(apps, render, log):
    artifact = await apps.build(build_request(spec=BOTH), log)
    render.service.start(render.time.monotonic(), OTHER, "manual")
    render.time.seconds += 60
    release = await apps.deploy(release_request(artifact.key, spec=BOTH), log)
    assert "beside" not in release.resources
    assert [len(render.beside(label).deploys) for label in ("mail", "tidy")] == [1, 1]


async def test_a_second_release_changes_what_differs_and_makes_nothing_twice(apps, render, log):
    await _deployed(apps, log)
    render.heads["main"] = OTHER
    spec = replace(
        BOTH, workers={"mail": "node post.js"}, crons={"tidy": Cron("0 1 * * *", "node tidy.js")}
    )
    await _deployed(apps, log, OTHER, spec=spec)
    mail, tidy = render.beside("mail"), render.beside("tidy")
    assert mail.sent["serviceDetails"]["envSpecificDetails"]["startCommand"] == "node post.js"
    assert tidy.sent["serviceDetails"]["schedule"] == "0 1 * * *"
    assert (_live(render, "mail"), _live(render, "tidy")) == ([OTHER], [OTHER])
    assert [len(each.deploys) for each in (mail, tidy)] == [3, 3]
    assert len(render.calls("POST", "/services")) == 3


async def test_nothing_is_changed_that_is_as_it_was(apps, render, log):
    await _deployed(apps, log)
    await _deployed(apps, log, OTHER)
    assert [each.path for each in render.exchanges if each.method == "PATCH"] == []


async def test_what_the_app_has_no_more_is_removed_once_all_else_is_live(apps, render, log):
    await _deployed(apps, log)
    await _deployed(apps, log, OTHER, spec=WORKERS)
    assert [each.split("-")[3] for each in _names(render)] == ["mail"]
    await _deployed(apps, log, spec=replace(WORKERS, workers={}))
    assert _names(render) == []
    assert len(render.services) == 1


async def test_what_runs_beside_other_apps_is_left_alone(apps, render, log):
    app = replace(APP, environment_id=uuid4())
    request = build_request(app=app, spec=WORKERS)
    key = (await apps.build(request, log)).key
    await apps.deploy(release_request(key, app=app, spec=WORKERS), log)
    await _deployed(apps, log, spec=SERVER)
    await apps.destroy(APP)
    assert len(_names(render)) == 1
    assert len(render.services) == 2


async def test_an_app_is_removed_with_all_that_runs_beside_it(apps, render, log):
    await _deployed(apps, log)
    await apps.destroy(APP)
    await apps.destroy(APP)
    assert render.services == {}


async def test_a_site_has_them_too(apps, render, log):
    await _deployed(apps, log, spec=replace(SITE, crons=BOTH.crons), region="ohio")
    details = render.beside("tidy").sent["serviceDetails"]
    assert (details["plan"], details["region"]) == ("starter", "ohio")


async def test_a_plan_that_was_chosen_is_that_of_all(apps, render, log):
    await _deployed(apps, log, plan="standard", region="ohio")
    details = [each.sent["serviceDetails"] for each in render.services.values()]
    assert [(each["plan"], each["region"]) for each in details] == [("standard", "ohio")] * 3
    await _deployed(apps, log, OTHER, plan="pro", region="ohio")
    assert [each.sent["serviceDetails"]["plan"] for each in render.services.values()] == ["pro"] * 3
    render.beside("mail").sent["serviceDetails"]["plan"] = "pro_max"
    await _deployed(apps, log)
    assert render.beside("mail").sent["serviceDetails"]["plan"] == "pro_max", "nobody chose one"


async def test_the_free_plan_of_an_app_is_not_that_of_its_workers(apps, render, log):
    await _deployed(apps, log, plan="free")
    assert render.service.sent["serviceDetails"]["plan"] == "free"
    assert render.beside("mail").sent["serviceDetails"]["plan"] == "starter"


async def test_a_worker_that_nobody_pays_for_is_refused_while_all_is_as_it_was(apps, render, log):
    await _deployed(apps, log, spec=SERVER)
    render.pays = False
    with pytest.raises(ProviderRefused, match="payment"):
        await _deployed(apps, log, OTHER)
    assert len(render.service.deploys) == 1
    assert _names(render) == []


async def test_a_worker_that_is_suspended_is_told_before_anything_is_built(apps, render, log):
    await _deployed(apps, log)
    render.beside("mail").suspended = True
    with pytest.raises(DeploymentFailed, match="suspended"):
        await _deployed(apps, log, OTHER)
    assert len(render.service.deploys) == 1


async def test_a_cron_that_gets_a_newer_commit_than_the_app_is_told(apps, render, log):
    render.heads["main"] = OTHER
    await _deployed(apps, log)
    assert (_live(render, "mail"), _live(render, "tidy")) == ([COMMIT], [OTHER])
    (said,) = [message for level, _, message in log.lines if level == "warn"]
    assert said.startswith("cron tidy: ")
    assert OTHER[:12] in said


@pytest.mark.parametrize(
    ("ends", "tail"), [("build_failed", "line 8"), ("update_failed", "no queue")]
)
async def test_a_worker_that_fails_is_told_and_leaves_the_rest(apps, render, log, ends, tail):
    more = replace(BOTH, workers={"mail": "node mail.js", "bulk": "node bulk.js"})
    await _deployed(apps, log, spec=more)
    render.heads["main"] = OTHER
    render.outcomes = ["live", ends]  # the app's, and that of the first worker
    now = render.time.monotonic()
    render.beside("mail").lines += [
        FakeLine(now + at, "app", "no queue", "error") for at in range(100)
    ]
    with pytest.raises(DeploymentFailed, match="worker mail was not released") as raised:
        await _deployed(apps, log, OTHER)
    assert "exit code 1" in raised.value.cause
    assert raised.value.log_tail[-1].endswith(tail)
    render.time.seconds += 60
    assert (_live(render, "mail"), _live(render, "tidy")) == ([COMMIT], [OTHER])
    assert len(_names(render)) == 3, "what is left over stays until all is well"
    assert render.status(render.service.deploys[-1]) == "live"


async def test_an_earlier_release_is_brought_back_with_what_was_built_beside_it(apps, render, log):
    key, _ = await _deployed(apps, log)
    render.heads["main"] = OTHER
    await _deployed(apps, log, OTHER)
    request = reusing(key, spec=BOTH, environment={"KEY": "old"})
    release = await apps.deploy(request, log)
    for label in ("mail", "tidy"):
        service = render.beside(label)
        _, ours, _, back = service.deploys
        assert (back.trigger, back.target, back.commit) == ("rollback", ours.id, COMMIT)
        assert release.resources["beside"][service.name] == back.id
        assert service.variables["KEY"] == "old"
    again = await apps.deploy(request, log)
    assert again.resources == release.resources
    assert [len(each.deploys) for each in render.services.values() if render.is_beside(each)] == [
        4, 4,
    ]  # fmt: skip


async def test_builds_of_one_commit_are_brought_back_each_with_its_own(apps, render, log):
    keys = [(await _deployed(apps, log, sha))[0] for sha in (COMMIT, COMMIT, OTHER)]
    for key in keys[:2]:
        await apps.deploy(reusing(key, spec=WORKERS, environment={"KEY": key}), log)
    _, one, two, _, *back = render.beside("mail").deploys
    assert [each.target for each in back] == [one.id, two.id]


async def test_a_live_release_with_other_variables_gets_them_beside_it_too(apps, render, log):
    key, _ = await _deployed(apps, log)
    await apps.deploy(reusing(key, spec=BOTH, environment={"KEY": "new"}), log)
    for label in ("mail", "tidy"):
        again = render.beside(label).deploys[-1]
        assert (again.trigger, again.built) == ("api", False)
        assert render.beside(label).variables["KEY"] == "new"


async def test_what_was_removed_since_is_made_again_by_a_rollback(apps, render, log):
    key, _ = await _deployed(apps, log)
    await _deployed(apps, log, OTHER, spec=SERVER)
    assert _names(render) == []
    await apps.deploy(reusing(key, spec=WORKERS), log)
    assert _live(render, "mail") == [COMMIT]


async def test_a_name_that_is_a_worker_and_a_cron_is_both(apps, render, log):
    spec = replace(WORKERS, crons={"mail": Cron("5 4 * * *", "node once.js")})
    await _deployed(apps, log, spec=spec)
    assert len(_names(render)) == 2


async def test_what_is_beside_an_app_is_ours_as_it_is(apps, provider, render, log):
    _, release = await _deployed(apps, log)
    holdings = provider.resources_as(account())
    found = {each.external_id: each.made_for async for each in holdings.list_resources()}
    assert found == dict.fromkeys(render.services, release.deployment_id)


@pytest.fixture
async def declared(apps, log) -> DeclaredApp:
    _, release = await _deployed(apps, log)
    own = {"AUTODEPLOY_DEPLOYMENT_ID": str(release.deployment_id)}
    given = {"BUILD": "1"}, {"KEY": "value", **own}
    return DeclaredApp(APP, release, BOTH, *given, commit=at_commit(COMMIT))


async def test_what_is_as_declared_beside_an_app_has_no_drift(apps, declared):
    assert await apps.compare(declared) == Comparison(())


async def test_what_differs_beside_an_app_is_told(apps, declared, render):
    render.beside("mail").variables["KEY"] = render.service.variables["KEY"] = "s3cret"
    newer = render.beside("mail").start(render.time.monotonic(), OTHER, "manual")
    render.beside("mail").sent["serviceDetails"]["plan"] = "pro"
    tidy = render.beside("tidy")
    del render.services[tidy.id]
    render.time.seconds += 60
    ours = declared.release.resources["beside"][render.beside("mail").name]
    assert (await apps.compare(declared)).drifts == (
        Drift(DriftKind.VARIABLE_CHANGED, "KEY"),
        Drift(DriftKind.RELEASE, render.beside("mail").name, declared=ours, found=newer.id),
        Drift(DriftKind.APP, declared=tidy.name),
    )
    chosen = (await apps.compare(replace(declared, plan="free"))).drifts
    assert Drift(DriftKind.PLAN, declared="starter", found="pro") in chosen


async def test_a_setting_that_was_changed_beside_an_app_is_told_with_whose_it_is(
    apps, declared, render, log
):
    mail, tidy = render.beside("mail"), render.beside("tidy")
    mail.sent["serviceDetails"]["envSpecificDetails"] = {
        "buildCommand": "npm ci && npm run build", "startCommand": "node theirs.js",
    }  # fmt: skip
    mail.sent["autoDeploy"] = "yes"
    tidy.sent["serviceDetails"]["schedule"] = "* * * * *"
    worker, cron = BOTH.workers["mail"], BOTH.crons["tidy"]
    assert set((await apps.compare(declared)).drifts) == {
        Drift(DriftKind.START_COMMAND, mail.name, declared=worker, found="node theirs.js"),
        Drift(DriftKind.AUTO_DEPLOY, mail.name, declared="no", found="yes"),
        Drift(DriftKind.SCHEDULE, tidy.name, declared=cron.schedule, found="* * * * *"),
    }
    _, release = await _deployed(apps, log)
    own = {"AUTODEPLOY_DEPLOYMENT_ID": str(release.deployment_id)}
    again = replace(declared, release=release, run_environment={"KEY": "value", **own})
    assert await apps.compare(again) == Comparison(())
