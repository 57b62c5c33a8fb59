"""Apps as other people's generators make them, installed from the real registries."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.platform import Platform, machine_settings, running_platform

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
needs_node = pytest.mark.skipif(shutil.which("npm") is None, reason="this machine has no Node")


@pytest.fixture(scope="module")
def online() -> Iterator[Platform]:
    """A platform that installs from the registries that this machine is configured for."""
    yield from running_platform(machine_settings())


def generate(folder: Path, *command: str) -> None:
    subprocess.run(command, cwd=folder, check=True, stdin=subprocess.DEVNULL)


@needs_node
def test_vite_template_ends_at_a_url(online: Platform, tmp_path: Path) -> None:
    generate(
        tmp_path, "npm", "create", "--yes", "vite@latest", "vite-app", "--", "--template", "vanilla"
    )
    deployment = online.deploy(tmp_path / "vite-app", "vite-app")

    assert deployment["status"] == "ready"
    page = online.page("vite-app")
    assert "<title>vite-app</title>" in page
    assert "/assets/index-" in page


@needs_node
def test_express_generator_app_ends_at_a_url(online: Platform, tmp_path: Path) -> None:
    generate(tmp_path, "npx", "--yes", "express-generator", "--no-view", "express-app")
    deployment = online.deploy(tmp_path / "express-app", "express-app")

    assert deployment["status"] == "ready"
    assert "Welcome to Express" in online.page("express-app")
    assert "Welcome to Express" in online.local_page(deployment)


def test_django_admin_startproject_ends_at_a_url(online: Platform, tmp_path: Path) -> None:
    folder = tmp_path / "django-app"
    folder.mkdir()
    generate(folder, sys.executable, "-m", "django", "startproject", "mysite", ".")
    (folder / "requirements.txt").write_text("django\n")
    deployment = online.deploy(folder, "django-app")

    assert deployment["status"] == "ready"
    # A new project has DEBUG on and no page but Django's own.
    assert "install worked successfully" in online.page("django-app")
