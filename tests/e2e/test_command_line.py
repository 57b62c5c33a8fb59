"""The command line against a real platform: the shape of every answer, and every wrong input."""

import json
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.shapes import check, documented
from tests.e2e import apps
from tests.e2e.platform import Platform

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "static-html"
SITE = "cli-site"

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def site(_platform: Platform) -> Iterator[Path]:
    """A deployed app in a folder with an ``autodeploy.toml``, and the command line in it."""
    _platform.ensure_running()
    folder = _platform.folder / "a site"
    shutil.copytree(EXAMPLE, folder)
    (folder / "autodeploy.toml").write_text(f'project = "{SITE}"\nenvironment = "staging"\n')
    check(_platform.json("deploy", str(folder)), documented("deploy"))
    yield folder
    shutil.rmtree(folder)


def test_each_answer_has_the_documented_shape(platform: Platform, site: Path) -> None:
    asked = {
        "init": [str(site), "--yes", "--project", SITE],
        "status": [SITE],
        "projects": [],
        "open": [SITE, "-e", "staging"],
        "metrics": [SITE, "-e", "staging"],
        "env set": ["A=1", "B_KEY=2", "--project", SITE],
        "env import": ["-", "--project", SITE],
        "env list": [SITE],
        "env unset": ["A", "--project", SITE],
        "db create": ["--project", SITE],
        "db list": [SITE],
        "db show": ["--project", SITE],
        "db metrics": ["--project", SITE],
        "db backup": ["--project", SITE],
        "db backups": ["--project", SITE],
        "db restore": ["latest", "--to", "copy", "--project", SITE],
        "db rotate": ["--project", SITE],
        "db delete": ["copy", "--yes", "--project", SITE],
        "completion install": ["bash"],
        "doctor": [],
    }
    for command, arguments in asked.items():
        done = platform.run(*command.split(), *arguments, "--json", check=command != "doctor")
        check(json.loads(done.stdout), documented(command))
    check(platform.json("explain", "app_crashed"), documented("page"))
    check(platform.json("admin-token"), documented("admin-token"))
    check(platform.json("secrets"), documented("secrets"))
    for line in platform.run("logs", SITE, "-e", "staging", "--json").stdout.splitlines():
        check(json.loads(line), documented("logs"))
    failed = platform.run("status", "no-such", "--json", check=False)
    check(json.loads(failed.stdout)["error"], documented("failure"))


def test_file_of_the_folder_names_project_and_environment(platform: Platform, site: Path) -> None:
    status = platform.json("status", SITE)
    assert status["project"]["slug"] == SITE
    live = {e["name"] for e in status["project"]["environments"] if e["liveDeploymentId"]}
    assert live == {"staging"}


def test_logs_are_filtered(platform: Platform, site: Path) -> None:
    arguments = ("logs", SITE, "-e", "staging", "--json")
    everything = platform.run(*arguments, "--since", "1h").stdout.splitlines()
    own = platform.run(*arguments, "--source", "autodeploy").stdout.splitlines()
    assert 0 < len(own) < len(everything)
    assert {json.loads(line)["source"] for line in own} == {"autodeploy"}
    assert platform.run(*arguments, "-n", "1").stdout.splitlines() == everything[-1:]
    assert platform.run(*arguments, "--level", "error").stdout == ""


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["status", "cli-sit"], 1, "Did you mean `cli-site`?"),
        (["open", SITE, "-e", "stagin"], 1, "Did you mean `staging`?"),
        (["logs", SITE, "--since", "yesterday"], 2, "90s, 10m, 2h"),
        (["logs", "00000000-0000-0000-0000-000000000000"], 1, "No such deployment"),
        (["rollback", SITE, "-e", "staging"], 1, "no earlier release"),
        (["cancel", SITE, "-e", "staging"], 1, "has ended"),
        (["env", "set", "KEY", "--project", SITE], 2, "a line of standard input"),
        (["env", "set", "1KEY=2", "--project", SITE], 2, "letters, digits and underscores"),
        (["env", "unset", "NONE", "--project", SITE], 1, "is not set"),
        (["env", "import", "/nowhere", "--project", SITE], 2, "No such file"),
        (["env", "import", "/", "--project", SITE], 2, "directory"),
        (["env", "set", "KEY=\udcff", "--project", SITE], 2, "no UTF-8 text"),
        (["destroy", SITE], 2, "--yes"),
        (["destroy", "", "--yes"], 2, "is empty"),
        (["deploy", "/nowhere"], 2, "There is no folder"),
        (["deploy", "--project", "a\nb"], 2, "cannot be the name of a project"),
        (["deploy", "-e", "Not Good"], 2, "production or staging"),
        (["deploy", "--root", "gone"], 2, "There is no folder 'gone'"),
        (["deploy", "--root", "../.."], 2, "There is no folder"),
        (["login", "--token", "wrong"], 77, "unauthenticated"),
    ],
)
def test_wrong_input_is_answered_with_what_to_do(
    platform: Platform, site: Path, arguments: list[str], code: int, said: str
) -> None:
    ended = platform.run(*arguments, check=False)
    assert ended.returncode == code, ended.stderr
    assert said in ended.stderr
    assert "Warning" not in ended.stderr


def test_broken_file_of_the_folder_is_named_with_its_line(platform: Platform, site: Path) -> None:
    broken = site.with_name("broken")
    broken.mkdir()
    (broken / "autodeploy.toml").write_text("\nstrat = 1\n")
    ended = platform.run("deploy", str(broken), check=False)
    assert ended.returncode == 1
    assert "autodeploy.toml line 2" in ended.stderr
    assert "`start`" in ended.stderr


def test_interrupted_watch_ends_quietly(platform: Platform, site: Path) -> None:
    watching = platform.spawn("status", SITE, "--watch")
    assert watching.stdout is not None
    assert watching.stdout.readline().split() == ["PROJECT", SITE]
    watching.send_signal(signal.SIGINT)
    _, errors = watching.communicate(timeout=30)
    assert (watching.returncode, errors) == (130, "")


def test_reader_that_leaves_ends_a_watch(platform: Platform, site: Path) -> None:
    watching = platform.spawn("status", SITE, "--watch", "--json")
    assert watching.stdout is not None
    assert json.loads(watching.stdout.readline())["project"]["slug"] == SITE
    watching.stdout.close()
    platform.run("env", "set", "C=1", "--project", SITE)
    platform.run("deploy", str(site), "-e", "staging", "--project", SITE)
    try:
        watching.wait(60)
    except subprocess.TimeoutExpired:
        watching.kill()
        raise
    assert watching.stderr is not None
    assert watching.stderr.read() == ""
    watching.stderr.close()


def test_shell_is_given_the_names_of_projects(platform: Platform, site: Path) -> None:
    asked = {
        "_AUTODEPLOY_COMPLETE": "complete_bash",
        "COMP_WORDS": "autodeploy status cli-",
        "COMP_CWORD": "2",
    }
    environment = platform.environment
    platform.environment = environment | asked
    try:
        assert platform.run().stdout.split() == [SITE]
    finally:
        platform.environment = environment


def test_interrupted_deploy_says_how_to_go_on_and_goes_on(
    platform: Platform, site: Path, tmp_path: Path
) -> None:
    folder = apps.slow_build_app(tmp_path / "slow", "slow", "cli-slow-marker", 600)
    deploying = platform.spawn("deploy", str(folder), "--project", "cli-slow")
    assert deploying.stderr is not None
    for line in deploying.stderr:
        if line.startswith("▸ Build application"):
            break
    deploying.send_signal(signal.SIGINT)
    _, said = deploying.communicate(timeout=30)
    assert deploying.returncode == 130
    assert "The deployment goes on without you." in said
    assert "Traceback" not in said
    check(platform.json("cancel", "cli-slow"), documented("cancel"))
