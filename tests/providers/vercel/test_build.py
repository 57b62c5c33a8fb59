"""A build at Vercel from an empty account to what is built, and why one fails."""

import asyncio
import json
from dataclasses import replace
from uuid import uuid4

import pytest
from tests.fakes.vercel_api import TEAM
from tests.providers.vercel.conftest import (
    COMMIT,
    SECRET,
    STATIC,
    KeptNotes,
    Story,
    account,
    app_of,
)

from autodeploy.kernel.errors import DeploymentFailed
from autodeploy.kernel.http.errors import ProviderRefused
from autodeploy.providers.base import Cron
from autodeploy.providers.vercel.errors import BuildFailed, BuildTimeout, DeploymentBlocked

pytestmark = pytest.mark.contract(provider="vercel")


def _sent(exchange) -> dict:
    return json.loads(exchange.request_body)


async def test_an_app_is_built_of_its_files_in_a_project_of_its_environment(story, vercel):
    deployment_id, artifact = await story.build()
    (project,) = vercel.projects
    suffix = story.app.environment_id.hex[-8:]
    assert (project.owner, project.name) == (TEAM, f"shop-production-{suffix}")
    assert (project.auto_assign, project.sso_protection) == (False, None)
    (made,) = vercel.deployments
    assert artifact.key == made.id
    assert made.body["meta"] == {"autodeployDeploymentId": str(deployment_id)}
    assert made.body["target"] == "production"
    assert made.body["projectSettings"] == {
        "framework": "vite", "buildCommand": "npm run build", "installCommand": "npm ci",
        "outputDirectory": "dist", "rootDirectory": None, "nodeVersion": "22.x",
    }  # fmt: skip
    assert [each["file"] for each in made.body["files"]] == ["empty", "package.json", "src/main.js"]
    assert set(vercel.files.values()) == {b"", b"{}", b"console.log(1)\n"}


async def test_each_call_of_a_team_names_it_and_none_of_a_person_does(provider, story, vercel):
    await story.build(commit=COMMIT)
    personal = Story(provider.deploys_as(account(owner_id=None)), app_of(), story.folder)
    await personal.build()
    owners = [each.owner for each in vercel.projects]
    assert owners == [TEAM, "user-1"]
    ours, theirs = (
        {
            each.path: f"teamId={TEAM}" in each.query
            for each in vercel.exchanges
            if name in each.path
        }
        for name in (vercel.projects[0].id, vercel.projects[1].id)
    )
    assert all(ours.values())
    assert not any(theirs.values())


async def test_only_what_vercel_lacks_is_uploaded(story, vercel):
    await story.build()
    (story.folder / "src/main.js").write_bytes(b"console.log(2)\n")
    before = len(vercel.calls("POST", "/v2/files"))
    await story.build()
    assert len(vercel.calls("POST", "/v2/files")) == before + 1
    assert len(vercel.deployments) == 2


async def test_a_commit_that_vercel_may_read_is_fetched_by_it(story, vercel):
    vercel.repositories["octo/site"] = 77
    await story.build(commit=COMMIT)
    (made,) = vercel.deployments
    assert made.body["gitSource"] == {
        "type": "github", "repoId": 77, "ref": "main", "sha": "a" * 40,
    }  # fmt: skip
    assert "files" not in made.body
    assert story.fetched == 0


@pytest.mark.parametrize(
    "repositories", [{}, {"other/site": 5}, {"octo/site-two": 78}, {"octo/site": 99}]
)
async def test_a_commit_that_vercel_may_not_read_is_sent_as_files(story, vercel, repositories):
    vercel.repositories |= repositories
    await story.build(commit=COMMIT)
    assert "files" in vercel.deployments[0].body


async def test_a_commit_that_vercel_then_refuses_is_sent_as_files(story, vercel):
    vercel.repositories["octo/site"] = 77
    vercel.faults.fail("POST /v13/deployments", "bad_request")
    await story.build(commit=COMMIT)
    assert "files" in vercel.deployments[0].body
    assert any("does not fetch the commit" in text for text in story.log.texts)


async def test_variables_are_set_for_the_environment_and_ours_that_are_gone_removed(story, vercel):
    await story.build()
    (project,) = vercel.projects
    theirs = {"id": "env_theirs", "key": "THEIRS", "value": "x", "type": "plain",
              "target": ["production"]}  # fmt: skip
    project.variables["env_theirs"] = theirs
    await story.build(environment={}, run_environment={"DATABASE_URL": "other"})
    kept = {each["key"]: each for each in project.variables.values()}
    assert kept.keys() == {"DATABASE_URL", "THEIRS"}
    assert kept["THEIRS"] == theirs
    assert kept["DATABASE_URL"]["value"] == "other"
    assert kept["DATABASE_URL"]["type"] == "encrypted"
    assert kept["DATABASE_URL"]["target"] == ["production"]


async def test_functions_run_in_the_region_that_was_chosen(story, vercel):
    await story.build()
    [project] = vercel.projects
    assert project.regions == ["iad1"], "without a choice it is Vercel's"
    for _ in range(2):
        await story.build(region="fra1")
    assert project.regions == ["fra1"]
    placed = [each for each in vercel.calls("PATCH", f"/v9/projects/{project.id}")
              if "resourceConfig" in _sent(each)]  # fmt: skip
    assert len(placed) == 1
    await story.build()
    assert project.regions == ["fra1"], "what was chosen once stays"


async def test_a_preview_has_no_target_and_variables_of_its_own(preview, vercel):
    await preview.build()
    assert "target" not in vercel.deployments[0].body
    targets = {tuple(each["target"]) for each in vercel.projects[0].variables.values()}
    assert targets == {("preview",)}


async def test_variables_that_vercel_does_not_take_are_named_without_their_values(story, vercel):
    with pytest.raises(ProviderRefused) as raised:
        await story.build(run_environment={"VERCEL_TOKEN": SECRET, "FINE": "x"})
    assert "VERCEL_TOKEN:RESERVED_ENV_VARIABLE" in raised.value.message
    assert "FINE" not in raised.value.message
    assert SECRET not in str(vars(raised.value))
    assert vercel.deployments == []


async def test_the_log_is_shown_once_in_order_whatever_its_form(story):
    await story.build()
    assert story.log.kept[1:] == [
        ("info", "build", "npm install"),
        ("info", "build", "added 12 packages"),
        ("info", "build", "warning: a peer is missing"),
        ("info", "build", "compiled"),
        ("info", "build", "in 3 s"),
    ]
    assert story.log.texts[0] == "Uploading 3 files to Vercel."


@pytest.mark.parametrize("fault", ["cut", "truncated", "503", "html"])
async def test_a_log_that_breaks_off_is_read_to_its_end_and_fails_no_build(story, vercel, fault):
    vercel.repositories["octo/site"] = 77
    request = story.request(commit=COMMIT)
    create = asyncio.create_task(story.deployer.build(request, story.log))
    while not vercel.deployments:
        await asyncio.sleep(0.001)
    vercel.faults.fail(f"/v3/deployments/{vercel.deployments[0].id}/events", fault)
    await create
    texts = story.log.texts
    assert texts == list(dict.fromkeys(texts))
    assert {"npm install", "in 3 s"} <= set(texts) or "log is missing" in texts[-1]


@pytest.mark.parametrize("lists_events", [True, False])
async def test_a_log_that_could_not_be_followed_is_read_at_the_end(story, vercel, lists_events):
    vercel.repositories["octo/site"] = 77
    vercel.lists_events = lists_events
    building = asyncio.create_task(story.build(commit=COMMIT))
    while not vercel.deployments:
        await asyncio.sleep(0.001)
    path = f"/v3/deployments/{vercel.deployments[0].id}/events"
    vercel.faults.fail(path, "forbidden")
    await building
    assert story.log.texts[0] == "npm install"
    assert story.log.texts[-1] == "in 3 s"
    assert len(vercel.calls("GET", path)) == 2


async def test_a_log_that_is_not_there_yet_is_followed_later(story, vercel):
    vercel.repositories["octo/site"] = 77
    building = asyncio.create_task(story.build(commit=COMMIT))
    while not vercel.deployments:
        await asyncio.sleep(0.001)
    path = f"/v3/deployments/{vercel.deployments[0].id}/events"
    vercel.faults.fail(path, "not_found")
    await building
    followed = [each.status for each in vercel.calls("GET", path) if "follow=1" in each.query]
    assert followed[:2] == [404, 200]
    assert story.log.texts[-1] == "in 3 s"


async def test_a_log_goes_on_where_an_earlier_process_ended(story, vercel, time):
    vercel.outcome = "never"
    vercel.lines += [(seconds, "stdout", f"at {seconds:g} s") for seconds in (14.0, 20.0, 26.0)]
    notes = KeptNotes()
    request = story.request(notes=notes)
    first = asyncio.create_task(story.deployer.build(request, story.log))

    def noted(text: str) -> bool:
        since = notes.values.get("log", {}).get("since", 0)
        return any(
            text == (event.get("payload") or event)["text"] and event["created"] <= since
            for event in vercel.deployments[0].events()
        )

    while not (vercel.deployments and noted("npm install")):
        await asyncio.sleep(0.001)
    vercel.deployments[0].outcome = "ready"
    first.cancel()
    await asyncio.wait({first})
    shown = list(story.log.texts)
    # As if it had been killed: nothing was cancelled, and nothing noted after that.
    vercel.deployments[0].canceled = False
    notes.values.pop("cancelled")
    await story.deployer.build(request, story.log)
    assert len(vercel.deployments) == 1
    assert story.log.texts[: len(shown)] == shown
    assert story.log.texts.count("npm install") == 1
    assert "in 3 s" in story.log.texts


async def test_a_build_that_fails_tells_why_in_vercels_words_without_secrets(story, vercel):
    vercel.outcome = "error"
    vercel.lines += [(9.0, "stderr", f"Error: cannot connect to {SECRET}")]
    with pytest.raises(BuildFailed) as raised:
        await story.build()
    error = raised.value
    assert (error.code, error.message) == (
        "build_failed", "The build failed at Vercel in buildStep: BUILD_FAILED.",
    )  # fmt: skip
    assert error.cause == 'Command "npm run build" exited with 1'
    assert error.log_tail[-1].startswith("Error: cannot connect to")
    assert SECRET not in str(vars(error))


async def test_a_build_that_is_blocked_says_who_unblocks_it(story, vercel):
    vercel.outcome = "blocked"
    with pytest.raises(DeploymentBlocked, match="COMMIT_AUTHOR_REQUIRED") as raised:
        await story.build()
    assert "author of the commit" in (raised.value.remedy or "")


async def test_a_build_that_is_cancelled_at_vercel_ends(story, vercel):
    vercel.outcome = "never"
    building = asyncio.create_task(story.build())
    while not vercel.deployments:
        await asyncio.sleep(0.001)
    vercel.deployments[0].canceled = True
    with pytest.raises(BuildFailed, match="cancelled at Vercel"):
        await building


async def test_a_build_without_an_end_is_cancelled(story, vercel, time):
    vercel.outcome = "never"
    with pytest.raises(BuildTimeout, match="after 2 hours"):
        await story.build()
    assert vercel.deployments[0].canceled
    assert time.seconds > 7000


async def test_a_state_that_is_new_ends_nothing(story, vercel):
    vercel.repositories["octo/site"] = 77
    vercel.faults.fail("POST /v13/deployments", "novel")
    building = asyncio.create_task(story.build(commit=COMMIT))
    while not vercel.deployments:
        await asyncio.sleep(0.001)
    vercel.faults.fail(f"/v13/deployments/{vercel.deployments[0].id}", "novel", "nulls", "503")
    _, artifact = await building
    assert artifact.key == vercel.deployments[0].id


async def test_cancelling_a_build_cancels_it_at_vercel_and_a_later_one_is_new(story, vercel):
    vercel.outcome = "never"
    request = story.request()
    for number in (1, 2):
        building = asyncio.create_task(story.deployer.build(request, story.log))
        while len(vercel.deployments) < number:
            await asyncio.sleep(0.001)
        building.cancel()
        with pytest.raises(asyncio.CancelledError):
            await building
        assert all(each.canceled for each in vercel.deployments)
    vercel.outcome = "ready"
    artifact = await story.deployer.build(request, story.log)
    assert artifact.key == vercel.deployments[0].id
    assert len(vercel.deployments) == 3


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"kind": "worker"}, "workers"),
        ({"workers": {"mail": "node mail.js"}}, "workers"),
        ({"release_command": "npm run migrate"}, "release commands"),
        ({"kind": "server", "framework": "rails"}, "server of rails"),
        ({"kind": "server", "framework": None, "language": None}, "server of this app"),
        ({"build_command": "x" * 257}, "longer than the 256"),
    ],
)
async def test_what_vercel_does_not_run_is_refused_before_any_call(story, vercel, changes, word):
    with pytest.raises(DeploymentFailed, match=word) as raised:
        await story.build(spec=replace(STATIC, **changes))
    assert raised.value.remedy
    assert vercel.exchanges == []


@pytest.mark.parametrize(
    ("framework", "theirs"),
    [
        ("nextjs", "nextjs"),
        ("sveltekit", "sveltekit-1"),
        ("nuxt", "nuxtjs"),
        ("fastapi", "fastapi"),
    ],
)
async def test_servers_of_frameworks_that_vercel_knows_are_built(story, vercel, framework, theirs):
    spec = replace(STATIC, kind="server", framework=framework, language="python")
    await story.build(spec=spec)
    settings = vercel.deployments[0].body["projectSettings"]
    assert (settings["framework"], settings["outputDirectory"]) == (theirs, None)


async def test_of_an_app_without_a_framework_vercel_runs_what_the_plan_says_alone(story, vercel):
    spec = replace(STATIC, framework="zig", install_command=None, build_command=None)
    await story.build(spec=spec)
    settings = vercel.deployments[0].body["projectSettings"]
    assert (settings["framework"], settings["buildCommand"], settings["installCommand"]) == (
        None, "", "",
    )  # fmt: skip


async def test_crons_of_our_own_are_said_not_to_run(story):
    await story.build(spec=replace(STATIC, crons={"nightly": Cron("0 3 * * *", "x")}))
    assert any("not nightly" in text for text in story.log.texts)


async def test_an_app_without_a_file_is_refused(story, vercel):
    (story.folder / ".vercelignore").write_text("*\n")
    with pytest.raises(DeploymentFailed, match="no file"):
        await story.build()
    assert vercel.deployments == []


@pytest.mark.parametrize(
    ("slug", "name"),
    [
        ("Shop", "shop-production-"),
        ("a---b__c", "a-b-c-production-"),
        ("x" * 99, "x" * 44 + "-"),
        ("ü", "production-"),
    ],
)
async def test_names_of_projects_are_within_vercels_rules(story, vercel, slug, name):
    story.app = replace(story.app, project_slug=slug, environment_id=uuid4())
    await story.build()
    assert vercel.projects[0].name == name + story.app.environment_id.hex[-8:]
