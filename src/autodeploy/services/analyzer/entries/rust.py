"""Rust: which binary Cargo makes, and where it puts it.

Targets by https://doc.rust-lang.org/cargo/reference/cargo-targets.html (read 2026-11).
"""

import re
import shlex
from collections.abc import Mapping

from autodeploy.services.analyzer.entries.base import Program, Run, program_run
from autodeploy.services.analyzer.evidence import SourceFiles, table, words
from autodeploy.services.analyzer.matcher import Context, FrameworkRecord
from autodeploy.services.analyzer.packages.base import Packages
from autodeploy.services.analyzer.packages.rust import (
    MANIFEST,
    default_folders,
    manifest_of,
    member_folders,
)

BUILD = "cargo build --release"

# Members whose programs serve the work on the others (https://github.com/matklad/cargo-xtask).
ASIDE = frozenset({"xtask", "examples", "benches", "fuzz"})

# A member named so is the one that serves, where several make programs.
_SERVES = re.compile(r"(^|[/_-])(server|web|api|app|backend|http)$")


def run(files: SourceFiles, packages: Packages, record: FrameworkRecord, context: Context) -> Run:
    """How to build and run a Rust app; a package without a binary is a library."""
    if not files.has(MANIFEST):
        return program_run(packages, record, _without_cargo(files))
    own = _binary(files, "")
    if own or "package" in files.toml(MANIFEST):
        return program_run(packages, record, _program(files, own, BUILD))
    folder = _member(files, record)
    if folder is None:
        return program_run(packages, record, None)
    build = BUILD
    if folder not in default_folders(files):
        build += f" --package {shlex.quote(_package_name(files, folder) or folder)}"
    return program_run(packages, record, _program(files, _binary(files, folder), build))


def _program(files: SourceFiles, binary: str | None, build: str) -> Program | None:
    if binary is None:
        return None
    path = shlex.quote(f"{_target(files)}/release/{binary}")
    return Program(build, path, f"{MANIFEST} makes the binary {binary}")


def _without_cargo(files: SourceFiles) -> Program | None:
    path = next((path for path in ("main.rs", "src/main.rs") if files.has(path)), None)
    if path is None:
        return None
    return Program(f"rustc -O -o app {path}", "./app", f"{path} is the only source")


def _target(files: SourceFiles) -> str:
    """The folder that Cargo builds into: that of the workspace which the package belongs to."""
    for steps, above in enumerate(files.parents(), start=1):
        members = [above.at(folder) for folder in member_folders(above)]
        if files.root in members:
            return "/".join([".."] * steps) + "/target"
    return "./target"


def _package_name(files: SourceFiles, folder: str) -> str | None:
    return words(table(manifest_of(files, folder), "package").get("name"))


def _member(files: SourceFiles, record: FrameworkRecord) -> str | None:
    """The member of the workspace that is the app: one that uses the framework, if there is one."""
    folders = [
        folder
        for folder in default_folders(files) or member_folders(files)
        if _binary(files, folder) and folder.rpartition("/")[2] not in ASIDE
    ]
    using = [
        folder
        for folder in folders
        if record.package in table(manifest_of(files, folder), "dependencies")
    ]
    found = sorted(using or folders, key=lambda folder: not _SERVES.search(folder))
    if len(found) > 1:
        files.warn(f"Several members make programs: {', '.join(found)}. Say which in a Procfile.")
    return found[0] if found else None


def _binary(files: SourceFiles, folder: str) -> str | None:
    """The binary that ``cargo run`` would start, else the one named like the package."""
    base = f"{folder}/" if folder else ""
    manifest = manifest_of(files, folder)
    package = _package_name(files, folder)
    named = _named_binaries(manifest)
    found = list(named)
    if files.has(f"{base}src/main.rs") and "src/main.rs" not in named.values() and package:
        found.insert(0, package)
    found += [path.rpartition("/")[2][:-3] for path in files.glob(f"{base}src/bin/*.rs")]
    found += [path.split("/")[-2] for path in files.glob(f"{base}src/bin/*/main.rs")]
    preferred = words(table(manifest, "package").get("default-run"))
    if preferred in found:
        return preferred
    return package if package in found else next(iter(found), None)


def _named_binaries(manifest: Mapping[str, object]) -> dict[str, str | None]:
    declared = manifest.get("bin")
    tables = (
        [one for one in declared if isinstance(one, dict)] if isinstance(declared, list) else []
    )
    return {name: words(one.get("path")) for one in tables if (name := words(one.get("name")))}
