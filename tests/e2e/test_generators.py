"""Apps as other people's generators make them, installed from the real registries.

Each is deployed, answers with its own text, is changed and deployed again, and rolled back.
"""

import re
import sys
from pathlib import Path

import pytest
from tests.e2e.generated import APPS, EXAMPLES, PYTHON_TOOLS, Generated, Tools, run
from tests.e2e.platform import Json, Platform

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

_SCRIPT = re.compile(r'src="([^"]+\.js)"')


@pytest.fixture(scope="session")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Tools:
    folder = tmp_path_factory.mktemp("tools") / "venv"
    run(folder.parent, sys.executable, "-m", "venv", str(folder))
    run(folder.parent, str(folder / "bin/pip"), "install", "--quiet", *PYTHON_TOOLS)
    return Tools(folder)


@pytest.mark.parametrize("app", APPS, ids=lambda app: app.name)
def test_generated_app_is_deployed_changed_and_rolled_back(
    online: Platform, tools: Tools, tmp_path: Path, app: Generated
) -> None:
    folder = tmp_path / app.name
    app.make(folder, tools)
    app.write(folder, "the first text")

    first = _deploy(online, folder, app)
    assert "the first text" in _said(online, app)
    assert f"Found {app.found}." in online.run("logs", first["id"]).stdout

    app.write(folder, "the second text")
    _deploy(online, folder, app)
    assert "the second text" in _said(online, app)

    back = online.json("rollback", app.name)
    assert back["status"] == "ready"
    assert "the first text" in _said(online, app)


@pytest.mark.parametrize("name", ["astro-node", "remix", "celery", "gradio"])
def test_example_ends_at_a_url(online: Platform, name: str) -> None:
    """Those of which no record above is of the same kind."""
    deployment = _deploy_folder(online, EXAMPLES / name, name)

    assert deployment["status"] == "ready"
    expected = {
        "astro-node": "Hello from Astro's server at /",
        "remix": "Hello from Remix",
        "celery": "with a worker beside it",
        "gradio": "Gradio example",
    }
    assert expected[name] in online.page(name)
    if name == "celery":
        assert online.page(name, "/add") == "2 + 3 is 5"


def _deploy(online: Platform, folder: Path, app: Generated) -> Json:
    deployment = _deploy_folder(online, folder, app.name, *app.arguments)
    assert deployment["status"] == "ready"
    return deployment


def _deploy_folder(online: Platform, folder: Path, name: str, *arguments: str) -> Json:
    online.command_seconds = 600
    return online.deploy(folder, name, *arguments)


def _said(online: Platform, app: Generated) -> str:
    """The page, or the script that it loads."""
    page = online.page(app.name, app.path)
    if not app.in_script:
        return page
    script = _SCRIPT.search(page)
    assert script is not None, page
    return online.page(app.name, script[1])
