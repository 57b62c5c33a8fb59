"""Mistyped commands and options: what was probably meant, and no box of characters around it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from tests.cli.command import run

from autodeploy.cli.main import OTHER_NAMES, build_app
from autodeploy.kernel.process import python_argv


@pytest.mark.parametrize(
    ("arguments", "said", "meant"),
    [
        (["deplo"], "No such command 'deplo'.", "Did you mean `deploy`?"),
        (["env", "lst"], "No such command 'lst'.", "`list`"),
        (["deploy", "--detatch"], "No such option: --detatch.", "Did you mean --detach?"),
        (["xyzzy"], "No such command 'xyzzy'.", "`autodeploy --help` shows what it takes."),
        (["logs", "-n", "none"], "Invalid value for '--lines'", "`autodeploy logs --help`"),
        (["deploy", "a", "b"], "unexpected extra argument", "`autodeploy deploy --help`"),
        (["completion", "show", "tcsh"], "'tcsh' is not one of 'bash', 'zsh', 'fish'", "--help"),
        (["env"], "Which of these commands", ""),
        (["ps"], "No such command 'ps'.", "Did you mean `status`?"),
        (["env", "rm"], "No such command 'rm'.", "Did you mean `unset`?"),
        (["logs", "--source", "ap"], "'ap' is not one of 'build', 'release', 'app'", "--help"),
        (["logs", "a", "--since", ""], "'' is no time", "10m"),
        (["init", "--project", ""], "cannot be the name of a project", "1 to 255"),
    ],
)
def test_wrong_arguments_are_answered_with_what_was_meant(
    tmp_path: Path, arguments: list[str], said: str, meant: str
) -> None:
    ended = run(tmp_path, *arguments)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert meant in ended.stderr


def test_program_is_told_of_wrong_arguments_too(tmp_path: Path) -> None:
    ended = run(tmp_path, "status", "--jsn", "--json")
    assert ended.returncode == 2
    assert "--jsn" in json.loads(ended.stdout)["error"]["message"]


def test_reader_that_leaves_is_no_failure_to_tell_of(tmp_path: Path) -> None:
    process = subprocess.Popen(
        python_argv("completion", "show", "zsh"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    process.wait(30)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_installed_for_each_shell(tmp_path: Path, shell: str) -> None:
    done = run(tmp_path, "completion", "install", shell, "--json")
    assert done.returncode == 0, done.stderr
    script = Path(json.loads(done.stdout)["path"])
    assert script.is_relative_to(tmp_path)
    assert "_AUTODEPLOY_COMPLETE" in script.read_text()


def test_shell_is_given_the_commands(tmp_path: Path) -> None:
    asked = {
        "_AUTODEPLOY_COMPLETE": "complete_bash",
        "COMP_WORDS": "autodeploy ro",
        "COMP_CWORD": "1",
    }
    done = run(tmp_path, **asked)
    assert done.stdout.split() == ["rollback"]


def test_every_other_name_leads_to_a_command() -> None:
    known = typer.main.get_command(build_app())
    for typed, meant in OTHER_NAMES.items():
        group, _, name = typed.rpartition(" ")
        commands = known.commands[group].commands if group else known.commands  # type: ignore[attr-defined]
        assert name not in commands
        assert meant.startswith("--") or meant.split()[0] in commands


def test_first_tab_in_zsh_completes_and_does_not_only_prepare(tmp_path: Path) -> None:
    shown = run(tmp_path, "completion", "show", "zsh").stdout
    installed = json.loads(run(tmp_path, "completion", "install", "zsh", "--json").stdout)
    assert Path(installed["path"]).read_text() == shown
    *_, condition, complete, otherwise, prepare, end = shown.splitlines()
    assert condition == "if [[ $funcstack[1] == _autodeploy ]]; then"
    assert [complete.strip(), otherwise] == ["_autodeploy_completion", "else"]
    assert [prepare.strip(), end] == ["compdef _autodeploy_completion autodeploy", "fi"]


def test_command_of_a_user_starts_without_what_only_other_commands_need(tmp_path: Path) -> None:
    loaded = loaded_by("from autodeploy.cli.main import build_app; build_app()", tmp_path)
    assert "autodeploy.cli.user.commands" in loaded
    heavy = {"autodeploy.settings", "autodeploy.kernel.app_file", "httpx", "psutil", "pydantic"}
    assert heavy.isdisjoint(loaded)


def test_client_loads_no_library_that_it_does_not_use(tmp_path: Path) -> None:
    loaded = loaded_by("import autodeploy.cli.user.client", tmp_path)
    assert "httpx" in loaded
    assert {"click", "pygments", "rich"}.isdisjoint(loaded)


def loaded_by(code: str, folder: Path) -> set[str]:
    """The modules that a new process has loaded after ``code``."""
    command = [sys.executable, "-P", "-c", f"import sys; {code}; print(*sys.modules)"]
    return set(subprocess.check_output(command, cwd=folder, text=True).split())
