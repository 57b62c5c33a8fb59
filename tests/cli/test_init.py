"""``init`` writes an ``autodeploy.toml`` that says what the analyzer found, and can be obeyed."""

import json
import re
import shutil
from pathlib import Path

import pytest
from tests.cli.command import run

from autodeploy.cli.template import app_file_text
from autodeploy.kernel.app_file import parse_app_file
from autodeploy.services.analyzer.engine import analyze
from autodeploy.services.analyzer.plan import Command, Plan
from autodeploy.services.analyzer.tree import FolderTree

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = sorted(folder.name for folder in EXAMPLES.iterdir() if folder.is_dir())
A_KEY = re.compile(r"^# (\w+ = |\[)", re.MULTILINE)


@pytest.mark.parametrize("name", NAMES)
def test_file_is_valid_as_written_and_with_every_line_taken_up(name: str) -> None:
    plan = analyze(FolderTree(EXAMPLES / name))
    text = app_file_text(plan, project=name, root="")
    assert parse_app_file(text).model_fields_set == {"project"}
    said = parse_app_file(A_KEY.sub(r"\1", text))
    if plan.start_command:
        assert said.start == plan.start_command.command
    if plan.build_command:
        assert said.build == plan.build_command.command
    if plan.kind == "static":
        assert said.output == ("" if plan.output_directory == "." else plan.output_directory)


def test_hostile_words_of_a_repository_stay_in_their_comment_or_text() -> None:
    command = Command(command='echo "\\" # \u2028', reason="a\nstart = 'evil'\r# b\x1b[31m")
    text = app_file_text(Plan(start_command=command), project='a"[b]', root='x"y')
    said = parse_app_file(text.replace("# start", "start"))
    assert (said.project, said.root, said.start) == ('a"[b]', 'x"y', command.command)


def test_init_writes_without_a_platform_and_asks_before_it_replaces(tmp_path: Path) -> None:
    app = tmp_path / "my App"
    shutil.copytree(EXAMPLES / "express", app)
    done = run(app, "init", "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["project"] == "my-app"
    assert answer["plan"]["framework"]["slug"] == "express"
    target = app / "autodeploy.toml"
    assert answer["path"] == str(target)
    target.write_text("broken")
    again = run(app, "init")
    assert (again.returncode, target.read_text()) == (2, "broken")
    assert "--yes" in again.stderr
    assert run(app, "init", "--yes").returncode == 0
    assert parse_app_file(target.read_text()).project == "my-app"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--project", "a\nb"], "cannot be the name of a project"),
        (["gone"], "no folder"),
        (["--root", "../.."], "not inside"),
        (["--root", "a"], "no folder"),
        (["--root", "circle"], "no folder"),
        (["circle"], "no folder"),
    ],
)
def test_init_of_what_is_not_there_is_wrong_usage(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    (tmp_path / "circle").symlink_to("circle")
    ended = run(tmp_path, "init", *arguments)
    assert ended.returncode in (1, 2)
    assert said in ended.stderr
    assert not (tmp_path / "autodeploy.toml").exists()


def test_link_in_the_place_of_the_file_is_replaced_and_not_followed(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("precious")
    app = tmp_path / "cloned"
    app.mkdir()
    target = app / "autodeploy.toml"
    target.symlink_to(mine)
    assert run(app, "init").returncode == 2
    assert run(app, "init", "--yes").returncode == 0
    assert mine.read_text() == "precious"
    assert not target.is_symlink()
    target.unlink()
    target.symlink_to(tmp_path / "not there")
    assert run(app, "init").returncode == 2
    assert not (tmp_path / "not there").exists()
