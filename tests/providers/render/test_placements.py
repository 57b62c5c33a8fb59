"""The plan and the region that were chosen for an app, at the emulated Render."""

from dataclasses import replace

import pytest
from tests.providers.render.conftest import (
    OTHER,
    SERVER,
    SITE,
    at_commit,
    build_request,
    release_request,
)

from autodeploy.kernel.errors import DeploymentFailed
from autodeploy.kernel.http.errors import ProviderRefused

pytestmark = pytest.mark.contract(provider="render")

MIGRATED = replace(SERVER, release_command="node migrate.js")
WORKER = replace(SERVER, kind="worker")


async def _built(apps, log, **values):
    artifact = await apps.build(build_request(**values), log)
    await apps.deploy(release_request(artifact.key), log)


def _details(render) -> dict:
    return render.service.sent["serviceDetails"]


def _patches(render) -> list:
    return render.calls("PATCH", f"/services/{render.service.id}")


async def test_a_service_is_made_as_it_was_chosen(apps, render, log):
    await _built(apps, log, plan="standard", region="frankfurt")
    assert (_details(render)["plan"], _details(render)["region"]) == ("standard", "frankfurt")


async def test_another_plan_is_set_before_the_next_deploy(apps, render, log):
    await _built(apps, log, plan="starter", region="ohio")
    await _built(apps, log, plan="pro", region="ohio", commit=at_commit(OTHER))
    assert _details(render)["plan"] == "pro"
    assert len(_patches(render)) == 1
    await _built(apps, log, plan="pro", region="ohio", commit=at_commit("c" * 40))
    assert len(_patches(render)) == 1, "it is as it was chosen"


async def test_what_nobody_chose_is_left_as_it_is_found(apps, render, log):
    await _built(apps, log)
    render.service.sent["serviceDetails"] |= {"plan": "standard", "region": "ohio"}
    spec = replace(SERVER, start_command="node other.js")
    await _built(apps, log, spec=spec, commit=at_commit(OTHER))
    assert (_details(render)["plan"], _details(render)["region"]) == ("standard", "ohio")


async def test_the_release_command_is_where_the_plan_has_it(apps, render, log):
    await _built(apps, log, spec=MIGRATED)
    both = "node migrate.js && node server.js"
    assert _details(render)["envSpecificDetails"]["startCommand"] == both
    await _built(apps, log, spec=MIGRATED, plan="starter", commit=at_commit(OTHER))
    assert _details(render)["preDeployCommand"] == "node migrate.js"
    assert _details(render)["envSpecificDetails"]["startCommand"] == "node server.js"
    await _built(apps, log, spec=MIGRATED, plan="free", commit=at_commit("c" * 40))
    assert _details(render)["preDeployCommand"] == ""
    assert _details(render)["envSpecificDetails"]["startCommand"] == both


async def test_an_app_is_not_moved_to_another_region(apps, render, log):
    await _built(apps, log, region="ohio")
    with pytest.raises(DeploymentFailed, match="cannot move it to frankfurt") as refused:
        await _built(apps, log, region="frankfurt", commit=at_commit(OTHER))
    assert refused.value.field == "configuration.region"
    assert "new environment" in refused.value.remedy
    assert _patches(render) == []
    assert len(render.service.deploys) == 1


async def test_a_worker_of_the_free_plan_is_refused_before_anything_is_made(apps, render, log):
    with pytest.raises(DeploymentFailed, match="no workers on the plan free") as refused:
        await _built(apps, log, spec=WORKER, plan="free")
    assert refused.value.field == "configuration.plan"
    assert "starter" in refused.value.remedy
    assert render.services == {}


async def test_a_worker_has_the_plan_that_was_chosen(apps, render, log):
    await _built(apps, log, spec=WORKER, plan="standard")
    assert _details(render)["plan"] == "standard"


async def test_a_site_has_neither_and_the_log_says_so(apps, render, log):
    await _built(apps, log, spec=SITE, plan="starter", region="ohio")
    assert not {"plan", "region"} & _details(render).keys()
    assert "Static sites have no plan and no region at Render." in log.of("render")


async def test_a_plan_that_is_not_paid_for_leaves_the_service_as_it_is(apps, render, log):
    await _built(apps, log)
    render.pays = False
    with pytest.raises(ProviderRefused):
        await _built(apps, log, plan="starter", commit=at_commit(OTHER))
    assert _details(render)["plan"] == "free"
