"""JavaScript repositories: package manager, framework, commands, workspaces."""

import json
from pathlib import Path

import pytest
from tests.services.analyzer.trees import build_of, install_of, plan_of, start_of


def manifest(**values: object) -> str:
    return json.dumps({"name": "app", **values})


@pytest.mark.parametrize(
    ("files", "manager", "install"),
    [
        ({"package-lock.json": "{}"}, "npm", "npm ci"),
        ({}, "npm", "npm install"),
        ({"pnpm-lock.yaml": ""}, "pnpm", "pnpm install --frozen-lockfile"),
        ({"yarn.lock": "# yarn lockfile v1"}, "yarn", "yarn install --frozen-lockfile"),
        ({"yarn.lock": "__metadata:\n  version: 8\n"}, "yarn", "yarn install --immutable"),
        ({"bun.lock": "{}"}, "bun", "bun install --frozen-lockfile"),
        ({"yarn.lock": "", "package-lock.json": "{}"}, "yarn", "yarn install --frozen-lockfile"),
        ({"bun.lock": "{}", "package-lock.json": "{}"}, "npm", "npm ci"),
        ({"bun.lock": "{}", "pnpm-lock.yaml": ""}, "pnpm", "pnpm install --frozen-lockfile"),
    ],
)
def test_package_manager_follows_from_the_lock_file(
    tmp_path: Path, files: dict[str, str], manager: str, install: str
) -> None:
    package = manifest(dependencies={"express": "^4.18.2"}, scripts={"start": "node x.js"})
    plan = plan_of(tmp_path, {"package.json": package, **files})
    assert plan.package_manager == manager
    assert install_of(plan) == install
    assert start_of(plan) == f"{manager} run start"


def test_package_manager_field_outranks_lock_files(tmp_path: Path) -> None:
    package = manifest(packageManager="pnpm@9.1.0+sha512.abc", dependencies={"a": "1"})
    plan = plan_of(tmp_path, {"package.json": package, "yarn.lock": ""})
    assert (plan.package_manager, plan.package_manager_version) == ("pnpm", "9.1.0")
    assert install_of(plan) == "pnpm install"


def test_express_with_a_vite_front_end_is_a_server(tmp_path: Path) -> None:
    package = manifest(
        dependencies={"express": "5"}, devDependencies={"vite": "6"},
        scripts={"build": "vite build", "start": "node server.js"},
    )  # fmt: skip
    plan = plan_of(tmp_path, {"package.json": package, "vite.config.ts": ""})
    assert plan.framework is not None
    assert plan.framework.slug == "express"
    assert plan.kind == "server"
    assert plan.build_command is not None


@pytest.mark.parametrize(
    ("config", "build", "output"),
    [
        ("export default {}", "vite build", "dist"),
        ("export default { build: { outDir: './public/out' } }", "vite build", "public/out"),
        ("export default {}", "tsc && vite build --outDir out", "out"),
    ],
)
def test_vite_output_directory_follows_the_configuration(
    tmp_path: Path, config: str, build: str, output: str
) -> None:
    package = manifest(devDependencies={"vite": "6.0.1"}, scripts={"build": build})
    plan = plan_of(tmp_path, {"package.json": package, "vite.config.js": config, "index.html": ""})
    assert plan.kind == "static"
    assert plan.output_directory == output
    assert plan.spa_fallback
    assert plan.start_command is None


def test_framework_that_builds_with_vite_is_not_taken_for_vite(tmp_path: Path) -> None:
    package = manifest(devDependencies={"vite": "6", "vitepress": "1"})
    plan = plan_of(tmp_path, {"package.json": package, ".vitepress/config.js": ""})
    assert plan.framework is not None
    assert plan.framework.slug == "vitepress"


def test_documentation_beside_an_app_is_not_taken_for_the_app(tmp_path: Path) -> None:
    scripts = {"build": "vite build", "docs:build": "vitepress build docs"}
    package = manifest(devDependencies={"vite": "6", "vitepress": "1"}, scripts=scripts)
    plan = plan_of(tmp_path, {"package.json": package, "vite.config.js": ""})
    assert plan.framework is not None
    assert plan.framework.slug == "vite"


def test_nextjs_that_exports_is_static(tmp_path: Path) -> None:
    package = manifest(dependencies={"next": "15"}, scripts={"build": "next build"})
    files = {"package.json": package, "next.config.mjs": "export default { output: 'export' }"}
    plan = plan_of(tmp_path, files)
    assert (plan.kind, plan.output_directory) == ("static", "out")


@pytest.mark.parametrize(
    ("scripts", "start"),
    [
        ({"start": "next start"}, "npm run start"),
        ({"start": "next start -p 4000"}, "npm run start -- -p $PORT"),
        ({}, "npx next start -p $PORT"),
    ],
)
def test_nextjs_listens_on_the_port_that_is_given(
    tmp_path: Path, scripts: dict[str, str], start: str
) -> None:
    package = manifest(dependencies={"next": "15"}, scripts=scripts)
    assert start_of(plan_of(tmp_path, {"package.json": package})) == start


@pytest.mark.parametrize(
    ("package", "file", "start"),
    [
        (manifest(main="./lib/run.js"), "lib/run.js", "node lib/run.js"),
        (manifest(), "index.js", "node index.js"),
        (manifest(), "bin/www", "node bin/www"),
        (manifest(main="odd; name.js"), "odd; name.js", "node 'odd; name.js'"),
    ],
)
def test_entry_point_without_a_start_script_is_found(
    tmp_path: Path, package: str, file: str, start: str
) -> None:
    assert start_of(plan_of(tmp_path, {"package.json": package, file: ""})) == start


def test_lone_server_file_is_started(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"server.js": ""})
    assert (plan.language, start_of(plan), install_of(plan)) == ("node", "node server.js", None)


@pytest.mark.parametrize(
    ("files", "version"),
    [
        ({".nvmrc": "v20.1.0\n"}, "20.1.0"),
        ({".node-version": "21", ".nvmrc": "20"}, "21"),
        ({".tool-versions": "nodejs 18.2.0"}, "18.2.0"),
        ({"mise.toml": "[tools]\nnode = '22'"}, "22"),
        ({}, ">=18"),
    ],
)
def test_node_version_comes_from_the_most_exact_file(
    tmp_path: Path, files: dict[str, str], version: str
) -> None:
    plan = plan_of(tmp_path, {"package.json": manifest(engines={"node": ">=18"}), **files})
    assert plan.runtime is not None
    assert plan.runtime.version_request == version


def test_workspace_member_takes_manager_and_runtime_from_the_root(tmp_path: Path) -> None:
    files = {
        "package.json": manifest(private=True),
        "pnpm-workspace.yaml": "packages:\n  - 'apps/*'\n  - '!apps/old'\n",
        "pnpm-lock.yaml": "",
        ".nvmrc": "22",
        "apps/web/package.json": manifest(name="web", dependencies={"next": "15"}),
        "apps/old/package.json": manifest(name="old"),
    }
    root = plan_of(tmp_path, files)
    assert [(member.path, member.name) for member in root.members] == [("apps/web", "web")]
    plan = plan_of(tmp_path, files, "apps/web")
    assert plan.root_directory == "apps/web"
    assert install_of(plan) == "pnpm install --frozen-lockfile"
    assert plan.lock_files == ("pnpm-lock.yaml",)
    assert plan.runtime is not None
    assert plan.runtime.version_request == "22"


@pytest.mark.parametrize(("pages", "spa"), [(("404.html",), True), (("about.html",), False)])
def test_site_with_several_pages_has_no_fallback_to_the_first(
    tmp_path: Path, pages: tuple[str, ...], spa: bool
) -> None:
    package = manifest(devDependencies={"vite": "8"}, scripts={"build": "vite build"})
    plan = plan_of(tmp_path, {"package.json": package, **dict.fromkeys(("index.html", *pages), "")})
    assert plan.spa_fallback is spa


def test_client_of_a_chat_service_is_a_bot_and_needs_no_port(tmp_path: Path) -> None:
    package = manifest(dependencies={"discord.js": "14"}, scripts={"start": "node bot.js"})
    plan = plan_of(tmp_path, {"package.json": package, "bot.js": ""})
    assert (plan.kind, plan.framework, plan.build_spec().kind) == ("bot", None, "worker")


def test_server_that_also_talks_to_a_chat_service_is_a_server(tmp_path: Path) -> None:
    package = manifest(dependencies={"discord.js": "14", "express": "5"}, main="index.js")
    plan = plan_of(tmp_path, {"package.json": package, "index.js": ""})
    assert plan.kind == "server"


def test_versions_that_disagree_are_told_with_the_one_that_counts(tmp_path: Path) -> None:
    package = manifest(engines={"node": "20.x"}, scripts={"start": "node a.js"})
    plan = plan_of(tmp_path, {"package.json": package, ".nvmrc": "v22.1.0\n"})
    assert plan.runtime is not None
    assert plan.runtime.version_request == "22.1.0"
    told = ".nvmrc asks for 22.1.0 and package.json (engines) for 20.x: .nvmrc counts."
    assert told in plan.warnings


def test_version_inside_a_range_of_another_file_is_no_disagreement(tmp_path: Path) -> None:
    package = manifest(engines={"node": ">=20"}, scripts={"start": "node a.js"})
    plan = plan_of(tmp_path, {"package.json": package, ".nvmrc": "22"})
    assert not any("counts" in warning for warning in plan.warnings)


def test_what_a_bundler_watches_is_no_server(tmp_path: Path) -> None:
    package = manifest(
        dependencies={"mithril": "2"},
        scripts={"start": "webpack src/index.js --watch", "build": "webpack src/index.js -p"},
    )
    files = {"package.json": package, "src/index.js": "", "public/index.html": ""}
    plan = plan_of(tmp_path, files)
    assert plan.framework is not None
    assert (plan.framework.slug, start_of(plan)) == ("mithril", None)
    bare = manifest(scripts={"start": "webpack-dev-server --hot", "build": "webpack -p"})
    assert start_of(plan_of(tmp_path / "b", {"package.json": bare, "src/index.js": ""})) is None


def test_server_that_the_build_makes_is_started(tmp_path: Path) -> None:
    scripts = {"build": "tsc", "dev": "tsc --watch & nodemon dist"}
    server = manifest(main="dist/index.js", dependencies={"express": "4"}, scripts=scripts)
    assert start_of(plan_of(tmp_path, {"package.json": server})) == "node dist/index.js"
    library = manifest(main="dist/index.js", scripts=scripts)
    assert start_of(plan_of(tmp_path / "library", {"package.json": library})) is None


@pytest.mark.parametrize("name", ["elysia", "fastify", "h3", "hono", "koa", "express", "polka"])
def test_server_is_known_by_what_it_imports(tmp_path: Path, name: str) -> None:
    files = {"package.json": "{}", "server.mjs": f"import * as made from '{name}'\n"}
    plan = plan_of(tmp_path, files)
    assert plan.framework is not None
    assert (plan.framework.slug, start_of(plan)) == (name, "node server.mjs")


@pytest.mark.parametrize("file", ["server.ts", "server.mjs", "function.js", "middleware.ts"])
def test_lone_script_tells_the_language(tmp_path: Path, file: str) -> None:
    assert plan_of(tmp_path, {file: "export default 1\n"}).language == "node"


def test_script_of_a_page_is_no_app_of_its_own(tmp_path: Path) -> None:
    assert plan_of(tmp_path, {"about.html": "", "menu.js": ""}).language is None
    assert plan_of(tmp_path / "b", {"index.html": "", "menu.js": ""}).language == "static"


@pytest.mark.parametrize(
    ("package", "files", "start"),
    [
        ({"private": True, "module": "run.ts"}, ("run.ts", "index.ts"), "bun run.ts"),
        ({"private": True}, ("src/index.ts",), "bun src/index.ts"),
        ({"module": "index.ts"}, ("index.ts",), None),
    ],
)
def test_bun_runs_typescript_as_it_is(
    tmp_path: Path, package: dict[str, object], files: tuple[str, ...], start: str | None
) -> None:
    there = {"package.json": manifest(**package), "bun.lock": "{}", **dict.fromkeys(files, "")}
    assert start_of(plan_of(tmp_path, there)) == start


def test_root_of_an_nx_workspace_is_none_of_its_projects(tmp_path: Path) -> None:
    package = manifest(
        dependencies={"next": "14", "express": "4"},
        devDependencies={"astro": "4", "nx": "19"},
        scripts={"start": "nx serve", "build": "nx build"},
    )
    files = {
        "package.json": package,
        "nx.json": "{}",
        "apps/site/project.json": "{}",
        "apps/site/next.config.js": "",
        "apps/shop/project.json": "{}",
        "apps/shop/astro.config.mjs": "",
    }
    plan = plan_of(tmp_path, files)
    assert plan.framework is not None
    assert (plan.framework.slug, plan.apps) == ("nx", ("apps/shop", "apps/site"))
    standalone = plan_of(tmp_path / "b", {**files, "project.json": "{}"})
    assert standalone.framework is not None
    assert standalone.framework.slug != "nx"


def test_vite_plus_builds_by_its_own_program(tmp_path: Path) -> None:
    package = manifest(devDependencies={"vite": "8", "vite-plus": "1"})
    plan = plan_of(tmp_path, {"package.json": package})
    assert plan.framework is not None
    assert (plan.framework.slug, build_of(plan)) == ("vite", "npx vp build")


@pytest.mark.parametrize(
    ("packages", "start"),
    [
        ({"@tanstack/react-start": "1.131.2"}, "node .output/server/index.mjs"),
        ({"@tanstack/react-start": "^1.140.0", "nitro": "3"}, "node .output/server/index.mjs"),
        (
            {"@tanstack/react-start": "latest"},
            "npx srvx --prod -s ../client dist/server/server.js",
        ),
    ],
)
def test_tanstack_start_is_started_as_its_generation_is(
    tmp_path: Path, packages: dict[str, str], start: str
) -> None:
    assert start_of(plan_of(tmp_path, {"package.json": manifest(dependencies=packages)})) == start


def test_components_in_the_pages_of_a_server_leave_it_a_server(tmp_path: Path) -> None:
    package = manifest(
        dependencies={"express": "4", "@ionic/react": "8", "react": "18"},
        scripts={
            "start": "cross-env NODE_ENV=production node ./api/index",
            "build": "rspack build",
        },
    )
    plan = plan_of(tmp_path, {"package.json": package})
    assert plan.framework is not None
    assert (plan.framework.slug, start_of(plan)) == ("express", "npm run start")


def test_what_a_package_asks_of_its_users_is_not_what_it_is(tmp_path: Path) -> None:
    astro = {"astro": "^5"}
    part = manifest(devDependencies=astro, peerDependencies=astro, exports={".": "./index.ts"})
    plan = plan_of(tmp_path, {"package.json": part, "src/Card.astro": ""})
    assert (plan.framework, plan.build_command, plan.start_command) == (None, None, None)


def test_entry_point_of_a_published_package_is_imported_and_not_started(tmp_path: Path) -> None:
    library = manifest(exports={"default": "./index.js"}, files=["index.js"])
    files = {"package.json": library, "index.js": "export default 1"}
    assert plan_of(tmp_path, files).start_command is None
    private = manifest(private=True, exports={"default": "./index.js"})
    assert start_of(plan_of(tmp_path, {**files, "package.json": private})) == "node index.js"


@pytest.mark.parametrize(
    ("dev", "start"),
    [
        ("tsx watch --clear-screen=false src/index.ts", "npx tsx src/index.ts"),
        ("nodemon ./api.js", "node api.js"),
        ("tsx src/missing.ts", None),
        ("vite", None),
    ],
)
def test_what_only_a_script_for_development_runs_is_started_without_watching(
    tmp_path: Path, dev: str, start: str | None
) -> None:
    package = manifest(dependencies={"express": "4"}, scripts={"dev": dev})
    files = {"package.json": package, "src/index.ts": "", "api.js": ""}
    plan = plan_of(tmp_path, files)
    assert (start_of(plan) if plan.start_command else None) == start
