"""The variables and PATH that an app's commands have, built and running."""

from pathlib import Path

from autodeploy.kernel.sandbox import DEFAULT_PATH
from autodeploy.providers.base import BuildSpec
from autodeploy.providers.local.managers import NODE_MANAGERS
from autodeploy.providers.local.toolchain import Interpreter


def build_environment(inside: str, interpreters: list[Interpreter]) -> dict[str, str]:
    """What each build has, and may be overridden by the app's own variables."""
    environment = {
        "HOME": "/cache/home",
        "USER": "app",
        "LANG": "C.UTF-8",
        "CI": "true",
        "TERM": "dumb",
        "NEXT_TELEMETRY_DISABLED": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_PROGRESS_BAR": "off",
        "PYTHONUNBUFFERED": "1",
        "NPM_CONFIG_FUND": "false",
        "NPM_CONFIG_AUDIT": "false",
        "NPM_CONFIG_UPDATE_NOTIFIER": "false",
        "POETRY_VIRTUALENVS_IN_PROJECT": "true",
        "PIPENV_VENV_IN_PROJECT": "1",
        "PIPENV_VERBOSITY": "-1",
        "PDM_CHECK_UPDATE": "false",
        "YARN_ENABLE_TELEMETRY": "0",
        # The caches are another mount, to which no hard link leads.
        "UV_LINK_MODE": "copy",
    }
    if any(one.name == "python" for one in interpreters):
        environment["VIRTUAL_ENV"] = f"{inside}/.venv"
        environment["UV_PROJECT_ENVIRONMENT"] = f"{inside}/.venv"
        environment["UV_PYTHON_DOWNLOADS"] = "never"
    return environment


def search_path(inside: str, interpreters: list[Interpreter]) -> str:
    """PATH inside, for builds and for running apps alike.

    A workspace has the programs of what its members share at its root, as npm has it for scripts.
    """
    app = Path("/app")
    above = [place for place in (Path(inside), *Path(inside).parents) if place.is_relative_to(app)]
    folders = [f"{inside}/.venv/bin", *(f"{place}/node_modules/.bin" for place in above)]
    folders += [str(Path(one.program).parent) for one in interpreters if not one.is_system]
    return ":".join([*folders, DEFAULT_PATH])


def family(language: str | None) -> str:
    return "node" if language in ("javascript", "typescript", "node") else language or ""


def languages_of(spec: BuildSpec) -> set[str]:
    """The interpreters that the commands name besides the app's own."""
    words = " ".join(filter(None, (spec.install_command, spec.build_command, spec.start_command)))
    names = set(words.replace("&&", " ").replace(";", " ").split())
    found = set()
    if (
        names & {"npm", "npx", "node", "yarn", "pnpm", "bun"}
        or spec.package_manager in NODE_MANAGERS
    ):
        found.add("node")
    if names & {"pip", "python", "python3", "uv", "poetry"}:
        found.add("python")
    return found
