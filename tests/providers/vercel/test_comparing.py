"""What somebody has changed of a project is found, and no value is told."""

import json
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


async def test_who_else_than_us_may_change_what_is_live_is_told(story, declared, vercel):
    [project] = vercel.projects
    project.linked, project.paused = "octo/site", True
    project.sso_protection = {"deploymentType": "all_except_custom_domains"}
    project.auto_assign = True
    found = (await story.deployer.compare(declared)).drifts
    assert [(each.kind, each.found, each.stays) for each in found] == [
        (DriftKind.SUSPENDED, "paused", True),
        (DriftKind.AUTO_PROMOTE, "yes", False),
        (DriftKind.AUTO_DEPLOY, "octo/site", True),
        (DriftKind.PROTECTION, "all_except_custom_domains", True),
    ]
    assert all(project.name in each.remedy for each in found if each.stays)
    project.linked, project.paused, project.sso_protection = "", False, None
    await story.ship()
    assert DriftKind.AUTO_PROMOTE not in {
        each.kind for each in (await story.deployer.compare(declared)).drifts
    }


async def test_build_settings_of_the_project_are_of_no_account(story, declared, vercel):
    """They go with each deployment."""
    [project] = vercel.projects
    project.settings = {
        "framework": "nextjs", "buildCommand": "make", "installCommand": "make deps",
        "outputDirectory": "public", "rootDirectory": "web", "nodeVersion": "18.x",
    }  # fmt: skip
    assert await story.deployer.compare(declared) == Comparison(())
    await story.build()
    sent = vercel.calls("POST", "/v13/deployments")[-1]
    assert json.loads(sent.request_body)["projectSettings"] == {
        "framework": "vite", "buildCommand": "npm run build", "installCommand": "npm ci",
        "outputDirectory": "dist", "rootDirectory": None, "nodeVersion": "22.x",
    }  # fmt: skip


NAME = "shop.example.com"


@pytest.fixture
async def served(story, declared, vercel) -> DeclaredApp:
    vercel.records.add(NAME)
    assert (await story.deployer.ensure_domain(story.app, NAME)).verified
    served = replace(declared, domains=(NAME,))
    assert await story.deployer.compare(served) == Comparison(())
    return served


async def test_a_domain_that_was_removed_is_told_until_it_is_served_again(story, served, vercel):
    [project] = vercel.projects
    project.domains.clear()
    before = len(vercel.exchanges)
    assert (await story.deployer.compare(served)).drifts == (
        Drift(DriftKind.DOMAIN, NAME, declared=project.name),
    )
    assert {each.method for each in vercel.exchanges[before:]} == {"GET"}
    await story.deployer.ensure_domain(story.app, NAME)
    assert await story.deployer.compare(served) == Comparison(())


async def test_a_domain_that_another_project_has_stays_there(story, served, vercel):
    [project] = vercel.projects
    project.domains.clear()
    other = type(project)(project.owner, "other")
    other.domains[NAME] = True
    vercel.projects.append(other)
    [drift] = (await story.deployer.compare(served)).drifts
    assert (drift.kind, drift.name, drift.found, drift.stays) == (
        DriftKind.DOMAIN, NAME, "other", True,
    )  # fmt: skip
    assert "Remove the domain from the project other at Vercel" in drift.remedy


async def test_a_domain_whose_records_are_gone_names_them(story, served, vercel):
    vercel.records.discard(NAME)
    [drift] = (await story.deployer.compare(served)).drifts
    assert (drift.kind, drift.name, drift.stays) == (DriftKind.DOMAIN_RECORDS, NAME, True)
    assert f"CNAME {NAME} cname.vercel-dns.com" in drift.remedy
    [project] = vercel.projects
    project.domains[NAME] = False
    [drift] = (await story.deployer.compare(served)).drifts
    assert f"TXT _vercel.{NAME}" in drift.remedy
