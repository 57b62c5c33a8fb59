"""A private app's way at the emulated Render: a private service, which nobody outside reaches."""

from dataclasses import replace

import pytest
from tests.providers.render.conftest import (
    APP,
    COMMIT,
    NAME,
    OTHER,
    SERVER,
    at_commit,
    build_request,
    release_request,
    reusing,
)

from autodeploy.kernel.errors import DeploymentFailed
from autodeploy.providers.domains import DomainRefused
from autodeploy.providers.drift import Comparison, DeclaredApp, Drift, DriftKind
from autodeploy.providers.usage import Charge

pytestmark = [pytest.mark.contract(provider="render"), pytest.mark.usefixtures("described")]

PRIVATE = replace(SERVER, private=True)
ADDRESS = f"http://{NAME}-djwo"


async def _deployed(apps, log, sha: str = COMMIT, spec=PRIVATE, **values):
    artifact = await apps.build(build_request(commit=at_commit(sha), spec=spec, **values), log)
    request = release_request(artifact.key, spec=spec)
    return request, await apps.deploy(request, log)


async def test_it_is_a_private_service_on_a_paid_plan_and_told_its_port(apps, render, log):
    request, release = await _deployed(apps, log)
    sent = render.service.sent
    assert (sent["type"], sent["serviceDetails"]["plan"]) == ("private_service", "starter")
    assert render.service.variables == {
        "NODE_VERSION": "22", "BUILD": "1", "KEY": "value", "PORT": "8080",
    }  # fmt: skip
    assert release.check_urls == (), "nobody can ask it from outside"
    assert (await apps.status(release)).state == "running"
    endpoint = await apps.promote(request, release)
    assert endpoint.url == f"{ADDRESS}:8080"
    assert (endpoint.local_url, endpoint.local_port) == (None, None)


async def test_a_port_of_its_own_is_where_it_is_reached(apps, render, log):
    environment = {"PORT": "9200"}
    artifact = await apps.build(build_request(spec=PRIVATE, run_environment=environment), log)
    request = release_request(artifact.key, spec=PRIVATE, environment=environment)
    endpoint = await apps.promote(request, await apps.deploy(request, log))
    assert render.service.variables["PORT"] == "9200"
    assert endpoint.url == f"{ADDRESS}:9200"


async def test_the_free_plan_is_refused_before_anything_is_made(apps, render, log):
    with pytest.raises(DeploymentFailed, match="no private services on the plan free") as refused:
        await _deployed(apps, log, plan="free")
    assert refused.value.field == "configuration.plan"
    assert "starter" in refused.value.remedy
    assert render.services == {}


async def test_several_processes_need_no_plan_to_be_chosen(apps, render, log):
    await _deployed(apps, log, spec=replace(PRIVATE, replicas=2))
    assert render.service.instances == 2


async def test_a_release_command_is_run_before_each_release(apps, render, log):
    await _deployed(apps, log, spec=replace(PRIVATE, release_command="node migrate.js"))
    details = render.service.sent["serviceDetails"]
    assert details["preDeployCommand"] == "node migrate.js"
    assert details["envSpecificDetails"]["startCommand"] == "node server.js"


@pytest.mark.parametrize(("first", "then"), [(SERVER, PRIVATE), (PRIVATE, SERVER)])
async def test_it_does_not_become_public_or_the_other_way_round(apps, render, log, first, then):
    await _deployed(apps, log, spec=first)
    with pytest.raises(DeploymentFailed, match="which Render cannot change") as refused:
        await _deployed(apps, log, OTHER, spec=then)
    assert "private service" in refused.value.message
    assert "new environment" in refused.value.remedy
    assert ("`private = false`" in refused.value.remedy) == then.private
    (deploy,) = render.service.deploys
    assert render.status(deploy) == "live"


async def test_an_earlier_release_is_brought_back(apps, render, log):
    first, _ = await _deployed(apps, log)
    await _deployed(apps, log, OTHER)
    back = reusing(first.artifact_key, spec=PRIVATE)
    release = await apps.deploy(back, log)
    assert (await apps.live_status(APP, release)).state == "running"
    assert (await apps.promote(back, release)).url == f"{ADDRESS}:8080"
    assert render.service.deploys[-1].trigger == "rollback"
    assert render.service.variables["PORT"] == "8080"


async def test_a_release_that_does_not_stay_up_is_told(apps, render, log):
    _, release = await _deployed(apps, log)
    render.happen("server_failed", reason={"nonZeroExit": 3})
    status = await apps.status(release)
    assert (status.state, status.restarts, status.exit_code) == ("backoff", 1, 3)


async def test_it_has_no_domains(apps, render, log):
    await _deployed(apps, log)
    with pytest.raises(DomainRefused, match="only other apps reach it") as refused:
        await apps.ensure_domain(APP, "api.example.com")
    assert "everybody" in refused.value.remedy
    assert render.service.domains == {}


async def test_it_goes_on_while_its_app_is_elsewhere_and_goes_with_it(apps, render, log):
    await _deployed(apps, log)
    await apps.leave(APP)
    assert not render.service.suspended
    await apps.destroy(APP)
    assert render.services == {}


async def test_workers_beside_it_are_on_its_plan(apps, render, log):
    await _deployed(apps, log, spec=replace(PRIVATE, workers={"mail": "node mail.js"}))
    mail = render.beside("mail").sent
    assert (mail["type"], mail["serviceDetails"]["plan"]) == ("background_worker", "starter")


async def test_what_differs_of_it_is_found(apps, render, log):
    request, release = await _deployed(apps, log)
    declared = DeclaredApp(APP, release, PRIVATE, {"BUILD": "1"}, dict(request.environment))
    assert await apps.compare(declared) == Comparison(())
    render.service.variables["PORT"] = "10000"
    render.service.sent["serviceDetails"]["plan"] = "standard"
    assert (await apps.compare(declared)).drifts == (
        Drift(DriftKind.VARIABLE_CHANGED, "PORT"),
        Drift(DriftKind.PLAN, declared="starter", found="standard", stays=True),
    )


async def test_it_is_charged_and_measured_as_a_service(apps, render, log):
    _, release = await _deployed(apps, log)
    assert await apps.app_charges(APP) == (
        Charge(what=f"private {NAME}", plan="starter", priced_as="private"),
    )
    [sent] = await apps.app_usage(APP)
    assert sent.measure == "bandwidth"
    assert (await apps.measure_app(APP, release)).measured_at > 0
