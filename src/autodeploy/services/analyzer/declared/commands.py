"""Shell lines as owners write them: what of one installs, where it runs, what it serves."""

import re
from dataclasses import replace
from typing import NamedTuple

from autodeploy.services.analyzer.declared.base import Said

# What installs the dependencies of a folder, and nothing else.
_INSTALLS = re.compile(
    r"(?:(?:npm (?:ci|i|install|clean-install)|pnpm (?:i|install)|yarn(?: install)?|"
    r"bun (?:i|install)|bundle(?: install)?|composer install|mix deps\.get|uv sync|"
    r"(?:poetry|pdm|pipenv) (?:install|sync))(?: -[\w./=:@,-]*)*|"
    r"(?:pip3?|python3? -m pip|uv pip) install(?: -\w+| --[\w-]+| \.(?:\[[\w,-]*\])?|"
    r" -r ?[\w./-]+| --requirement[ =][\w./-]+)+)"
)
_PREPARES = re.compile(
    r"corepack enable|(?:python3? -m )?pip3? install (?:-U |--upgrade )?(?:pip|setuptools|wheel| )+"
)
# Where parts cannot be told from each other by looking for `&&` alone.
_COMPOUND = re.compile(r"[\"'`();|{}\n]|\$\(")
# What installs a tool for the machine, and no dependency of the folder.
_TOOLS = re.compile(r" (?:-g|--global)\b")
_LEAVES = re.compile(r"cd\s+(?:\./)?\.\.")
# Servers of plain files, which AutoDeploy is itself.
_SERVES_FILES = re.compile(
    r"\b(?:serve|http-server|sirv|static-server|vite preview|nginx|caddy|httpd-foreground)\b"
)


class Parts(NamedTuple):
    install: str | None
    build: str


def split_install(line: str) -> Parts:
    """A build line as the part that installs, None when it has none, and the rest."""
    if _COMPOUND.search(line):
        return Parts(None, line)
    parts = [part.strip() for part in line.split("&&") if part.strip()]
    count = 0
    for part in parts:
        is_install = _INSTALLS.fullmatch(part) and not _TOOLS.search(part)
        if not is_install and not _PREPARES.fullmatch(part):
            break
        count += 1
    if not any(_INSTALLS.fullmatch(part) for part in parts[:count]):
        return Parts(None, line)
    return Parts(" && ".join(parts[:count]), " && ".join(parts[count:]))


def build_parts(build: Said[str] | None) -> tuple[Said[str] | None, Said[str] | None]:
    """A platform's build line as (what installs, what builds)."""
    if build is None:
        return None, None
    install, rest = split_install(build.value)
    return None if install is None else replace(build, value=install), replace(build, value=rest)


def leaves_folder(line: str) -> bool:
    """Whether a line is meant for a folder above the app's own: of a workspace, as a whole."""
    return _LEAVES.match(line) is not None


def serves_files(line: str) -> bool:
    """Whether a line starts a server of plain files."""
    return _SERVES_FILES.search(line) is not None
