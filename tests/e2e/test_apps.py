"""An app of each kind, from a folder to its URL, with the real parts and the real command line."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.e2e import apps
from tests.e2e.platform import Platform

pytestmark = pytest.mark.timeout(240)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("plain-html", apps.static_site),
        ("procfile", apps.procfile_app),
        ("fastapi", apps.fastapi_app),
        ("django", apps.django_app),
    ],
)
def test_folder_ends_with_an_app_that_answers_at_both_addresses(
    platform: Platform, tmp_path: Path, name: str, write: Callable[[Path, str], Path]
) -> None:
    text = f"this is {name}"
    deployment = platform.deploy(write(tmp_path / name, text), name)

    assert deployment["status"] == "ready"
    assert deployment["url"] == f"http://{name}.localhost:{platform.proxy_port}"
    assert text in platform.page(name)
    assert text in platform.local_page(deployment)


def test_last_lines_of_a_deployment_are_its_two_addresses(
    platform: Platform, tmp_path: Path
) -> None:
    apps.static_site(tmp_path / "lines", "lines")
    done = platform.run("deploy", str(tmp_path / "lines"))
    project = platform.json("status", "lines")["project"]
    environment = project["environments"][0]

    assert done.stdout.splitlines()[-2:] == [
        f"URL http://lines.localhost:{platform.proxy_port}",
        f"LOCAL {environment['localUrl']}",
    ]
    assert environment["localUrl"].startswith("http://127.0.0.1:")


def test_uncommitted_files_are_deployed_and_ignored_ones_are_not(
    platform: Platform, tmp_path: Path
) -> None:
    folder = apps.static_site(tmp_path / "ignoring", "shown")
    apps.write(folder, {".gitignore": "hidden.html\n", "hidden.html": "x", "new.html": "new"})
    platform.deploy(folder, "ignoring")

    assert platform.page("ignoring", "/new.html") == "new"
    assert platform.page("ignoring", "/hidden.html").startswith("HTTP 404")


def test_failed_build_shows_the_log_the_code_and_what_to_do(
    platform: Platform, tmp_path: Path
) -> None:
    folder = apps.fastapi_app(tmp_path / "broken", "never")
    (folder / "requirements.txt").write_text("no-such-distribution-anywhere\n")
    done = platform.run("deploy", str(folder), check=False)

    assert done.returncode == 1
    assert "no-such-distribution-anywhere" in done.stderr
    assert "Error: " in done.stderr
    assert "Next: " in done.stderr
    assert "URL " not in done.stdout


def test_app_that_never_listens_fails_and_the_old_release_goes_on(
    platform: Platform, tmp_path: Path
) -> None:
    folder = apps.procfile_app(tmp_path / "crashing", "first")
    platform.deploy(folder, "crashing")
    (folder / "server.py").write_text("raise SystemExit('it crashes here')\n")
    done = platform.run("deploy", str(folder), "--project", "crashing", check=False)

    assert done.returncode == 1
    assert "it crashes here" in done.stderr
    assert platform.page("crashing") == "first"


def test_destroyed_project_answers_no_more(platform: Platform, tmp_path: Path) -> None:
    deployment = platform.deploy(apps.procfile_app(tmp_path / "gone", "here"), "gone")
    assert platform.page("gone") == "here"
    platform.run("destroy", "gone", "--yes")

    assert platform.page("gone").startswith("HTTP")
    assert platform.local_page(deployment) == ""
    assert platform.run("status", "gone", check=False).returncode == 1
