"""JavaScript and TypeScript: npm, pnpm, yarn and bun, workspaces, the Node version."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from autodeploy.services.analyzer.evidence import SourceFiles, table, words
from autodeploy.services.analyzer.packages.base import (
    Packages,
    first_line,
    first_request,
    tool_version,
)
from autodeploy.services.analyzer.packages.members import members_of
from autodeploy.services.analyzer.plan import Command


@dataclass(frozen=True)
class Manager:
    """A package manager: its lock files and how it installs with and without one."""

    name: str
    lock_files: tuple[str, ...]
    install: str
    install_locked: str


MANAGERS = (
    Manager("npm", ("package-lock.json", "npm-shrinkwrap.json"), "npm install", "npm ci"),
    Manager("pnpm", ("pnpm-lock.yaml",), "pnpm install", "pnpm install --frozen-lockfile"),
    Manager("yarn", ("yarn.lock",), "yarn install", "yarn install --frozen-lockfile"),
    Manager("bun", ("bun.lock", "bun.lockb"), "bun install", "bun install --frozen-lockfile"),
)
_BY_NAME = {manager.name: manager for manager in MANAGERS}

# How a script of package.json is called, also by another one.
CALLS_SCRIPT = re.compile(r"\b(?:npm run|pnpm(?: run)?|yarn(?: run)?|bun run) ([\w:.-]+)")

# How a program of an installed package is called.
RUNNERS = {"npm": "npx ", "pnpm": "pnpm exec ", "yarn": "yarn ", "bun": "bunx "}


def read(files: SourceFiles) -> Packages | None:
    """What ``package.json`` and the files around it say, or None when there is none."""
    if not files.has("package.json"):
        return None
    manifest = files.json("package.json")
    production = _versions(manifest, "dependencies")
    # What a package wants its users to have is what it is a part for, not what it is.
    peers = _versions(manifest, "peerDependencies").keys()
    development = {
        name: version
        for name, version in _versions(manifest, "devDependencies").items()
        if name not in peers
    }
    manager, version, place = _manager(files)
    members = members_of(files)
    locks = tuple(place.at(lock) for lock in manager.lock_files if place.has(lock))
    return Packages(
        language="node",
        language_name="TypeScript" if _is_typescript(files, development, production) else
        "JavaScript",
        manager=manager.name,
        manager_version=version,
        install=_install(manager, version, place, bool(locks)),
        runtime=first_request(files, "node", _version_requests(files), parts=1),
        production=production,
        development=development,
        manifests=dict.fromkeys((*development, *production), "package.json"),
        lock_files=locks or (files.at("package.json"),),
        scripts={
            name: command
            for name, command in table(manifest, "scripts").items()
            if isinstance(command, str)
        },
        members=members,
    )  # fmt: skip


def _is_typescript(files: SourceFiles, *dependencies: Mapping[str, str | None]) -> bool:
    return files.has("tsconfig.json") or any("typescript" in kind for kind in dependencies)


def _versions(manifest: Mapping[str, object], kind: str) -> dict[str, str | None]:
    return {name: words(version) for name, version in table(manifest, kind).items()}


def _manager(files: SourceFiles) -> tuple[Manager, str | None, SourceFiles]:
    """The manager, the version asked for, and the folder that says so.

    The ``packageManager`` field decides, then the lock file beside the manifest, then the
    same of a workspace above it. npm is what Node itself brings.
    """
    for place in (files, *files.parents()):
        field = words(place.json("package.json").get("packageManager"))
        if field:
            name, _, version = field.partition("@")
            if name in _BY_NAME:
                place.note("package.json", f"packageManager is {field}")
                return _BY_NAME[name], version.partition("+")[0] or None, place
        locked = [one for one in MANAGERS if any(place.has(lock) for lock in one.lock_files)]
        if locked:
            return _locked(place, locked), None, place
    return _BY_NAME["npm"], None, files


def _locked(place: SourceFiles, locked: list[Manager]) -> Manager:
    # npm's lock file is left behind when a project moves to pnpm or yarn. bun can be put to use
    # beside any of them, and its own lock file says no more than that it was.
    chosen = next((one for one in locked if one.name in ("pnpm", "yarn")), locked[0])
    lock = next(lock for lock in chosen.lock_files if place.has(lock))
    if len(locked) > 1:
        names = ", ".join(one.name for one in locked)
        place.warn(f"There are lock files of {names}; {chosen.name} is used.")
    place.note(lock, f"lock file of {chosen.name}")
    return chosen


def _install(manager: Manager, version: str | None, place: SourceFiles, locked: bool) -> Command:
    if not locked:
        return Command(command=manager.install, reason="package.json without a lock file")
    line = manager.install_locked
    if manager.name == "yarn" and _is_berry(version, place):
        line = "yarn install --immutable"
    return Command(command=line, reason=f"lock file of {manager.name}: exactly what it names")


def _is_berry(version: str | None, place: SourceFiles) -> bool:
    if version:
        return not version.startswith(("0.", "1."))
    return place.has(".yarnrc.yml") or "__metadata:" in (place.text("yarn.lock") or "")[:400]


def _version_requests(files: SourceFiles) -> Iterator[tuple[str, str]]:
    """The Node versions asked for: exact files first, then tools, then the range of engines."""
    for place in (files, *files.parents()):
        manifest = place.json("package.json")
        for path in (".node-version", ".nvmrc"):
            version = first_line(place, path)
            if version:
                yield version.removeprefix("v"), place.at(path)
        volta = words(table(manifest, "volta").get("node"))
        if volta:
            yield volta, f"{place.at('package.json')} (volta)"
        tool = tool_version(place, "node", "nodejs")
        if tool:
            yield tool[0], place.at(tool[1])
        engines = words(table(manifest, "engines").get("node"))
        if engines:
            yield engines, f"{place.at('package.json')} (engines)"
