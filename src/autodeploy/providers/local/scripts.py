"""A script of package.json as the command that it is, without a package manager around it.

A package manager around an app delays its start, and takes memory for as long as it runs. What it
would tell the script is told here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from autodeploy.providers.local.layout import inside
from autodeploy.providers.local.sources import read_manifest, read_source

# Both run a script with ``sh -c``. bun and yarn do it in ways of their own, and stay.
_RUNS = re.compile(r"(?:npm|pnpm) (?:(?:run|run-script) (?P<run>[\w:.-]+)|(?P<start>start))\s*")
# What changes how npm and pnpm run a script (docs.npmjs.com/cli/v11/using-npm/config and
# pnpm.io/settings, November 2026), wherever it is set.
_DECIDES = re.compile(
    r"script[-_]?shell|shell[-_]?emulator|node[-_]?options|ignore[-_]?scripts"
    r"|node[-_]?linker\s*[=:]\s*pnp",
    re.I,
)
_SETTINGS = (".npmrc", "pnpm-workspace.yaml")
_NESTED = 5


@dataclass(frozen=True)
class Script:
    """A command line for ``sh -c``, and the variables that it has beside the app's."""

    command: str
    environment: Mapping[str, str]


def find_script(
    tree: Path, root_directory: str, command: str, environment: Mapping[str, str]
) -> Script | None:
    """The script that ``command`` asks for; None where only the manager can tell how it runs.

    Args:
        tree: the app's release.
        root_directory: where in it the command is run.
        environment: the app's own variables.
    """
    folder = tree / root_directory.strip("/")
    if any(_DECIDES.search(name) for name in environment if name.lower().startswith("npm_config")):
        return None
    if any(_DECIDES.search(text) for text in _settings_of(tree, folder)):
        return None
    package = read_manifest(folder / "package.json", tree)
    scripts = package.get("scripts")
    if not isinstance(scripts, dict):
        return None
    found = None
    for _ in range(_NESTED):
        asked = _RUNS.fullmatch(found.command if found else command)
        if asked is None:
            return found
        name = asked["run"] or asked["start"]
        text = scripts.get(name)
        if not isinstance(text, str) or not text.strip() or "npm_" in text:
            return None
        if {f"pre{name}", f"post{name}"} & scripts.keys():
            return None
        found = Script(text, _environment(package, name, text, inside(root_directory)))
    return None


def _environment(
    package: Mapping[str, object], name: str, text: str, workdir: str
) -> dict[str, str]:
    """What npm says of a package to its scripts (docs.npmjs.com/cli/v11/using-npm/scripts)."""
    described = {
        f"npm_package_{key}": value
        for key in ("name", "version")
        if isinstance(value := package.get(key), str)
    }
    return {
        "INIT_CWD": workdir,
        "npm_lifecycle_event": name,
        "npm_lifecycle_script": text,
        "npm_package_json": f"{workdir}/package.json",
        **described,
    }


def _settings_of(tree: Path, folder: Path) -> list[str]:
    found = []
    for place in dict.fromkeys((folder, tree)):
        for name in _SETTINGS:
            try:
                found.append(read_source(place / name, tree).decode(errors="replace"))
            except OSError:
                continue
    return found
