"""An app's way at the emulated Render: made, built, live, replaced, brought back, removed."""

from dataclasses import replace
from uuid import uuid4

import pytest
from tests.fakes import render_state
from tests.fakes.render_api import OWNER, TOKEN
from tests.fakes.render_state import FakeLine
from tests.providers.render.conftest import (
    APP,
    COMMIT,
    NAME,
    OTHER,
    SERVER,
    SITE,
    KeptNotes,
    account,
    at_commit,
    build_request,
    release_request,
    reusing,
)

from autodeploy.kernel.errors import DeploymentFailed, InvalidInput, NotFound
from autodeploy.providers.base import BuildSpec, CommitSource
from autodeploy.providers.render.naming import MARK

pytestmark = pytest.mark.contract(provider="render")


async def _deployed(apps, log, sha: str = COMMIT, **values):
    """A build that is live. Returns its key and release."""
    artifact = await apps.build(build_request(commit=at_commit(sha), **values), log)
    release = await apps.deploy(release_request(artifact.key), log)
    return artifact.key, release


async def test_a_token_tells_whose_it_is_and_which_workspaces_it_reaches(provider, render):
    render.owners = [{**OWNER, "id": f"tea-{n}", "name": f"Team {n}"} for n in range(120)]
    told = await provider.check_token(TOKEN)
    assert (told.id, told.name, len(told.owners)) == ("ops@acme.test", "Ops", 120)
    assert told.missing == ()


async def test_a_token_is_shown_nowhere(provider):
    bound = account()
    apps, databases = provider.deploys_as(bound), provider.databases_as(bound)
    assert TOKEN not in f"{provider!r} {bound!r} {apps!r} {databases!r} {vars(apps)!r}"


async def test_a_first_build_makes_the_service_and_adopts_its_first_deploy(apps, render, log):
    key, release = await _deployed(apps, log)
    service = render.service
    assert service.name == NAME
    assert service.sent["autoDeploy"] == "no"
    assert service.sent["repo"] == "https://github.com/octo/shop"
    assert service.sent["serviceDetails"] == {
        "runtime": "node", "plan": "free", "region": "oregon",
        "envSpecificDetails": {
            "buildCommand": "npm ci && npm run build", "startCommand": "node server.js",
        },
    }  # fmt: skip
    assert service.variables == {"NODE_VERSION": "22", "BUILD": "1", "KEY": "value"}
    (deploy,) = service.deploys
    assert key.startswith(f"{service.id}/{deploy.id}/")
    assert release.resources == {"service": service.id, "deploy": deploy.id, "owner": "tea-acme"}
    assert release.check_urls == (f"https://{NAME}.onrender.com",)
    assert render.calls("POST", f"/services/{service.id}/deploys") == []


async def test_a_build_is_over_before_the_release_is_live(apps, render, log):
    artifact = await apps.build(build_request(), log)
    (deploy,) = render.service.deploys
    assert render.status(deploy) == "update_in_progress"
    assert await apps.has_build(artifact.key)
    release = await apps.deploy(release_request(artifact.key), log)
    assert render.status(deploy) == "live"
    endpoint = await apps.promote(release_request(artifact.key), release)
    assert endpoint.url == f"https://{NAME}.onrender.com"
    assert (await apps.status(release)).state == "running"


async def test_a_first_deploy_of_another_commit_is_stopped_for_ours(apps, render, log):
    """Render begins with the newest commit of the branch, which need not be ours."""
    key, _ = await _deployed(apps, log, OTHER)
    first, ours = render.service.deploys
    assert (first.commit, render.status(first)) == (COMMIT, "canceled")
    assert (ours.commit, render.status(ours)) == (OTHER, "live")
    assert f"/{ours.id}/" in key


async def test_a_second_build_finds_the_service_and_replaces_its_variables(apps, render, log):
    await _deployed(apps, log)
    await _deployed(apps, log, OTHER, environment={}, run_environment={"NEW": "x"})
    old, new = render.service.deploys
    assert (render.status(old), render.status(new)) == ("deactivated", "live")
    assert (new.commit, new.trigger) == (OTHER, "api")
    assert render.service.variables == {"NODE_VERSION": "22", "NEW": "x"}
    assert render.calls("PATCH", f"/services/{render.service.id}") == []


@pytest.mark.parametrize(
    ("commit", "values"),
    [
        (at_commit(OTHER, "next"), {}),
        (replace(at_commit(OTHER), github="octo/other"), {}),
        (at_commit(OTHER), {"root_directory": "web"}),
        (at_commit(OTHER), {"start_command": "node other.js"}),
        (at_commit(OTHER), {"build_command": "npm run other"}),
    ],
)
async def test_what_differs_is_changed_before_the_next_deploy(apps, render, log, commit, values):
    await _deployed(apps, log)
    spec = replace(SERVER, **values)
    await apps.build(build_request(commit=commit, spec=spec), log)
    sent = render.service.sent
    assert sent["repo"] == f"https://github.com/{commit.github}"
    assert (sent["branch"], sent["rootDir"]) == (commit.branch, spec.root_directory)
    assert sent["serviceDetails"]["envSpecificDetails"] == {
        "buildCommand": f"npm ci && {spec.build_command}", "startCommand": spec.start_command,
    }  # fmt: skip
    assert len(render.calls("PATCH", f"/services/{render.service.id}")) == 1


async def test_a_service_whose_pushes_were_switched_on_has_them_off_again(apps, render, log):
    await _deployed(apps, log)
    render.service.sent["autoDeploy"] = "yes"
    await apps.build(build_request(commit=at_commit(OTHER)), log)
    assert render.service.sent["autoDeploy"] == "no"


async def test_a_deploy_that_waits_behind_another_is_found(apps, render, log):
    """Render answers 202 with nothing."""
    await _deployed(apps, log)
    busy = render.service.start(render.time.monotonic(), "c" * 40, "manual")
    key, release = await _deployed(apps, log, OTHER)
    path = f"/services/{render.service.id}/deploys"
    assert [each.status for each in render.calls("POST", path)] == [202]
    queued = render.service.deploys[-1]
    assert busy is not queued
    assert f"/{queued.id}/" in key
    assert release.resources["deploy"] == queued.id


async def test_a_static_site_has_its_folder_and_routes(apps, render, log):
    await apps.build(build_request(spec=replace(SITE, spa_fallback=True)), log)
    service = render.service
    assert service.sent["type"] == "static_site"
    assert service.sent["serviceDetails"]["publishPath"] == "dist"
    assert [each["destination"] for each in service.routes] == ["/index.html"]
    await apps.build(build_request(spec=SITE, commit=at_commit(OTHER)), log)
    assert service.routes == []


async def test_a_worker_has_a_paid_plan_and_no_address(apps, render, log):
    spec = replace(SERVER, kind="worker", release_command="npm run migrate")
    key, release = await _deployed(apps, log, spec=spec)
    details = render.service.sent["serviceDetails"]
    assert render.service.sent["type"] == "background_worker"
    assert (details["plan"], details["preDeployCommand"]) == ("starter", "npm run migrate")
    assert (await apps.promote(release_request(key), release)).url == ""


async def test_the_free_plan_runs_the_release_command_before_the_start(apps, render, log):
    spec = replace(SERVER, release_command="npm run migrate")
    await apps.build(build_request(spec=spec), log)
    details = render.service.sent["serviceDetails"]
    assert details["envSpecificDetails"]["startCommand"] == "npm run migrate && node server.js"
    assert "preDeployCommand" not in details


def _spec(**values) -> BuildSpec:
    return replace(SERVER, **values)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"commit": None}, "upload"),
        ({"commit": CommitSource("git@example.com:a/b.git", "main", COMMIT)}, "https"),
        ({"commit": CommitSource("https://u:p@example.com/a.git", "main", COMMIT)}, "https"),
        ({"spec": _spec(language="php")}, "runtime"),
    ],
)
async def test_what_render_cannot_host_is_refused_before_anything_is_made(
    apps, render, log, values, said
):
    with pytest.raises(DeploymentFailed, match=said) as raised:
        await apps.build(build_request(**values), log)
    assert raised.value.remedy
    assert render.exchanges == []
    assert ":p@" not in raised.value.message


async def test_an_app_that_becomes_of_another_type_is_refused(apps, render, log):
    await _deployed(apps, log)
    with pytest.raises(DeploymentFailed, match="cannot change"):
        await apps.build(build_request(spec=SITE), log)
    assert len(render.service.deploys) == 1


async def test_a_service_that_is_suspended_says_how_to_go_on(apps, render, log):
    await _deployed(apps, log)
    render.service.suspended = True
    with pytest.raises(DeploymentFailed, match="suspended") as raised:
        await apps.build(build_request(), log)
    assert "Resume" in raised.value.remedy


async def test_without_a_choice_the_only_workspace_is_meant(provider, render, log):
    apps = provider.deploys_as(account(owner_id=None))
    await apps.build(build_request(), log)
    assert render.service.sent["ownerId"] == "tea-acme"
    render.owners = [*render.owners, {**OWNER, "id": "tea-2", "name": "Second"}]
    with pytest.raises(InvalidInput, match="several") as raised:
        await apps.build(build_request(), log)
    assert "Acme, Second" in raised.value.remedy


async def test_the_lines_of_a_build_come_while_it_builds_and_once(apps, render, log):
    await apps.build(build_request(), log)
    (deploy,) = render.service.deploys
    assert log.of("build") == [f"{deploy.id} line {number}" for number in range(9)]
    first = log.lines.index(("info", "build", f"{deploy.id} line 0"))
    assert first < log.lines.index(
        ("info", "render", "Render starts the new release and checks its health.")
    )
    await apps.build(build_request(commit=at_commit(OTHER)), log)
    assert len(log.of("build")) == len(set(log.of("build"))) == 18


async def test_a_long_log_is_read_page_by_page(apps, render, log):
    request = build_request()

    def talk() -> None:
        service = render.service
        begun = service.deploys[0].begins
        service.lines = [FakeLine(begun + n / 1000, "build", f"line {n}") for n in range(350)]

    request.notes.at["service", "after"] = talk
    await apps.build(request, log)
    assert log.of("build") == [f"line {number}" for number in range(350)]


@pytest.mark.parametrize(
    ("ends", "reason", "code", "cause"),
    [
        ("build_failed", {"evicted": False, "nonZeroExit": 3}, "build_failed", "exit code 3"),
        ("build_failed", {"evicted": False, "oomKilled": {"memoryLimit": "512Mi"}},
         "build_failed", "512Mi"),
        ("build_failed", {"evicted": False, "timedOutSeconds": 900}, "build_failed", "900 s"),
        ("pre_deploy_failed", {"evicted": False, "nonZeroExit": 1}, "release_command_failed",
         "exit code 1"),
        ("update_failed", {"evicted": False, "unhealthy": "no port"}, "deployment_failed",
         "no port"),
        ("update_failed", {"evicted": True, "evictionReason": "disk"}, "deployment_failed", "disk"),
        ("update_failed", {"evicted": False, "earlyExit": True}, "deployment_failed", "early"),
    ],
)  # fmt: skip
async def test_a_deploy_that_fails_says_why(apps, render, log, ends, reason, code, cause):
    render.outcomes, render.reason = [ends], reason
    with pytest.raises(DeploymentFailed) as raised:
        await _deployed(apps, log)
    assert raised.value.code == code
    assert cause in raised.value.cause
    assert raised.value.remedy
    if ends == "build_failed":
        assert raised.value.log_tail[-1].endswith("line 8")


async def test_a_release_that_fails_once_it_is_live_is_told(apps, render, log, time):
    """And not what befell the one before while it was built."""
    request = build_request()
    request.notes.at["deploy", "after"] = lambda: render.happen("server_failed", instanceID="i")
    artifact = await apps.build(request, log)
    release = await apps.deploy(release_request(artifact.key), log)
    assert (await apps.status(release)).state == "running"
    told = []
    for kind, details in (
        ("server_failed", {"instanceID": "i", "reason": {"evicted": False, "nonZeroExit": 7}}),
        ("server_available", {}),
        ("server_failed", {"reason": {"evicted": False, "oomKilled": {"memoryLimit": "512Mi"}}}),
        ("service_suspended", {}),
        ("service_resumed", {}),
    ):
        time.seconds += 5
        render.happen(kind, **details)
        status = await apps.status(release)
        told.append((status.state, status.restarts, status.exit_code, status.out_of_memory))
    assert told == [
        ("backoff", 1, 7, False), ("running", 1, 7, False), ("backoff", 2, None, True),
        ("stopped", 2, None, True), ("running", 2, None, True),
    ]  # fmt: skip


async def test_an_app_that_does_not_start_shows_what_it_said(apps, render, log):
    render.outcomes = ["update_failed"]
    artifact = await apps.build(build_request(), log)
    render.say("Error: DATABASE_URL is not set", "error")
    with pytest.raises(DeploymentFailed, match="did not start") as raised:
        await apps.deploy(release_request(artifact.key), log)
    assert raised.value.log_tail == ["Error: DATABASE_URL is not set"]


async def test_a_release_that_failed_before_it_was_asked_for_says_why(apps, render, log, time):
    render.outcomes = ["update_failed"]
    artifact = await apps.build(build_request(), log)
    time.seconds += 60
    with pytest.raises(DeploymentFailed, match="did not start") as raised:
        await apps.deploy(release_request(artifact.key), log)
    assert "exit code 1" in raised.value.cause


async def test_a_deploy_that_somebody_cancels_there_is_told(apps, render, log):
    request = build_request()
    request.notes.at["deploy", "after"] = lambda: setattr(
        render.service.deploys[0], "canceled_at", render.time.monotonic()
    )
    with pytest.raises(DeploymentFailed, match="cancelled at Render"):
        await apps.build(request, log)


async def test_a_build_that_never_ends_is_given_up(apps, log, time, monkeypatch):
    monkeypatch.setitem(render_state.PATHS, "live", [("build_in_progress", 1e9)])
    with pytest.raises(DeploymentFailed, match="60 min"):
        await apps.build(build_request(), log)
    assert 3600 <= sum(time.slept) < 3700


async def test_an_earlier_build_is_brought_back_by_a_rollback(apps, render, log):
    key, _ = await _deployed(apps, log)
    await _deployed(apps, log, OTHER)
    request = reusing(key, environment={"KEY": "old"})
    release = await apps.deploy(request, log)
    back = render.service.deploys[-1]
    assert (back.trigger, back.commit, render.status(back)) == ("rollback", COMMIT, "live")
    assert release.resources["deploy"] == back.id
    assert render.service.variables.pop(MARK).startswith(str(request.deployment_id))
    assert render.service.variables == {"NODE_VERSION": "22", "KEY": "old"}
    assert (await apps.promote(request, release)).url


async def test_a_rollback_to_where_the_app_is_starts_nothing(apps, render, log):
    key, _ = await _deployed(apps, log)
    await _deployed(apps, log, OTHER)
    first = await apps.deploy(reusing(key), log)
    again = await apps.deploy(reusing(key), log)
    assert first.resources == again.resources
    assert len(render.service.deploys) == 3


async def test_a_rollback_to_where_the_app_is_with_other_variables_is_made(apps, render, log):
    key, _ = await _deployed(apps, log)
    await _deployed(apps, log, OTHER)
    await apps.deploy(reusing(key), log)
    await apps.deploy(reusing(key, environment={"KEY": "new"}), log)
    assert [each.trigger for each in render.service.deploys[2:]] == ["rollback", "rollback"]
    assert render.service.variables["KEY"] == "new"


async def test_a_build_that_is_live_is_used_again_as_it_is(apps, render, log):
    key, release = await _deployed(apps, log, environment={})
    again = await apps.deploy(reusing(key), log)
    assert again.resources == release.resources
    assert len(render.service.deploys) == 1


async def test_a_build_that_is_live_gets_other_variables_by_another_deploy(apps, render, log):
    key, _ = await _deployed(apps, log, environment={})
    release = await apps.deploy(reusing(key, environment={"KEY": "new"}), log)
    _, again = render.service.deploys
    assert (again.commit, again.trigger, render.status(again)) == (COMMIT, "api", "live")
    assert not again.built
    assert release.resources["deploy"] == again.id
    assert render.service.variables["KEY"] == "new"


async def test_a_build_that_is_live_behind_one_that_failed_is_named(apps, render, log):
    """What was built last is another one."""
    key, _ = await _deployed(apps, log)
    render.outcomes = ["update_failed"]
    with pytest.raises(DeploymentFailed):
        await _deployed(apps, log, OTHER)
    await apps.deploy(reusing(key, environment={"KEY": "new"}), log)
    again = render.service.deploys[-1]
    assert (again.trigger, again.target, again.commit) == ("rollback", key.split("/")[1], COMMIT)


async def test_builds_of_one_commit_are_told_apart_by_a_rollback(apps, render, log):
    one, _ = await _deployed(apps, log)
    two, _ = await _deployed(apps, log)
    await _deployed(apps, log, OTHER)
    for key in (one, two):
        await apps.deploy(reusing(key), log)
    targets = [each.target for each in render.service.deploys[3:]]
    assert targets == [one.split("/")[1], two.split("/")[1]]


async def test_a_build_of_another_environment_is_not_released(apps, render, log):
    key, _ = await _deployed(apps, log)
    app = replace(build_request().app, environment_id=uuid4())
    with pytest.raises(DeploymentFailed, match="another environment"):
        await apps.deploy(reusing(key, app=app), log)
    assert len(render.service.deploys) == 1


async def test_a_release_that_was_replaced_is_not_promoted(apps, render, log):
    key, release = await _deployed(apps, log)
    await _deployed(apps, log, OTHER)
    with pytest.raises(DeploymentFailed, match="deactivated"):
        await apps.promote(release_request(key), release)
    assert (await apps.status(release)).state == "stopped"


async def test_a_build_of_another_provider_or_one_that_is_gone_is_refused(apps, render, log):
    assert not await apps.has_build("artifacts/7/x")
    with pytest.raises(DeploymentFailed, match="not made at Render"):
        await apps.deploy(release_request("artifacts/7/x"), log)
    key, release = await _deployed(apps, log)
    render.service.deploys.clear()
    assert not await apps.has_build(key)
    with pytest.raises(DeploymentFailed, match="no more"):
        await apps.deploy(release_request(key), log)
    assert (await apps.status(release)).state == "absent"


async def test_a_build_that_failed_is_none(apps, render, log):
    request = build_request()
    render.outcomes = ["build_failed"]
    with pytest.raises(DeploymentFailed):
        await apps.build(request, log)
    values = request.notes.values
    assert not await apps.has_build(
        f"{values['service']}/{values['deploy']}/{request.deployment_id}"
    )


async def test_an_app_is_removed_with_its_service_and_only_its_own(apps, render, log):
    await _deployed(apps, log)
    app = replace(build_request().app, environment_id=uuid4())
    await apps.build(build_request(app=app), log)
    await apps.destroy(build_request().app)
    await apps.destroy(build_request().app)
    assert render.service.name != NAME


async def test_what_an_app_prints_is_read_on_from_the_cursor(provider, apps, render, log, time):
    _, release = await _deployed(apps, log)
    render.say("one")
    render.say("two", "error")
    time.seconds += 2
    told = await apps.runtime_lines(release, None, 0)
    assert [(stream, text) for _, stream, text in told.lines] == [
        ("stdout", "one"), ("stderr", "two"),
    ]  # fmt: skip
    render.say("three")
    more = await provider.deploys_as(account()).runtime_lines(release, told.cursor, 10)
    assert [text for _, _, text in more.lines] == ["three"]
    assert (await apps.runtime_lines(release, more.cursor, 0)).lines == ()
    assert TOKEN not in more.cursor


async def test_output_is_read_by_a_process_that_did_not_deploy(provider, apps, render, log):
    _, release = await _deployed(apps, log)
    render.say("hello")
    render.time.seconds += 2
    told = await provider.deploys_as(account()).runtime_lines(release, None, 0)
    assert [text for _, _, text in told.lines] == ["hello"]
    await apps.destroy(APP)
    with pytest.raises(NotFound):
        await apps.runtime_lines(release, None, 0)


def _health_path(render) -> str | None:
    return render.service.sent["serviceDetails"].get("healthCheckPath")


async def test_the_health_path_that_is_declared_is_asked_by_render_too(apps, render, log):
    await _deployed(apps, log)
    assert _health_path(render) is None
    await _deployed(apps, log, OTHER, spec=replace(SERVER, health_path="/up"))
    assert _health_path(render) == "/up"
    await _deployed(apps, log, OTHER, spec=replace(SERVER, health_path="/up"))
    assert len(render.calls("PATCH", f"/services/{render.service.id}")) == 1


async def test_a_worker_has_no_health_path(apps, render, log):
    await apps.build(build_request(spec=replace(SERVER, kind="worker", health_path="/up")), log)
    assert _health_path(render) is None


async def test_a_health_path_of_the_dashboard_stays_where_none_is_declared(apps, render, log):
    key, _ = await _deployed(apps, log)
    render.service.sent["serviceDetails"]["healthCheckPath"] = "/theirs"
    await apps.deploy(reusing(key, environment={"KEY": "new"}), log)
    await _deployed(apps, log, OTHER)
    assert _health_path(render) == "/theirs"


async def test_an_earlier_build_is_asked_where_it_has_said(apps, render, log):
    """A path of the later one may not be there, and the release would never be healthy."""
    key, _ = await _deployed(apps, log)
    later, _ = await _deployed(apps, log, OTHER, spec=replace(SERVER, health_path="/up"))
    await apps.deploy(reusing(key), log)
    assert _health_path(render) == ""
    await apps.deploy(reusing(later, spec=replace(SERVER, health_path="/up")), log)
    assert _health_path(render) == "/up"


async def test_a_server_is_not_asked_at_an_address_that_is_switched_off(apps, render, log):
    key, _ = await _deployed(apps, log)
    render.service.scaling["renderSubdomainPolicy"] = "disabled"
    assert (await apps.deploy(reusing(key), log)).check_urls == ()


@pytest.mark.parametrize("kind", ["static", "worker"])
async def test_only_a_server_is_asked_at_its_address(apps, log, kind):
    _, release = await _deployed(apps, log, spec=replace(SITE, kind=kind, start_command="x"))
    assert release.check_urls == ()


async def test_what_is_live_is_told_from_what_somebody_changed_at_render(apps, render, log):
    _, release = await _deployed(apps, log)
    assert (await apps.live_status(APP, release)).state == "running"
    # Somebody deploys in the dashboard.
    render.service.start(render.time.monotonic(), OTHER, "manual")
    assert (await apps.live_status(APP, release)).state == "running"
    render.time.seconds += 60
    assert (await apps.live_status(APP, release)).state == "replaced"
    render.service.suspended = True
    assert (await apps.live_status(APP, release)).state == "stopped"
    await apps.destroy(APP)
    assert (await apps.live_status(APP, release)).state == "absent"


async def test_events_whose_reason_or_trigger_is_a_word_hide_no_other(apps, render, log, time):
    _, release = await _deployed(apps, log)
    time.seconds += 5
    render.happen("server_failed", instanceID="i", reason={"evicted": False, "nonZeroExit": 7})
    for kind, details in (
        ("zero_downtime_redeploy_started", {"trigger": "maintenance"}),
        ("auto_deploy_disabled", {"reason": "rollback"}),
    ):
        time.seconds += 5
        render.happen(kind, **details)
    status = await apps.live_status(APP, release)
    assert (status.state, status.exit_code) == ("backoff", 7)


async def test_nothing_is_left_to_do_for_releases_that_are_replaced(apps, render, log):
    await _deployed(apps, log)
    before = len(render.exchanges)
    app = build_request().app
    await apps.prepare(app, {})
    await apps.remove_builds(app)
    assert len(render.exchanges) == before
    assert KeptNotes().values == {}


async def test_a_repository_is_fetched_from_where_github_is_set_to_be(apps, render, log):
    web = "http://127.0.0.1:8765"
    commit = CommitSource(f"{web}/octo/shop", "main", COMMIT, "octo/shop", 5, web)
    await apps.build(build_request(commit=commit), log)
    [service] = render.services.values()
    assert service.sent["repo"] == f"{web}/octo/shop"
