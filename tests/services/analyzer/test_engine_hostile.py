"""Broken and hostile files are warnings in the plan, never failures."""

import os
import time
from pathlib import Path

import pytest
from tests.services.analyzer.trees import plan_of, start_of, write

from autodeploy.services.analyzer.engine import analyze
from autodeploy.services.analyzer.tree import FolderTree, TreeLimits

SERVER = 'require("http").createServer().listen(process.env.PORT)'


def test_broken_package_json_is_a_warning_and_the_server_is_still_found(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"package.json": "{ broken", "server.js": SERVER})
    assert start_of(plan) == "node server.js"
    assert any("package.json cannot be parsed" in warning for warning in plan.warnings)


def test_json_nested_ten_thousand_deep_is_a_warning(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"package.json": '{"a":' * 10_000 + "1" + "}" * 10_000})
    assert any("nested too deeply" in warning for warning in plan.warnings)


@pytest.mark.parametrize(
    "content", ["[]", "null", '"text"', '{"scripts": [1], "dependencies": "x", "workspaces": 3}']
)
def test_package_json_of_another_shape_reads_as_empty(tmp_path: Path, content: str) -> None:
    plan = plan_of(tmp_path, {"package.json": content})
    assert plan.language == "node"
    assert plan.abstained


def test_comments_and_trailing_commas_in_json_are_read(tmp_path: Path) -> None:
    content = '{\n  // the app\n  "scripts": {"start": "node x.js",},\n}'
    plan = plan_of(tmp_path, {"package.json": content})
    assert start_of(plan) == "npm run start"
    assert plan.warnings == ()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_manifest_with_a_byte_order_mark_is_read(tmp_path: Path, encoding: str) -> None:
    content = '{"scripts": {"start": "node x.js"}}'.encode(encoding)
    assert start_of(plan_of(tmp_path, {"package.json": content})) == "npm run start"


def test_bytes_that_are_no_text_are_a_warning_or_nothing(tmp_path: Path) -> None:
    files = {"requirements.txt": b"flask\n\xff\xfe\xfa", "app.py": b"\xff\xffFlask(", "Procfile":
             b"\x80\x81"}  # fmt: skip
    assert plan_of(tmp_path, files).language == "python"


def test_fifo_as_manifest_is_absent(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "requirements.txt")
    plan = plan_of(tmp_path, {"index.html": "<h1>Hi</h1>"})
    assert plan.kind == "static"


def test_manifest_that_links_out_of_the_tree_is_absent(tmp_path: Path) -> None:
    write(tmp_path, {"outside.json": '{"dependencies": {"next": "1"}}', "root/index.html": ""})
    (tmp_path / "root" / "package.json").symlink_to("../outside.json")
    plan = analyze(FolderTree(tmp_path / "root"))
    assert plan.framework is None
    assert plan.kind == "static"


def test_huge_manifest_is_not_read(tmp_path: Path) -> None:
    write(tmp_path, {"package.json": '{"dependencies": {"next": "1"}}' + " " * 5000})
    plan = analyze(FolderTree(tmp_path, TreeLimits(file_bytes=1000)))
    assert plan.framework is None
    assert any("over 1000 bytes" in warning for warning in plan.warnings)


def test_deeply_nested_python_is_left_out(tmp_path: Path) -> None:
    files = {"requirements.txt": "flask", "app.py": "Flask(" + "(" * 5000 + "\nimport os\n"}
    assert plan_of(tmp_path, files).framework is not None


def test_yaml_whose_aliases_repeat_without_end_is_refused(tmp_path: Path) -> None:
    bomb = "a0: &a0 [x]\n"
    bomb += "".join(f"a{n}: &a{n} [*a{n - 1},*a{n - 1}]\n" for n in range(1, 30))
    bomb += "packages: *a29\n"
    plan = plan_of(tmp_path, {"package.json": "{}", "pnpm-workspace.yaml": bomb})
    assert plan.members == ()
    assert any("pnpm-workspace.yaml" in warning for warning in plan.warnings)


def test_root_directory_outside_the_tree_sees_the_tree_alone(tmp_path: Path) -> None:
    write(tmp_path, {"outside/main.py": "", "root/index.html": ""})
    plan = analyze(FolderTree(tmp_path / "root"), "../outside")
    assert plan.language == "static"


def test_empty_repository_gives_a_plan_that_abstains(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {})
    assert plan.abstained
    assert plan.language is None


def test_escapes_that_no_database_holds_are_removed(tmp_path: Path) -> None:
    package = r'{"scripts": {"start": "a\u0000b \ud800"}, "dependencies": {"x\u0000": "\udfff"}}'
    code = r"""import os; os.environ["A\0"]; os.environ["\ud800"]; os.getenv("B", "\0\udc00c")"""
    plan = plan_of(tmp_path, {"package.json": package, "x.py": code})
    stored = plan.model_dump_json()
    assert "\\u0000" not in stored
    assert [(one.key, one.default) for one in plan.environment_variables] == [("B", "?c")]


def test_analysis_beyond_its_time_gives_a_plan_that_says_so(tmp_path: Path) -> None:
    write(tmp_path, {"package.json": '{"dependencies": {"next": "1"}}', "server.js": SERVER})
    plan = analyze(FolderTree(tmp_path, TreeLimits(seconds=0)))
    assert plan.abstained
    assert any("Not all was looked at" in warning for warning in plan.warnings)


def test_broken_member_is_told_once_however_often_it_is_looked_at(tmp_path: Path) -> None:
    files = {f"apps/{name}/package.json": '{"scripts": {"start": "node x"}}' for name in "abc"}
    files |= {"package.json": '{"workspaces": ["apps/*"]}', "apps/d/package.json": "{"}
    plan = plan_of(tmp_path, files)
    assert sum("apps/d/package.json" in warning for warning in plan.warnings) == 1


@pytest.mark.parametrize("line", ["a; " + "(" * 5000, "a[" + "b," * 5000, "a @ " + "(" * 5000])
def test_requirement_that_nests_without_end_is_left_out(tmp_path: Path, line: str) -> None:
    plan = plan_of(tmp_path, {"requirements.txt": f"{line}\nflask\n"})
    assert plan.framework is not None
    assert plan.framework.slug == "flask"


def test_requirements_without_end_are_cut_with_a_warning(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"requirements.txt": "flask\n" + "a\n" * 500_000})
    assert plan.framework is not None
    assert any("requirements.txt only the first" in warning for warning in plan.warnings)


def test_section_of_defaults_is_not_repeated_in_each_other(tmp_path: Path) -> None:
    keys = "".join(f"k{number}=1\n" for number in range(20_000))
    sections = "".join(f"[s{number}]\n" for number in range(20_000))
    started = time.process_time()
    plan_of(tmp_path, {"setup.py": "", "setup.cfg": f"[DEFAULT]\n{keys}{sections}"})
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("package.json", "x" + "\n" * 900_000),
        ("requirements.txt", "\n" * 900_000 + "flask"),
        ("Procfile", "web: x" + " " * 900_000 + "x"),
        (".env.example", "A='" + "' " * 400_000),
        (".flaskenv", "\n" * 900_000),
        ("app.py", "from flask import Flask\n" + "\n" * 900_000 + "Flask("),
        ("main.py", "import os\nx = os.environ" + ".a" * 400_000),
        ("deep.py", "import os\nx = os.environ and " + "-" * 400_000 + "1"),
        ("sum.py", "import os\nx = os.environ" + "+1" * 200_000),
        ("a.js", "process.env" + "=/[" * 300_000),
        ("b.js", "process.env" + chr(92) + "'" * 450_000),
        ("c.js", "process.env.A\n" * 60_000),
        ("d.js", "`${" * 300_000 + "process.env"),
        ("e.vue", "process.env" + "<script" * 130_000),
        ("f.vue", "process.env" + "<script>" * 110_000),
    ],
)
def test_file_made_to_be_slow_is_read_in_seconds(tmp_path: Path, path: str, content: str) -> None:
    files = {"requirements.txt": "flask", path: content}
    started = time.process_time()
    plan_of(tmp_path, files)
    assert time.process_time() - started < 5
