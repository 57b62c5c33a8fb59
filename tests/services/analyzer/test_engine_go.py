"""Go: modules, where the program is, frameworks, the Go version."""

from pathlib import Path

import pytest
from tests.services.analyzer.trees import build_of, install_of, plan_of, start_of

from autodeploy.services.analyzer.plan import AppKind

MAIN = "package main\n\nfunc main() {}\n"
LIBRARY = "package hello\n"


@pytest.mark.parametrize(
    ("files", "build"),
    [
        ({"main.go": MAIN}, "go build -o bin/app ."),
        ({"serve.go": MAIN, "cmd/tool/main.go": MAIN}, "go build -o bin/app ."),
        ({"hello.go": LIBRARY, "cmd/web/main.go": MAIN}, "go build -o bin/app ./cmd/web"),
        ({"cmd/main.go": MAIN}, "go build -o bin/app ./cmd"),
        ({"app/start.go": MAIN, "internal/x.go": LIBRARY}, "go build -o bin/app ./app"),
        (
            {"cmd/migrate/main.go": MAIN, "cmd/server/main.go": MAIN},
            "go build -o bin/app ./cmd/server",
        ),
        ({"cmd/hello/main.go": MAIN, "cmd/api/main.go": MAIN}, "go build -o bin/app ./cmd/hello"),
    ],
)
def test_program_is_built_from_where_its_main_is(
    tmp_path: Path, files: dict[str, str], build: str
) -> None:
    plan = plan_of(tmp_path, {"go.mod": "module example.com/hello/v2\n\ngo 1.25\n", **files})
    assert (build_of(plan), start_of(plan)) == (build, "./bin/app")
    assert (plan.package_manager, install_of(plan)) == ("go", "go mod download")


@pytest.mark.parametrize(
    "files",
    [
        {"hello.go": LIBRARY},
        {"hello_test.go": MAIN},
        {"generate.go": f"//go:build ignore\n\n{MAIN}"},
        {"one/main.go": MAIN, "two/main.go": MAIN},
        {"hello.go": LIBRARY, "example/main.go": MAIN},
    ],
)
def test_module_without_one_program_has_no_build_and_the_plan_abstains(
    tmp_path: Path, files: dict[str, str]
) -> None:
    plan = plan_of(tmp_path, {"go.mod": "module example.com/hello\n", **files})
    assert (plan.language, plan.kind, build_of(plan)) == ("go", AppKind.LIBRARY, None)
    assert plan.abstained


def test_lone_file_is_built_by_its_name(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"web.go": MAIN})
    assert (plan.package_manager, build_of(plan)) == (None, "go build -o bin/app web.go")


def test_module_whose_sums_are_missing_is_tidied_first(tmp_path: Path) -> None:
    files = {"go.mod": "module x\n\nrequire github.com/gorilla/mux v1.8.1\n", "main.go": MAIN}
    assert build_of(plan_of(tmp_path, files)) == "go mod tidy && go build -o bin/app ."


def test_framework_is_a_requirement_of_the_app_itself(tmp_path: Path) -> None:
    required = (
        "module x\n\nrequire (\n\tgithub.com/labstack/echo/v4 v4.13.4\n"
        "\tgithub.com/gin-gonic/gin v1.10.0 // indirect\n)\n"
    )
    plan = plan_of(tmp_path, {"go.mod": required, "main.go": MAIN, "go.sum": ""})
    assert plan.framework is not None
    assert (plan.framework.slug, plan.framework.version) == ("echo", "v4.13.4")
    assert plan.dependencies.production == ("github.com/labstack/echo",)


def test_app_of_a_workspace_is_built_from_its_root(tmp_path: Path) -> None:
    files = {
        "go.work": "go 1.25\n\nuse (\n\t./api\n\t./shared\n)\n",
        "api/go.mod": "module example.com/api\n\nrequire github.com/go-chi/chi/v5 v5.2.5\n",
        "api/main.go": MAIN,
        "shared/go.mod": "module example.com/shared\n",
        "shared/shared.go": "package shared\n",
    }
    plan = plan_of(tmp_path, files)
    assert (build_of(plan), plan.apps) == ("go build -o bin/app ./api", ())
    assert plan.framework is not None
    assert plan.framework.slug == "chi"
    assert [member.name for member in plan.members] == ["example.com/api", "example.com/shared"]


@pytest.mark.parametrize(
    ("files", "version", "source"),
    [
        ({"go.mod": "module x\n\ngo 1.24\n"}, "1.24", "go.mod"),
        ({"go.mod": "module x\n\ngo 1.24\n\ntoolchain go1.25.3\n"}, "1.25.3", "go.mod"),
        ({"go.mod": "module x\n\ngo 1.24 // why\n", "mise.toml": '[tools]\ngo = "1.25"'},
         "1.25", "mise.toml"),
        ({"go.mod": "module x\n\ngo 1.24\n", ".go-version": "1.26\n",
          ".tool-versions": "golang 1.25.1\n"}, "1.26", ".go-version"),
    ],
)  # fmt: skip
def test_version_is_of_the_surest_file_that_asks_for_one(
    tmp_path: Path, files: dict[str, str], version: str, source: str
) -> None:
    runtime = plan_of(tmp_path, {**files, "main.go": MAIN}).runtime
    assert runtime is not None
    assert (runtime.version_request, runtime.source) == (version, source)


def test_functions_beside_a_javascript_app_do_not_make_it_go(tmp_path: Path) -> None:
    files = {
        "package.json": '{"scripts": {"start": "node server.js"}}',
        "server.js": "",
        "api/index.go": "package handler\n",
    }
    assert plan_of(tmp_path, files).language == "node"
