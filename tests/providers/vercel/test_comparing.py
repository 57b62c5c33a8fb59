"""What somebody has changed of a project is found, and no value is told."""

from dataclasses import replace

import pytest
from tests.providers.vercel.conftest import SECRET, STATIC, Story

from autodeploy.providers.drift import Comparison, DeclaredApp, Drift, DriftKind

pytestmark = pytest.mark.contract(provider="vercel")


@pytest.fixture
async def declared(story: Story) -> DeclaredApp:
    deployment_id, artifact = await story.build()
    release = await story.release(deployment_id, artifact.key)
    await story.deployer.promote(story.release_request(deployment_id, artifact.key), release)
    given = {"PUBLIC_URL": "https://x.example.com"}
    return DeclaredApp(story.app, release, STATIC, given, {"DATABASE_URL": SECRET})


def _variable(project, key: str) -> dict:
    return next(each for each in project.variables.values() if each["key"] == key)


async def test_what_is_as_declared_has_no_drift_and_what_is_added_is_somebodys(
    story, declared, vercel
):
    [project] = vercel.projects
    added = {"id": "env_x", "key": "THEIRS", "value": "v", "type": "encrypted",
             "target": ["production"]}  # fmt: skip
    project.variables["env_x"] = added
    assert await story.deployer.compare(declared) == Comparison(())


async def test_changes_are_told_by_name_alone(story, declared, vercel):
    [project] = vercel.projects
    _variable(project, "PUBLIC_URL")["value"] = "https://changed-s3cret.example.com"
    left = {**_variable(project, "PUBLIC_URL"), "id": "env_y", "key": "LEFT"}
    project.variables["env_y"] = left
    _variable(project, "DATABASE_URL")["key"] = "RENAMED"
    found = await story.deployer.compare(declared)
    assert found.drifts == (
        Drift(DriftKind.VARIABLE_MISSING, "DATABASE_URL"),
        Drift(DriftKind.VARIABLE_EXTRA, "LEFT"),
        Drift(DriftKind.VARIABLE_CHANGED, "PUBLIC_URL"),
        Drift(DriftKind.VARIABLE_EXTRA, "RENAMED"),
    )
    assert not any(value in repr((found, declared)) for value in ("changed-s3cret", SECRET))


async def test_a_value_that_vercel_keeps_to_itself_is_said_to_be_unread(story, declared, vercel):
    [project] = vercel.projects
    _variable(project, "DATABASE_URL").update(type="sensitive", value="another")
    assert await story.deployer.compare(declared) == Comparison((), ("DATABASE_URL",))


async def test_functions_elsewhere_than_chosen_are_told(story, declared, vercel):
    [project] = vercel.projects
    chosen = replace(declared, region="fra1")
    [drift] = (await story.deployer.compare(chosen)).drifts
    assert drift == Drift(DriftKind.REGION, declared="fra1", found="iad1")
    project.regions = ["fra1"]
    assert await story.deployer.compare(chosen) == Comparison(())


async def test_another_release_with_the_traffic_is_told(story, declared, vercel):
    _, key, _ = await story.ship()
    [drift] = (await story.deployer.compare(declared)).drifts
    ours = declared.release.resources["deployment"]
    assert drift == Drift(DriftKind.RELEASE, declared=ours, found=key)


async def test_a_project_that_is_gone_is_told(story, declared):
    await story.deployer.destroy(story.app)
    [drift] = (await story.deployer.compare(declared)).drifts
    assert drift.kind is DriftKind.APP
