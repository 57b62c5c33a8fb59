"""An app's way at the emulated Render as the image of a Dockerfile."""

from dataclasses import replace

import pytest
from tests.providers.render.conftest import (
    APP,
    COMMIT,
    NAME,
    OTHER,
    SERVER,
    SITE,
    at_commit,
    build_request,
    release_request,
    reusing,
)

from autodeploy.kernel.errors import DeploymentFailed
from autodeploy.providers.base import Cron
from autodeploy.providers.drift import Comparison, DeclaredApp, Drift, DriftKind
from autodeploy.providers.images import ImageBuild
from autodeploy.providers.render.catalogue import RUNTIMES

pytestmark = [pytest.mark.contract(provider="render"), pytest.mark.usefixtures("described")]

IMAGE = ImageBuild("Dockerfile", port=9000)
#: In a language that Render does not build, started by its image alone.
PHP = replace(
    SERVER, language="php", install_command=None, build_command=None, start_command=None,
    image=IMAGE,
)  # fmt: skip
BUILT = {"dockerfilePath": "./Dockerfile", "dockerContext": ".", "dockerCommand": ""}


async def _deployed(apps, log, spec=PHP, sha: str = COMMIT, **values):
    """The key of a build that is live, and its release."""
    artifact = await apps.build(build_request(commit=at_commit(sha), spec=spec, **values), log)
    return artifact.key, await apps.deploy(release_request(artifact.key, spec=spec), log)


def _details(service):
    return service.sent["serviceDetails"]


async def test_it_is_built_from_its_dockerfile_and_told_the_port_that_it_exposes(apps, render, log):
    _, release = await _deployed(apps, log, replace(PHP, health_path="/up"))
    assert _details(render.service) == {
        "runtime": "docker", "envSpecificDetails": BUILT, "healthCheckPath": "/up", "plan": "free",
        "region": "oregon",
    }  # fmt: skip
    assert render.service.sent["rootDir"] == ""
    assert render.service.variables == {"PORT": "9000", "BUILD": "1", "KEY": "value"}
    assert (await apps.status(release)).state == "running"


@pytest.mark.parametrize(
    ("environment", "port", "told"),
    [({"PORT": "7000"}, 9000, "7000"), ({}, None, None)],
)
async def test_a_port_of_the_users_goes_first_and_none_is_made_up(
    apps, render, log, environment, port, told
):
    spec = replace(PHP, image=replace(IMAGE, port=port))
    await apps.build(build_request(spec=spec, run_environment=environment), log)
    assert render.service.variables.get("PORT") == told


@pytest.mark.parametrize(("port", "told"), [(9000, "9000"), (None, "8080")])
async def test_a_private_one_is_reached_where_it_listens(apps, render, log, port, told):
    spec = replace(PHP, private=True, image=replace(IMAGE, port=port))
    key, release = await _deployed(apps, log, spec)
    endpoint = await apps.promote(release_request(key, spec=spec), release)
    assert endpoint.url == f"http://{NAME}-djwo:{told}"
    assert render.service.variables["PORT"] == told


@pytest.mark.parametrize("context", [".", "apps/api"])
async def test_paths_of_an_app_below_the_root_are_those_of_the_repository(
    apps, render, log, context
):
    image = ImageBuild("apps/api/Dockerfile", context, "./serve --all")
    await _deployed(apps, log, replace(PHP, root_directory="apps/api", image=image))
    assert render.service.sent["rootDir"] == ""
    assert _details(render.service)["envSpecificDetails"] == {
        "dockerfilePath": "./apps/api/Dockerfile", "dockerContext": context,
        "dockerCommand": "./serve --all",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "runtime"),
    [
        (replace(SERVER, image=IMAGE), "node"),
        (replace(SERVER, image=replace(IMAGE, asked=True)), "docker"),
        (replace(SERVER, image=IMAGE, start_command=None), "docker"),
        (replace(PHP, start_command="php -S 0.0.0.0:$PORT"), "docker"),
        (replace(PHP, language=None), "docker"),
    ],
)
async def test_an_image_is_taken_where_it_is_asked_for_or_there_is_no_other_way(
    apps, render, log, spec, runtime
):
    await apps.build(build_request(spec=spec), log)
    assert _details(render.service)["runtime"] == runtime


async def test_a_static_site_stays_one(apps, render, log):
    await apps.build(build_request(spec=replace(SITE, image=IMAGE)), log)
    assert render.service.sent["type"] == "static_site"


async def test_without_a_dockerfile_a_language_is_refused_with_what_to_do(apps, render, log):
    with pytest.raises(DeploymentFailed, match="no runtime for php") as refused:
        await apps.build(build_request(spec=replace(PHP, image=None, start_command="x")), log)
    assert "Add a Dockerfile" in refused.value.remedy
    assert all(language in refused.value.remedy for language in RUNTIMES)
    assert render.services == {}


async def test_a_release_command_is_run_in_the_image_before_each_release(apps, render, log):
    image = replace(IMAGE, release_command="php artisan migrate")
    # What is worked out from the code is for a build of the code.
    spec = replace(PHP, image=image, release_command="guessed")
    await _deployed(apps, log, spec, plan="starter")
    assert _details(render.service)["preDeployCommand"] == "php artisan migrate"
    await _deployed(apps, log, PHP)
    assert _details(render.service)["preDeployCommand"] == ""


async def test_a_release_command_on_the_free_plan_is_refused_before_anything_is_made(
    apps, render, log
):
    image = replace(IMAGE, release_command="php artisan migrate")
    with pytest.raises(DeploymentFailed, match="on the plan free") as refused:
        await _deployed(apps, log, replace(PHP, image=image))
    assert refused.value.field == "configuration.plan"
    assert "starter" in refused.value.remedy
    assert render.services == {}


async def test_workers_and_crons_are_built_from_the_same_file(apps, render, log):
    spec = replace(PHP, workers={"mail": "php mail.php"},
                   crons={"tidy": Cron("5 4 * * *", "php tidy.php")})  # fmt: skip
    await _deployed(apps, log, replace(spec, root_directory="api"))
    mail, tidy = render.beside("mail"), render.beside("tidy")
    for service, command in ((mail, "php mail.php"), (tidy, "php tidy.php")):
        assert _details(service)["runtime"] == "docker"
        assert _details(service)["envSpecificDetails"] == {**BUILT, "dockerCommand": command}
        assert (service.sent["rootDir"], _details(service)["plan"]) == ("", "starter")


@pytest.mark.parametrize("shown", ["./Dockerfile", "Dockerfile"])
async def test_what_is_as_drawn_is_not_changed(apps, render, log, shown):
    await _deployed(apps, log)
    _details(render.service)["envSpecificDetails"] |= {"dockerfilePath": shown, "dockerContext": ""}
    await _deployed(apps, log, sha=OTHER)
    assert render.calls("PATCH", f"/services/{render.service.id}") == []


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (PHP, replace(PHP, image=replace(IMAGE, command="./other"))),
        (PHP, replace(PHP, image=ImageBuild("other/Dockerfile", port=9000))),
        (PHP, replace(PHP, image=replace(IMAGE, context="app"))),
        (replace(PHP, image=replace(IMAGE, command="./serve")), PHP),
        (replace(SERVER, root_directory="web"), PHP),
        (PHP, replace(SERVER, root_directory="web")),
        (SERVER, replace(SERVER, language="ruby")),
    ],
)
async def test_another_way_to_build_is_set_at_the_service_that_is_there(
    apps, render, log, first, then
):
    await _deployed(apps, log, first)
    service = render.service
    _, release = await _deployed(apps, log, then, sha=OTHER)
    assert render.service is service
    assert (_details(service), service.sent["rootDir"]) == await _drawn_anew(
        apps, render, then, log
    )
    declared = DeclaredApp(APP, release, then, {"BUILD": "1"}, {"KEY": "value"})
    assert await apps.compare(declared) == Comparison(())


async def _drawn_anew(apps, render, spec, log):
    """How a service of its own is made for it."""
    app = replace(APP, environment="staging")
    await apps.build(build_request(app=app, spec=spec), log)
    [made] = [each for each in render.services.values() if "staging" in each.name]
    del render.services[made.id]
    return _details(made), made.sent["rootDir"]


async def test_a_rollback_to_a_build_of_another_runtime_sets_that_again(apps, render, log):
    native = replace(SERVER, root_directory="web", workers={"mail": "node mail.js"})
    key, _ = await _deployed(apps, log, native)
    await _deployed(apps, log, replace(PHP, workers={"mail": "php mail.php"}), sha=OTHER)
    assert _details(render.beside("mail"))["runtime"] == "docker"
    release = await apps.deploy(reusing(key, spec=native), log)
    assert (render.service.deploys[-1].trigger, render.service.deploys[-1].commit) == (
        "rollback", COMMIT,
    )  # fmt: skip
    for service, command in (
        (render.service, "node server.js"), (render.beside("mail"), "node mail.js"),
    ):  # fmt: skip
        assert _details(service)["runtime"] == "node"
        assert _details(service)["envSpecificDetails"]["startCommand"] == command
        assert service.sent["rootDir"] == "web"
    given: tuple[dict[str, str], dict[str, str]] = {}, {"KEY": "value"}
    declared = DeclaredApp(APP, release, native, *given, commit=at_commit(COMMIT))
    assert await apps.compare(declared) == Comparison(())


async def test_what_somebody_has_set_of_an_image_is_told(apps, render, log):
    spec = replace(PHP, workers={"mail": "php mail.php"})
    _, release = await _deployed(apps, log, spec)
    given = {"BUILD": "1"}, {"KEY": "value"}
    declared = DeclaredApp(APP, release, spec, *given, commit=at_commit(COMMIT))
    assert await apps.compare(declared) == Comparison(())
    for service in (render.service, render.beside("mail")):
        _details(service)["runtime"] = "node"
    _details(render.service)["envSpecificDetails"] |= {
        "dockerfilePath": "Dockerfile.other", "dockerContext": "./php", "dockerCommand": "php -a",
    }  # fmt: skip
    found = await apps.compare(declared)
    assert set(found.drifts) == {
        Drift(DriftKind.RUNTIME, declared="docker", found="node"),
        Drift(DriftKind.RUNTIME, render.beside("mail").name, declared="docker", found="node"),
        Drift(DriftKind.DOCKERFILE, declared="./Dockerfile", found="Dockerfile.other"),
        Drift(DriftKind.DOCKER_CONTEXT, declared=".", found="./php"),
        Drift(DriftKind.START_COMMAND, declared="", found="php -a"),
    }


async def test_a_service_that_somebody_builds_from_source_has_no_folder_of_a_dockerfile(
    apps, render, log
):
    spec = replace(PHP, image=replace(IMAGE, context="php"))
    _, release = await _deployed(apps, log, spec)
    commands = {"buildCommand": "make", "startCommand": "./serve"}
    _details(render.service).update({"runtime": "node", "envSpecificDetails": commands})
    given = {"BUILD": "1"}, {"KEY": "value"}
    declared = DeclaredApp(APP, release, spec, *given, commit=at_commit(COMMIT))
    assert set((await apps.compare(declared)).drifts) == {
        Drift(DriftKind.RUNTIME, declared="docker", found="node"),
        Drift(DriftKind.START_COMMAND, declared="", found="./serve"),
    }


async def test_a_runtime_whose_setting_is_not_answered_is_set_and_the_rollback_made_once(
    apps, hasty_apps, render, log
):
    key, _ = await _deployed(apps, log, SERVER)
    await _deployed(apps, log, PHP, sha=OTHER)
    request = reusing(key)
    render.faults.fail(f"PATCH /services/{render.service.id}", "lost")
    first = await hasty_apps.deploy(request, log)
    # As by a worker that goes on where another one died.
    assert await hasty_apps.deploy(request, log) == first
    assert _details(render.service)["runtime"] == "node"
    assert [each.trigger for each in render.service.deploys].count("rollback") == 1
