"""Commands, exit codes and targets are documented where their users look."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from autodeploy.cli.failures import ExitCode
from autodeploy.cli.main import build_app

ROOT = Path(__file__).parents[2]
CLI = (ROOT / "docs" / "cli.md").read_text()


def _commands() -> list[str]:
    return sorted(typer.main.get_command(build_app()).commands)  # type: ignore[attr-defined]


def test_each_command_has_a_section_and_each_section_a_command() -> None:
    assert sorted(re.findall(r"^### (\S+)$", CLI, re.MULTILINE)) == _commands()


def _with_json(command: Any, path: str = "") -> Iterator[tuple[str, bool]]:
    """Every command, and whether it takes ``--json``; a group is one if it runs by itself."""
    for name, each in getattr(command, "commands", {}).items():
        yield from _with_json(each, f"{path} {name}".strip())
    if getattr(command, "invoke_without_command", True):
        yield path, any("--json" in option.opts for option in command.params)


def test_shape_of_each_answer_is_documented_and_no_other() -> None:
    takes_json = {path for path, takes in _with_json(typer.main.get_command(build_app())) if takes}
    table = CLI.partition("\n## JSON\n")[2].partition("| shape |")[0]
    rows = re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`([^`]+)`", row)} == takes_json


def test_every_command_that_ends_takes_json() -> None:
    without = {path for path, takes in _with_json(typer.main.get_command(build_app())) if not takes}
    assert without == {"completion show", "up", "serve", "worker", "runtime"}


def test_each_exit_code_is_documented() -> None:
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", CLI, re.MULTILINE)}
    assert listed == {int(code) for code in ExitCode}


def test_make_without_a_target_lists_every_target() -> None:
    text = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^\.PHONY: (\S+)$", text, re.MULTILINE))
    shown = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {line.split()[1] for line in shown.stdout.splitlines()} == targets


def test_values_of_a_user_are_not_part_of_any_recipe() -> None:
    recipes = [
        line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith("\t")
    ]
    assert not [line for line in recipes if "REPO" in line or "REF" in line]


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", *sorted(ROOT.glob("docs/*.md"))])
def test_links_between_documents_lead_somewhere(page: str | Path) -> None:
    path = ROOT / page
    links = re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text())
    missing = [link for link in links if not (path.parent / link).exists()]
    assert missing == []
