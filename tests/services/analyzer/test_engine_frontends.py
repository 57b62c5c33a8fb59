"""Front ends: which framework it is, and where its build writes."""

import json
from pathlib import Path

import pytest
from tests.services.analyzer.test_engine_javascript import manifest
from tests.services.analyzer.trees import plan_of, start_of

BUILD = {"build": "x"}
PAGES = {"index.html": ""}


def angular(builder: str = "@angular/build:application", **options: object) -> dict[str, str]:
    """A workspace with a library before its application, called shop."""
    build = {"build": {"builder": builder, "options": options}}
    projects = {
        "ui": {"projectType": "library", "architect": build},
        "shop": {"projectType": "application", "architect": build},
    }
    package = manifest(dependencies={"@angular/core": "22"}, scripts={"build": "ng build"})
    return {"package.json": package, "angular.json": json.dumps({"projects": projects})}


@pytest.mark.parametrize(
    ("dependencies", "script", "files", "slug"),
    [
        ({"react": "19", "react-dom": "19"}, "rsbuild build", {}, "react"),
        ({"react": "19", "react-dom": "19"}, "esbuild a.js", PAGES, "react"),
        ({"react": "19", "react-dom": "19"}, "rollup -c", {}, None),
        ({"lit": "3", "webpack": "5"}, "webpack", PAGES, "lit"),
        ({"vue": "3", "parcel": "2"}, "parcel build", PAGES, "parcel"),
        ({"webpack": "5", "html-webpack-plugin": "5"}, "webpack", {}, "webpack"),
        ({"vite": "8", "storybook": "10"}, "vite build", PAGES, "vite"),
        ({"vite": "8", "storybook": "10"}, "storybook build", PAGES, "storybook"),
        ({"vite": "8", "@marko/run": "1"}, "marko-run build", {}, "marko"),
    ],
)
def test_what_builds_the_page_is_the_framework(
    tmp_path: Path, dependencies: object, script: str, files: dict[str, str], slug: str | None
) -> None:
    package = manifest(private=True, dependencies=dependencies, scripts={"build": script})
    plan = plan_of(tmp_path, {"package.json": package, **files})
    assert (plan.framework.slug if plan.framework else None) == slug


@pytest.mark.parametrize(
    ("files", "output"),
    [
        (angular(), "dist/shop/browser"),
        (angular(outputPath="./out/"), "out/browser"),
        (angular(outputPath={"base": "www", "browser": ""}), "www"),
        (angular("@angular-devkit/build-angular:browser", outputPath="dist/old"), "dist/old"),
        (angular() | {"angular.json": "{"}, "dist"),
        (angular() | {"angular.json": '{"projects": [1]}'}, "dist"),
        (
            {
                "package.json": manifest(
                    dependencies={"@ionic/react": "8", "react-scripts": "5"}, scripts=BUILD
                )
            },
            "build",
        ),
        (
            {
                "package.json": manifest(
                    dependencies={"@quasar/app-vite": "3"},
                    scripts={"build": "quasar build -m pwa"},
                )
            },
            "dist/pwa",
        ),
    ],
)
def test_output_directory_is_where_the_build_writes(
    tmp_path: Path, files: dict[str, str], output: str
) -> None:
    plan = plan_of(tmp_path, files)
    assert (plan.kind, plan.output_directory) == ("static", output)


@pytest.mark.parametrize(
    ("files", "start"),
    [
        (angular(outputMode="server"), "node dist/shop/server/server.mjs"),
        (
            {
                "package.json": manifest(
                    dependencies={"@quasar/app-vite": "3"},
                    scripts={"build": "quasar build -m ssr"},
                )
            },
            "node dist/ssr/index.js",
        ),
        (
            {"package.json": manifest(dependencies={"vike": "0.4"}, scripts=BUILD)},
            "node ./dist/server/index.mjs",
        ),
        (
            {"package.json": manifest(dependencies={"waku": "1"}, scripts={"start": "waku start"})},
            "npm run start -- --port $PORT",
        ),
    ],
)
def test_pages_rendered_on_a_server_are_started(
    tmp_path: Path, files: dict[str, str], start: str
) -> None:
    plan = plan_of(tmp_path, files)
    assert (plan.kind, start_of(plan), plan.output_directory) == ("ssr", start, None)


def test_vike_that_writes_its_pages_ahead_is_static(tmp_path: Path) -> None:
    package = manifest(dependencies={"vike": "0.4"}, scripts=BUILD)
    config = "export default { prerender: true };"
    plan = plan_of(tmp_path, {"package.json": package, "pages/+config.js": config})
    assert (plan.kind, plan.output_directory) == ("static", "dist/client")


def test_version_is_of_the_name_that_the_framework_goes_by(tmp_path: Path) -> None:
    package = manifest(dependencies={"nitropack": "2.13.6"})
    plan = plan_of(tmp_path, {"package.json": package})
    assert plan.framework is not None
    assert (plan.framework.slug, plan.framework.version) == ("nitro", "2.13.6")
