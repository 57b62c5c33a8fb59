"""What an error means, without a platform."""

import json

import pytest
from typer.testing import CliRunner

from autodeploy.cli.failures import CommandError, ExitCode, as_failure, report
from autodeploy.cli.main import build_app
from autodeploy.cli.pages import find_page


def run(*arguments: str) -> str:
    done = CliRunner().invoke(build_app(), ["explain", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    return done.stdout


def test_a_code_is_explained_as_its_page_says() -> None:
    page = find_page("app_wrong_port")

    assert page is not None
    assert run("app_wrong_port") == page.markdown


def test_a_code_is_found_as_people_write_it() -> None:
    assert run("App-Wrong-Port") == run("app_wrong_port") == run("(app_wrong_port)")


def test_an_explanation_for_programs_has_every_section() -> None:
    said = json.loads(run("lock_file_outdated", "--json"))

    assert said["code"] == "lock_file_outdated"
    assert said["summary"].endswith("cannot be installed.")
    assert said["whatHappened"] and said["why"] and said["whatToDo"]
    assert said["example"].startswith("Error: ")


def test_without_a_code_all_are_listed() -> None:
    codes = {line.split()[0] for line in run().splitlines()[1:]}
    objects = json.loads(run("--json"))["errors"]

    assert {"app_crashed", "wrong_usage", "not_found"} <= codes
    assert {one["code"] for one in objects} == codes


@pytest.mark.parametrize("code", ["lock_file_outdatd", "../../secret", "", "x" * 300, "a\0b"])
def test_an_unknown_code_is_wrong_usage(code: str) -> None:
    with pytest.raises(CommandError) as failed:
        CliRunner().invoke(
            build_app(), ["explain", code], catch_exceptions=False, standalone_mode=False
        )

    assert failed.value.exit_code == ExitCode.USAGE
    assert "autodeploy explain" in (failed.value.remedy or "")


def test_a_misspelt_code_is_answered_with_the_nearest() -> None:
    with pytest.raises(CommandError, match="no error code") as failed:
        CliRunner().invoke(
            build_app(), ["explain", "app_crashd"], catch_exceptions=False, standalone_mode=False
        )

    assert "`autodeploy explain app_crashed`" in (failed.value.remedy or "")


def test_a_failure_names_the_page_about_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        report(CommandError("It ended.", code="app_crashed"))

    assert capsys.readouterr().err.splitlines()[-1] == "More: autodeploy explain app_crashed"


def test_a_code_of_a_newer_platform_is_told_without_a_page(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        report(CommandError("It ended.", code="of_tomorrow"))

    said = capsys.readouterr().err
    assert "(of_tomorrow)" in said
    assert "More:" not in said


def test_every_failure_of_a_command_has_a_code() -> None:
    assert CommandError("x").code == "command_failed"
    assert CommandError("x", exit_code=ExitCode.UNREACHABLE).code == "platform_unreachable"
    assert as_failure(ZeroDivisionError()).code == "internal_error"
    assert as_failure(PermissionError(13, "no")).code == "command_failed"
    assert as_failure(OSError(28, "No space left on device")).code == "disk_full"
