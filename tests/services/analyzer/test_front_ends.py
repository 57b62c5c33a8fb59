"""Front ends in JavaScript beside, or in a folder below, servers of other languages."""

from pathlib import Path

import pytest
from tests.services.analyzer.trees import install_of, plan_of

FLASK = {
    "requirements.txt": "flask\ngunicorn\n",
    "app.py": "from flask import Flask\napp = Flask(__name__)\n",
}
VITE = '{"scripts": {"build": "vite build"}, "devDependencies": {"vite": "^7.0.0"}}'


def test_package_json_beside_a_python_app_is_installed_and_built(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {**FLASK, "package.json": VITE, "package-lock.json": "{}"})
    assert plan.language == "python"
    assert install_of(plan) == "pip install -r requirements.txt && npm ci"
    assert plan.build_command
    assert plan.build_command.command == "npm run build"
    assert plan.lock_files == ("requirements.txt", "package-lock.json")


def test_front_end_that_the_dockerfile_builds_is_left_to_it_with_a_warning(tmp_path: Path) -> None:
    dockerfile = {"Dockerfile": "FROM node:24\nRUN npm run build\n", "package.json": VITE}
    plan = plan_of(tmp_path, {**FLASK, **dockerfile})
    assert plan.build_command is None
    assert any("by the Dockerfile alone" in warning for warning in plan.warnings)


def test_package_json_without_a_build_changes_nothing(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {**FLASK, "package.json": '{"dependencies": {"lodash": "4"}}'})
    assert install_of(plan) == "pip install -r requirements.txt"
    assert plan.build_command is None


def test_front_end_in_a_folder_that_nothing_builds_is_warned_of(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {**FLASK, "frontend/package.json": VITE})
    assert plan.language == "python"
    assert any(warning.startswith("frontend holds a front end") for warning in plan.warnings)


@pytest.mark.parametrize(
    "builder",
    [
        {"Dockerfile": "COPY frontend ./frontend\nRUN cd frontend && npm ci && npm run build\n"},
        {"package.json": '{"scripts": {"build": "npm --prefix frontend run build"}}'},
        {"Makefile": "build:\n\tcd frontend && npm run build\n"},
    ],
)
def test_front_end_that_the_server_builds_is_not_warned_of(
    tmp_path: Path, builder: dict[str, str]
) -> None:
    plan = plan_of(tmp_path, {**FLASK, "frontend/package.json": VITE, **builder})
    assert not any("holds a front end" in warning for warning in plan.warnings)


def test_server_in_php_outweighs_the_bundler_of_its_pages(tmp_path: Path) -> None:
    files = {"composer.json": "{}", "index.php": "<?php\n", "package.json": VITE,
             "vite.config.js": "", "index.html": ""}  # fmt: skip
    plan = plan_of(tmp_path, files)
    assert plan.language == "php"
    assert plan.build_command
    assert plan.build_command.command == "npm run build"
