"""An app has as many processes at the emulated Render as it asks for, where its plan has them."""

from dataclasses import replace

import pytest
from tests.providers.render.conftest import (
    OTHER,
    SERVER,
    SITE,
    at_commit,
    build_request,
    release_request,
    reusing,
)

from autodeploy.kernel.errors import DeploymentFailed

pytestmark = pytest.mark.contract(provider="render")

THREE = replace(SERVER, replicas=3)


async def _deployed(apps, log, **values) -> str:
    request = build_request(**values)
    key = (await apps.build(request, log)).key
    await apps.deploy(release_request(key, spec=request.spec), log)
    return key


def _scalings(render) -> list:
    return render.calls("POST", f"/services/{render.service.id}/scale")


async def test_an_app_has_as_many_processes_as_it_asks_for(apps, render, log):
    one = await _deployed(apps, log, plan="starter")
    assert _scalings(render) == []
    three = await _deployed(apps, log, plan="starter", spec=THREE, commit=at_commit(OTHER))
    assert render.service.instances == 3
    assert "The app runs in 3 processes at Render." in log.of("render")
    await apps.deploy(reusing(one), log)
    assert render.service.instances == 1
    for _ in range(2):
        await apps.deploy(reusing(three, spec=THREE), log)
    assert render.service.instances == 3
    assert len(_scalings(render)) == 3


async def test_several_on_the_free_plan_are_refused_before_anything_is_made(apps, render, log):
    workers = replace(THREE, workers={"mail": "node mail.js"})
    for plan in (None, "free"):
        with pytest.raises(DeploymentFailed, match="one process of an app on the plan free") as no:
            await _deployed(apps, log, spec=workers, plan=plan)
        assert (no.value.field, "starter" in no.value.remedy) == ("replicas", True)
    assert render.services == {}


async def test_a_paid_plan_that_was_set_at_render_has_several(apps, render, log):
    await _deployed(apps, log)
    render.service.sent["serviceDetails"]["plan"] = "standard"
    await _deployed(apps, log, spec=THREE, commit=at_commit(OTHER))
    assert render.service.instances == 3


async def test_a_release_again_on_the_free_plan_says_that_it_has_one(apps, render, log):
    key = await _deployed(apps, log)
    await apps.deploy(reusing(key, spec=THREE), log)
    assert render.service.instances == 1
    assert "The plan free has one process at Render, not 3." in log.of("render")


async def test_what_render_scales_by_itself_is_left_so(apps, render, log):
    await _deployed(apps, log, plan="standard")
    criteria = {
        "cpu": {"enabled": True, "percentage": 60},
        "memory": {"enabled": False, "percentage": 60},
    }
    render.service.scaling = {
        "autoscaling": {"enabled": True, "min": 1, "max": 5, "criteria": criteria}
    }
    await _deployed(apps, log, plan="standard", spec=THREE, commit=at_commit(OTHER))
    assert _scalings(render) == []


async def test_files_have_no_processes(apps, render, log):
    await _deployed(apps, log, spec=replace(SITE, replicas=3))
    assert _scalings(render) == []
