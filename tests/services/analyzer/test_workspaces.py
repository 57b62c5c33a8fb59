"""Repositories that hold several packages: which is the app, and what it is built with."""

from pathlib import Path

import pytest
from tests.services.analyzer.test_engine_javascript import manifest, plan_of

from autodeploy.services.analyzer.engine import analyze
from autodeploy.services.analyzer.plan import ChooseAnApp
from autodeploy.services.analyzer.tree import FolderTree

EXAMPLE = Path(__file__).parents[3] / "examples" / "pnpm-workspace"


def _workspace(**members: str) -> dict[str, str]:
    files = {f"{path}/package.json": content for path, content in members.items()}
    return {
        "package.json": manifest(
            private=True, workspaces=["apps/*", "packages/*"], scripts={"start": "turbo run start"}
        ),
        "package-lock.json": "{}",
        **files,
    }


def test_several_apps_are_named_and_not_guessed_from() -> None:
    plan = analyze(FolderTree(EXAMPLE))

    assert plan.apps == ("apps/api", "apps/web")
    with pytest.raises(ChooseAnApp, match=r"apps/api, apps/web") as raised:
        plan.build_spec()
    assert "--root apps/api" in (raised.value.remedy or "")


@pytest.mark.parametrize("runner", ["turborepo", "nx"])
def test_what_runs_the_tasks_of_a_workspace_is_no_app(runner: str) -> None:
    plan = analyze(FolderTree(EXAMPLE.parent / runner))

    assert plan.framework is not None
    assert plan.framework.slug == runner
    assert plan.apps == ("apps/api", "apps/web")


def test_the_only_app_is_taken(tmp_path: Path) -> None:
    files = _workspace(
        **{
            "apps/web": manifest(name="web", dependencies={"next": "16"}),
            "packages/ui": manifest(name="ui", main="index.js"),
        }
    )
    plan = plan_of(tmp_path, {**files, "packages/ui/index.js": ""})

    assert plan.root_directory == "apps/web"
    assert plan.framework is not None
    assert "apps/web is the only app" in plan.warnings[0]
    assert [member.path for member in plan.members] == ["apps/web", "packages/ui"]


def test_what_the_owner_says_of_the_root_is_not_overruled(tmp_path: Path) -> None:
    app = manifest(name="web", dependencies={"next": "16"})
    files = _workspace(**{"apps/web": app, "apps/other": app})
    plan = plan_of(tmp_path, {**files, "Procfile": "web: node all.js\n"})

    assert plan.apps == ()
    assert plan.build_spec().start_command == "node all.js"


def test_a_root_that_runs_a_file_of_its_own_is_the_app(tmp_path: Path) -> None:
    files = _workspace(**{"apps/demo": manifest(name="demo", dependencies={"next": "16"})})
    root = manifest(workspaces=["apps/*"], scripts={"start": "node server.js"})
    plan = plan_of(tmp_path, {**files, "package.json": root, "server.js": ""})

    assert (plan.root_directory, plan.apps) == ("", ())
    assert plan.build_spec().install_command == "npm ci"


def test_members_that_an_app_needs_are_built_before_it(tmp_path: Path) -> None:
    build = {"build": "tsc"}
    files = _workspace(
        **{
            "apps/web": manifest(
                name="web",
                dependencies={"@x/ui": "*", "left-pad": "1"},
                scripts={"build": "next build"},
            ),
            "packages/ui": manifest(name="@x/ui", dependencies={"@x/base": "*"}, scripts=build),
            "packages/base": manifest(name="@x/base", dependencies={"@x/ui": "*"}, scripts=build),
            "packages/unused": manifest(name="@x/unused", scripts=build),
            "packages/evil": manifest(name="x; rm -rf /", scripts=build),
        }
    )
    plan = plan_of(tmp_path, files, root="apps/web")

    assert plan.build_command is not None
    assert plan.build_command.command == (
        "(cd ../.. && npm run build --workspace=@x/base && npm run build --workspace=@x/ui) "
        "&& npm run build"
    )


@pytest.mark.parametrize(
    "script",
    [
        "next dev", "vite", "nodemon app.js", "nest start", "node --watch x.js", "nuxt dev",
        "astro preview", "concurrently 'vite' 'node x.js'", "bun --hot x.ts", "ng serve",
        "parcel index.html", "npm run watch", "pnpm watch",
    ],
)  # fmt: skip
def test_a_server_for_development_does_not_serve_production(tmp_path: Path, script: str) -> None:
    scripts = {"start": script, "watch": "vite"}
    package = manifest(dependencies={"express": "5"}, scripts=scripts)
    plan = plan_of(tmp_path, {"package.json": package, "server.js": "listen(process.env.PORT)"})

    assert plan.start_command is not None
    assert plan.start_command.command == "node server.js"


def test_the_file_that_is_watched_in_development_is_started(tmp_path: Path) -> None:
    scripts = {"start": "NODE_ENV=development nodemon --ext js,json ./api.js"}
    package = manifest(dependencies={"express": "5"}, scripts=scripts)
    plan = plan_of(tmp_path, {"package.json": package, "api.js": "", "server.js": ""})

    assert plan.start_command is not None
    assert plan.start_command.command == "node api.js"


@pytest.mark.parametrize(
    "declared",
    [
        {"package.json": manifest(workspaces={"packages": ["apps/*"]})},
        {"pnpm-workspace.yaml": "packages:\n  - apps/*\n"},
        {"lerna.json": '{"packages": ["apps/*"]}'},
        {"rush.json": '// x\n{"projects": [{"projectFolder": "apps/web"}]}'},
        {".moon/workspace.yml": "projects:\n  - apps/*\n"},
        {".moon/workspace.yml": "projects:\n  web: apps/web\n"},
        {".moon/workspace.yml": "projects:\n  sources:\n    web: apps/web\n"},
        {"nx.json": "{}", "apps/web/project.json": '{"name": "web"}'},
    ],
)
def test_members_are_found_where_a_monorepo_names_them(
    tmp_path: Path, declared: dict[str, str]
) -> None:
    files = {
        "package.json": manifest(private=True),
        "apps/web/package.json": manifest(name="web", dependencies={"next": "16"}),
    }
    plan = plan_of(tmp_path, {**files, **declared})
    assert [(member.path, member.name) for member in plan.members] == [("apps/web", "web")]
    assert plan.root_directory == "apps/web"


def test_members_that_only_use_a_bundler_are_no_apps(tmp_path: Path) -> None:
    files = _workspace(
        **{
            "apps/web": manifest(name="web", devDependencies={"vite": "7"}),
            "packages/email": manifest(name="email", dependencies={"react": "19"}),
            "packages/tests": manifest(name="tests", devDependencies={"vite": "7"}),
            "packages/ui": manifest(name="ui", devDependencies={"vite": "7"}),
        }
    )
    files |= {"apps/web/index.html": "", "apps/web/vite.config.ts": ""}
    plan = plan_of(tmp_path, {**files, "packages/ui/vite.config.ts": ""})
    assert plan.root_directory == "apps/web"


def test_bundler_at_the_root_of_a_workspace_is_for_its_members(tmp_path: Path) -> None:
    root = manifest(
        private=True, workspaces=["apps/*"], devDependencies={"vite": "7"},
        scripts={"build": "turbo run build"},
    )  # fmt: skip
    plan = plan_of(tmp_path, {"package.json": root, "apps/web/package.json": manifest(name="web")})
    assert plan.framework is None
