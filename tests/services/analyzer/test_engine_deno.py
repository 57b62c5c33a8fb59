"""Deno: deno.json with comments, tasks, import maps, lone modules."""

from pathlib import Path

import pytest
from tests.services.analyzer.trees import install_of, plan_of, start_of

ADDRESS = "DENO_SERVE_ADDRESS=tcp:0.0.0.0:$PORT"
SERVES = 'Deno.serve(() => new Response("hello"));\n'


def test_deno_jsonc_with_every_kind_of_comment_is_read(tmp_path: Path) -> None:
    manifest = """// first
{
  "tasks": { /* in
    between */ "start": "deno run -A main.ts", // "dev": "none"
  },
  "imports": { "@std/assert": "jsr:@std/assert@1", "address": "https://deno.land/x/oak@v12.6.1/" }
}
/* never closed"""
    plan = plan_of(tmp_path, {"deno.jsonc": manifest, "main.ts": SERVES})
    assert (plan.language, plan.package_manager, plan.warnings) == ("deno", "deno", ())
    assert plan.dependencies.production == ("@std/assert", "oak")
    assert start_of(plan) == f"{ADDRESS} deno task start"
    assert install_of(plan) == "deno install"


@pytest.mark.parametrize(
    ("files", "start"),
    [
        ({"deno.json": "{}", "main.ts": SERVES}, "deno run -A main.ts"),
        ({"src/index.ts": 'import { serve } from "https://deno.land/std/http/mod.ts";\n'},
         "deno run -A src/index.ts"),
        ({"deno.json": "{}", "main.ts": "export default {\n  fetch() {},\n};\n"},
         "deno serve -A main.ts"),
    ],
)  # fmt: skip
def test_deno_without_a_task_starts_its_module(
    tmp_path: Path, files: dict[str, str], start: str
) -> None:
    plan = plan_of(tmp_path, files)
    assert plan.language == "deno"
    assert start_of(plan) == f"{ADDRESS} {start}"


def test_fresh_is_built_and_started_by_its_tasks(tmp_path: Path) -> None:
    files = {
        "deno.json": '{"importMap": "./import_map.json", "tasks": {"build": "deno run -A dev.ts '
        'build", "start": {"command": "deno run -A main.ts"}}}',
        "import_map.json": '{"imports": {"$fresh/": "https://deno.land/x/fresh@1.6.8/", '
        '"preact": "npm:preact@^10.22.0"}}',
        "main.ts": SERVES,
        ".dvmrc": "1.44.0\n",
    }
    plan = plan_of(tmp_path, files)
    assert plan.framework
    assert (plan.framework.slug, plan.framework.version) == ("fresh", "1.6.8")
    assert start_of(plan) == f"{ADDRESS} deno task start"
    assert plan.build_command
    assert plan.build_command.command == "deno task build"
    assert plan.runtime
    assert (plan.runtime.version_request, plan.runtime.source) == ("1.44.0", ".dvmrc")


def test_start_task_that_watches_is_warned_of(tmp_path: Path) -> None:
    files = {"deno.json": '{"tasks": {"start": "deno run --watch main.ts"}}', "main.ts": SERVES}
    assert any("is for development" in warning for warning in plan_of(tmp_path, files).warnings)


def test_deno_json_beside_package_json_leaves_the_app_to_node(tmp_path: Path) -> None:
    files = {
        "deno.json": '{"lint": {}}',
        "package.json": '{"scripts": {"start": "node server.js"}}',
        "server.js": "",
    }
    assert plan_of(tmp_path, files).language == "node"


def test_unclosed_texts_and_comments_are_read_in_linear_time(tmp_path: Path) -> None:
    manifest = "{" + '\\"' * 100_000 + "/*" * 100_000 + "," * 100_000
    plan = plan_of(tmp_path, {"deno.json": manifest, "main.ts": SERVES})
    assert plan.language == "deno"
