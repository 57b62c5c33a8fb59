"""Rules of the source that no linter of ours holds."""

import ast

from tests.architecture.source import SOURCE, called_name, calls

SHELLS = {"create_subprocess_shell", "subprocess_shell", "system", "popen", "getoutput",
          "getstatusoutput"}  # fmt: skip
# They take the name of the user's shell, to write a completion script for it.
COMPLETION = {"get_completion_script", "install"}
LONGEST_FILE = 500


def test_no_command_runs_through_a_shell():
    through_names = [place for place, call in calls() if called_name(call) in SHELLS]
    through_arguments = [
        place
        for place, call in calls()
        for keyword in call.keywords
        if keyword.arg == "shell"
        and called_name(call) not in COMPLETION
        and not (isinstance(keyword.value, ast.Constant) and keyword.value.value is False)
    ]
    assert through_names + through_arguments == []


def test_only_the_database_module_opens_commits_and_rolls_back_transactions():
    forbidden = {"commit", "rollback", "async_sessionmaker", "create_async_engine", "AsyncSession"}
    found = [
        f"{place} {called_name(call)}"
        for folder in ("services", "api")
        for place, call in calls(folder)
        if called_name(call) in forbidden
    ]
    assert found == []


def test_no_file_is_longer_than_one_reads():
    lengths = {path: len(path.read_text().splitlines()) for path in SOURCE.rglob("*.py")}
    too_long = [
        str(path.relative_to(SOURCE))
        for path, lines in lengths.items()
        if lines > LONGEST_FILE and "versions" not in path.parts
    ]
    assert too_long == []
