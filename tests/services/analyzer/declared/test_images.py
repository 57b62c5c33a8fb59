"""What a Dockerfile makes of an app: which one, from where, and with which commands."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.services.analyzer.trees import plan_of

from autodeploy.kernel.app_file import AutodeployTomlInvalid
from autodeploy.providers.images import ImageBuild
from autodeploy.services.analyzer.plan import AppKind, NothingToRun, Plan
from autodeploy.services.analyzer.schemas import build_configuration

DOCKERFILE = "FROM php:8-apache\nEXPOSE 8080\nCOPY . /var/www/html\n"
PHP = {"composer.json": "{}", "index.php": "<?php", "Dockerfile": DOCKERFILE}
NODE = {"package.json": '{"scripts": {"start": "node server.js"}}', "server.js": ""}


def image_of(plan: Plan) -> ImageBuild | None:
    return plan.build_spec().image


def render_yaml(**service: str) -> str:
    said = {"type": "web", "name": "api", "runtime": "docker", **service}
    return f"services:\n  - {{{', '.join(f'{key}: {value}' for key, value in said.items())}}}\n"


def test_a_dockerfile_beside_the_app_is_a_way_that_nobody_asked_for(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, PHP)
    assert image_of(plan) == ImageBuild("Dockerfile", ".", port=8080)
    assert plan.image is not None
    assert plan.image.reason == "Dockerfile: FROM"
    assert build_configuration(plan).image == plan.image


def test_without_one_there_is_no_image(tmp_path: Path) -> None:
    assert image_of(plan_of(tmp_path, NODE)) is None


def test_of_an_app_in_a_folder_both_paths_are_those_of_the_repository(tmp_path: Path) -> None:
    files = {f"apps/api/{path}": text for path, text in PHP.items()}
    plan = plan_of(tmp_path, {**files, "Dockerfile": "FROM another"}, "apps/api")
    assert image_of(plan) == ImageBuild("apps/api/Dockerfile", "apps/api", port=8080)


def test_what_nothing_but_its_dockerfile_starts_has_a_way_to_be_run(tmp_path: Path) -> None:
    files = {"main.zig": "", "Dockerfile": "FROM alpine\nCMD /app/main"}
    plan = plan_of(tmp_path / "with", files)
    spec = plan.build_spec()
    assert (plan.kind, spec.kind, spec.start_command) == (AppKind.LIBRARY, "server", None)
    assert spec.image == ImageBuild("Dockerfile")
    assert [one for one in plan.warnings if one.startswith("Nothing but its Dockerfile")]
    with pytest.raises(NothingToRun) as refused:
        plan_of(tmp_path / "without", {"main.zig": ""}).build_spec()
    assert "Dockerfile" in (refused.value.remedy or "")


@pytest.mark.parametrize(
    ("files", "image"),
    [
        (
            {"autodeploy.toml": "[docker]", "Dockerfile": DOCKERFILE},
            ImageBuild("Dockerfile", port=8080, asked=True),
        ),
        (
            {"autodeploy.toml": '[docker]\nfile = "ops/web.Dockerfile"\ncontext = "ops"',
             "ops/web.Dockerfile": "FROM x\nEXPOSE 99", "Dockerfile": DOCKERFILE},
            ImageBuild("ops/web.Dockerfile", "ops", port=99, asked=True),
        ),
        (
            {"render.yaml": render_yaml(dockerCommand="./serve", preDeployCommand="/bin/prepare"),
             "Dockerfile": DOCKERFILE},
            ImageBuild("Dockerfile", ".", "./serve", "/bin/prepare", 8080, asked=True),
        ),
        (
            {"render.yaml": render_yaml(dockerfilePath="./ops/Dockerfile", dockerContext="./ops"),
             "ops/Dockerfile": "FROM x"},
            ImageBuild("ops/Dockerfile", "ops", asked=True),
        ),
        # The owner's own file outranks that of Render.
        (
            {"render.yaml": render_yaml(dockerCommand="./serve", preDeployCommand="./prepare"),
             "autodeploy.toml": 'start = "./toml"\nrelease = "./first"\n[docker]',
             "Dockerfile": "FROM x"},
            ImageBuild("Dockerfile", ".", "./toml", "./first", asked=True),
        ),
        (
            {"render.yaml": render_yaml(runtime="node"), "Dockerfile": "FROM x"},
            ImageBuild("Dockerfile"),
        ),
    ],
)  # fmt: skip
def test_who_asks_for_an_image_says_which(
    tmp_path: Path, files: Mapping[str, str], image: ImageBuild
) -> None:
    plan = plan_of(tmp_path, {**NODE, **files})
    assert image_of(plan) == image
    assert not [one for one in plan.warnings if "ockerfile" in one]


@pytest.mark.parametrize(
    ("service", "image"),
    [
        ({}, ImageBuild("apps/api/Dockerfile", "apps/api", asked=True)),
        (
            {"dockerfilePath": "apps/api/Dockerfile", "dockerContext": "."},
            ImageBuild("apps/api/Dockerfile", ".", asked=True),
        ),
    ],
)
def test_paths_of_render_are_those_of_the_root_directory_or_the_repository(
    tmp_path: Path, service: dict[str, str], image: ImageBuild
) -> None:
    files = {f"apps/api/{path}": text for path, text in NODE.items()}
    files |= {
        "apps/api/Dockerfile": "FROM x",
        "render.yaml": render_yaml(rootDir="apps/api", **service),
    }
    assert image_of(plan_of(tmp_path, files, "apps/api")) == image


def test_an_image_from_above_the_app_is_named_relative_to_the_app(tmp_path: Path) -> None:
    said = {"apps/api/autodeploy.toml": '[docker]\ncontext = "../.."'}
    files = {f"apps/api/{path}": text for path, text in PHP.items()}
    plan = plan_of(tmp_path, {**files, **said}, "apps/api")
    assert image_of(plan) == ImageBuild("apps/api/Dockerfile", ".", port=8080, asked=True)


@pytest.mark.parametrize(
    ("said", "key"),
    [
        ("[docker]", "docker.file"),
        ('[docker]\nfile = "other/Dockerfile"', "docker.file"),
        ('[docker]\nfile = "server.js"\ncontext = "../.."', "docker.context"),
        ('[docker]\nfile = "server.js"\ncontext = "nowhere"', "docker.context"),
    ],
)
def test_what_is_not_there_is_refused_by_its_key(tmp_path: Path, said: str, key: str) -> None:
    with pytest.raises(AutodeployTomlInvalid) as refused:
        plan_of(tmp_path, {**NODE, "autodeploy.toml": said})
    assert refused.value.field == key
    assert refused.value.remedy


def test_a_dockerfile_that_render_is_told_of_and_is_not_there_is_a_warning(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {**NODE, "render.yaml": render_yaml(dockerfilePath="./x/Dockerfile")})
    assert image_of(plan) is None
    assert [one for one in plan.warnings if "x/Dockerfile" in one]


def test_commands_for_another_place_than_an_image_stay_there(tmp_path: Path) -> None:
    """But for what prepares a release, without which that may not work."""
    said = {"Procfile": "web: node procfile.js\nrelease: node migrate.js", "Dockerfile": "FROM x"}
    plan = plan_of(tmp_path, {**NODE, **said})
    assert image_of(plan) == ImageBuild("Dockerfile", release_command="node migrate.js")


def test_what_is_worked_out_from_the_code_is_not_run_in_an_image(tmp_path: Path) -> None:
    django = {"manage.py": "", "requirements.txt": "django", "site/wsgi.py": "application = x()",
              "site/settings.py": "", "Dockerfile": "FROM python:3.12"}  # fmt: skip
    plan = plan_of(tmp_path, django)
    assert plan.release_command is not None
    assert image_of(plan) == ImageBuild("Dockerfile")


@pytest.mark.parametrize(
    ("files", "start"),
    [
        ({"main.zig": "", "Dockerfile": "FROM alpine\nCMD /app/main"}, None),
        ({"worker.js": "", "Dockerfile": 'FROM node:20\nCMD ["node", "worker.js"]'},
         "node worker.js"),
        ({**NODE, "Dockerfile": "FROM x\nEXPOSE 80"}, "npm run start"),
    ],
)  # fmt: skip
def test_a_worker_that_its_image_starts_is_no_server(
    tmp_path: Path, files: Mapping[str, str], start: str | None
) -> None:
    plan = plan_of(tmp_path, {**files, "render.yaml": render_yaml(type="worker")})
    spec = plan.build_spec()
    assert (spec.kind, spec.start_command) == ("worker", start)
    assert spec.image is not None
    assert (spec.image.asked, spec.image.command) == (True, None)


def test_blanks_around_a_command_are_none_of_it(tmp_path: Path) -> None:
    said = {"autodeploy.toml": 'start = " ./serve "\n[docker]', "Dockerfile": "FROM x"}
    assert image_of(plan_of(tmp_path, {**NODE, **said})) == ImageBuild(
        "Dockerfile", command="./serve", asked=True
    )


@pytest.mark.parametrize("asked", [True, False])
def test_a_static_site_has_none_which_is_told_where_one_is_asked_for(
    tmp_path: Path, asked: bool
) -> None:
    files = {"index.html": "<h1>Hello</h1>", "Dockerfile": "FROM nginx"}
    plan = plan_of(tmp_path, {**files, **({"autodeploy.toml": "[docker]"} if asked else {})})
    assert (plan.kind, plan.image) == (AppKind.STATIC, None)
    assert bool([one for one in plan.warnings if "static site" in one]) is asked
