"""Through ``analyze``: whose word counts where several files speak."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.services.analyzer.trees import install_of, plan_of, start_of

from autodeploy.services.analyzer.declared.base import FILES, Declared, Source
from autodeploy.services.analyzer.declared.declarations import READERS
from autodeploy.services.analyzer.declared.precedence import PRECEDENCE
from autodeploy.services.analyzer.plan import AppKind, Plan

DOCS = Path(__file__).parents[4] / "docs" / "declared-files.md"
SERVER = {"package.json": '{"scripts": {"build": "tsc"}}', "server.js": "process.env.PORT"}
VITE = {
    "package.json": '{"devDependencies": {"vite": "5"}, "scripts": {"build": "vite build"}}',
    "index.html": "",
}
STARTS = {
    "autodeploy.toml": 'start = "node toml.js"',
    "Procfile": "web: node procfile.js",
    "railway.json": '{"deploy": {"startCommand": "node railway.js"}}',
    "render.yaml": "services: [{type: web, name: a, startCommand: node render.js}]",
    "fly.toml": '[processes]\napp = "node fly.js"',
    "railpack.json": '{"deploy": {"startCommand": "node railpack.js"}}',
    "nixpacks.toml": '[start]\ncmd = "node nixpacks.js"',
    "server.js": "process.env.PORT",
    "Dockerfile": 'FROM node:20\nCMD ["node", "docker.js"]',
    "compose.yaml": "services: {web: {build: ., command: node compose.js}}",
}
SCRIPTS = {"docker.js": "", "compose.js": ""}


def build_of(plan: Plan) -> str | None:
    return plan.build_command.command if plan.build_command else None


@pytest.mark.parametrize("position", range(len(STARTS)))
def test_start_command_is_that_of_the_first_file_of_the_table(
    tmp_path: Path, position: int
) -> None:
    files = dict(list(STARTS.items())[position:])
    first = next(iter(files))
    expected = {"server.js": "server", "autodeploy.toml": "toml", "compose.yaml": "compose"}
    name = expected.get(first, first.partition(".")[0].lower().replace("dockerfile", "docker"))
    plan = plan_of(tmp_path, {"package.json": '{"name": "x"}', **SCRIPTS, **files})
    assert start_of(plan) == f"node {name}.js"
    assert plan.kind is AppKind.SERVER


def test_command_carries_its_reason_and_evidence_its_line(tmp_path: Path) -> None:
    text = '{\n  "deploy": {\n    "startCommand": "node x.js"\n  }\n}'
    plan = plan_of(tmp_path, {**SERVER, "railway.json": text})
    assert plan.start_command is not None
    assert plan.start_command.reason == "railway.json: deploy.startCommand"
    assert ("railway.json", 3, "says deploy.startCommand") in [
        (one.file, one.line, one.fact) for one in plan.evidence
    ]
    assert not plan.abstained


def test_contradiction_between_platforms_is_a_warning(tmp_path: Path) -> None:
    files = {"render.yaml": STARTS["render.yaml"], "railway.json": STARTS["railway.json"]}
    plan = plan_of(tmp_path, {**SERVER, **files})
    assert plan.warnings == (
        "railway.json: deploy.startCommand is obeyed; render.yaml: services.a.startCommand says "
        "something else: `node render.js`.",
    )


def test_empty_build_command_says_that_there_is_nothing_to_build(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {**VITE, "vercel.json": '{"buildCommand": ""}'})
    assert plan.build_command is None


def test_extended_build_keeps_what_would_be_done_anyway(tmp_path: Path) -> None:
    text = '{"steps": {"build": {"commands": ["...", "node after.js"]}}}'
    plan = plan_of(tmp_path, {**SERVER, "railpack.json": text})
    assert build_of(plan) == "npm run build && node after.js"


def test_output_and_fallback_of_a_host_of_pages_are_obeyed_by_a_site(tmp_path: Path) -> None:
    text = '{"outputDirectory": "www", "rewrites": [{"source": "/(.*)", "destination": "/"}]}'
    plan = plan_of(tmp_path, {**VITE, "vercel.json": text})
    assert (plan.kind, plan.output_directory, plan.spa_fallback) == (AppKind.STATIC, "www", True)


def test_output_of_a_host_of_pages_makes_no_site_of_a_server(tmp_path: Path) -> None:
    files = {
        "requirements.txt": "flask\n",
        "app.py": "from flask import Flask\napp = Flask(__name__)\n",
        "netlify.toml": '[build]\ncommand = "mkdocs build"\npublish = "site"',
    }
    plan = plan_of(tmp_path, files)
    assert (plan.kind, plan.output_directory) == (AppKind.SERVER, None)
    assert plan.build_command is None


def test_output_alone_makes_a_site_of_what_is_none_yet(tmp_path: Path) -> None:
    files = {"Makefile": "", "netlify.toml": '[build]\ncommand = "make"\npublish = "out"'}
    plan = plan_of(tmp_path, files)
    assert (plan.kind, plan.output_directory, build_of(plan)) == (AppKind.STATIC, "out", "make")
    assert not plan.abstained


def test_static_service_of_render_is_a_site_whatever_it_starts(tmp_path: Path) -> None:
    text = "services: [{type: web, runtime: static, name: a, staticPublishPath: dist}]"
    plan = plan_of(tmp_path, {**SERVER, "render.yaml": text})
    assert (plan.kind, plan.output_directory) == (AppKind.STATIC, "dist")
    assert plan.start_command is None


def test_server_of_files_that_a_platform_starts_leaves_a_site_a_site(tmp_path: Path) -> None:
    text = '{"deploy": {"startCommand": "npx serve -s dist"}}'
    plan = plan_of(tmp_path, {**VITE, "railway.json": text})
    assert plan.kind is AppKind.STATIC
    plan = plan_of(tmp_path, {**VITE, "Procfile": "web: npx serve -s dist"})
    assert plan.kind is AppKind.SERVER


def test_build_from_the_top_of_a_workspace_fills_a_gap_alone(tmp_path: Path) -> None:
    said = {"web/vercel.json": '{"buildCommand": "cd ../.. && turbo build --filter web"}'}
    files = {f"web/{path}": text for path, text in VITE.items()}
    assert build_of(plan_of(tmp_path, {**files, **said}, "web")) == "npm run build"
    files = {"web/package.json": "{}", "web/server.js": ""}
    plan = plan_of(tmp_path / "other", {**files, **said}, "web")
    assert build_of(plan) == "cd ../.. && turbo build --filter web"


def test_install_within_a_build_line_is_the_install_command(tmp_path: Path) -> None:
    text = "services: [{type: web, name: a, buildCommand: npm install --force && npm run x}]"
    plan = plan_of(tmp_path, {**SERVER, "render.yaml": text})
    assert (install_of(plan), build_of(plan)) == ("npm install --force", "npm run x")


@pytest.mark.parametrize(
    ("files", "version", "source"),
    [
        ({"Dockerfile": "FROM node:18"}, "18", "Dockerfile"),
        ({"Dockerfile": "FROM node:18", ".nvmrc": "20"}, "20", ".nvmrc"),
        ({".nvmrc": "20", "netlify.toml": '[build.environment]\nNODE_VERSION="21"'}, "21",
         "netlify.toml"),
        ({"railpack.json": '{"packages": {"node": "22"}}', "autodeploy.toml": 'node = "23"'},
         "23", "autodeploy.toml"),
    ],
)  # fmt: skip
def test_runtime_version_is_that_of_the_first_who_asks(
    tmp_path: Path, files: Mapping[str, str], version: str, source: str
) -> None:
    runtime = plan_of(tmp_path, {**SERVER, **files}).runtime
    assert runtime is not None
    assert (runtime.version_request, runtime.source) == (version, source)


def test_base_image_tells_the_language_where_nothing_else_does(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"Dockerfile": "FROM python:3.12", "src/x.txt": ""})
    assert plan.language == "python"


def test_variables_of_files_complete_those_of_the_code(tmp_path: Path) -> None:
    files = {
        "requirements.txt": "",
        "main.py": 'import os\nos.environ["MUST"]\nos.getenv("MAY")\nos.getenv("API_TOKEN")',
        "fly.toml": '[env]\nMUST = "a"\nMAY = "b"\nAPI_TOKEN = "c"\nFILE_ONLY = "d"\nPORT = "1"',
        "app.json": '{"env": {"MAY": {"description": "Perhaps", "required": false}}}',
    }
    found = {one.key: one for one in plan_of(tmp_path, files).environment_variables}
    assert {key: (one.required, one.default) for key, one in found.items()} == {
        "MUST": (True, None),
        "MAY": (False, "b"),
        "API_TOKEN": (False, None),
        "FILE_ONLY": (False, "d"),
    }
    assert found["MAY"].description == "Perhaps"
    assert (found["FILE_ONLY"].file, found["FILE_ONLY"].line) == ("fly.toml", 5)
    assert found["API_TOKEN"].secret


def test_services_of_files_are_needed_beside_those_of_the_code(tmp_path: Path) -> None:
    files = {
        "requirements.txt": "psycopg",
        "main.py": 'import os\nos.environ["DATABASE_URL"]',
        "compose.yaml": "services: {app: {build: .}, db: {image: postgres}, q: {image: redis}}",
    }
    services = {one.kind: one.reason for one in plan_of(tmp_path, files).services}
    assert services == {
        "postgresql": "depends on psycopg and reads DATABASE_URL",
        "redis": "compose.yaml: services.q.image names it",
    }


def test_folder_that_a_platform_names_is_entered_where_this_one_is_no_app(tmp_path: Path) -> None:
    files = {f"app/{path}": text for path, text in SERVER.items()}
    files["render.yaml"] = "services: [{type: web, name: a, rootDir: app, healthCheckPath: /up}]"
    plan = plan_of(tmp_path, files)
    found = (plan.root_directory, plan.health_path, start_of(plan))
    assert found == ("app", "/up", "node server.js")
    assert any("app is the app" in warning for warning in plan.warnings)
    assert plan_of(tmp_path, {**files, "server.js": ""}).root_directory == ""


def test_folders_of_two_platforms_settle_nothing(tmp_path: Path) -> None:
    files = {f"app/{path}": text for path, text in SERVER.items()}
    files["render.yaml"] = "services: [{type: web, name: a, rootDir: app}]"
    files["netlify.toml"] = '[build]\nbase = "docs"'
    assert plan_of(tmp_path, files).root_directory == ""


def test_folder_that_is_not_there_is_a_warning(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"netlify.toml": '[build]\nbase = "gone"'})
    assert any("there is no such folder" in warning for warning in plan.warnings)


def test_each_field_of_a_declaration_has_its_precedence_and_each_file_its_reader() -> None:
    assert PRECEDENCE.keys() == set(Declared.__dataclass_fields__)
    assert all(Source.FOUND in sources for sources in PRECEDENCE.values())
    assert FILES.keys() == set(Source) - {Source.FOUND}
    assert READERS.keys() == FILES.keys() - {Source.APP_FILE}


def test_the_page_has_the_table_and_each_file() -> None:
    text = DOCS.read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+?) \|$", text, re.MULTILINE))
    for field, sources in PRECEDENCE.items():
        shown = " > ".join(
            "**the code**" if source is Source.FOUND else source.value for source in sources
        )
        assert rows.get(field) == shown, f"| `{field}` | {shown} |"
    for names in FILES.values():
        assert all(f"`{name}`" in text for name in names), names


def test_worker_of_a_procfile_leaves_a_bot_a_bot(tmp_path: Path) -> None:
    files = {
        "requirements.txt": "discord.py",
        "bot.py": "import discord\ndiscord.Client(intents=None).run('x')\n",
        "Procfile": "worker: python bot.py --quiet",
    }
    plan = plan_of(tmp_path, files)
    assert (plan.kind, start_of(plan)) == (AppKind.BOT, "python bot.py --quiet")


def test_site_that_a_platform_builds_below_an_app_is_not_the_app(tmp_path: Path) -> None:
    files = {
        "netlify.toml": '[build]\nbase = "client"',
        "client/index.html": "",
        "requirements.txt": "flask\n",
        "shop/__init__.py": "class Shop: ...\n",
    }
    plan = plan_of(tmp_path, files)
    assert (plan.root_directory, plan.language) == ("", "python")
