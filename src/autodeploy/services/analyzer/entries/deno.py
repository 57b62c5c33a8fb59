"""Deno: the tasks of deno.json, else the module that is the entry point."""

import re
import shlex

from autodeploy.services.analyzer.entries.base import Run
from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.matcher import Context, FrameworkRecord
from autodeploy.services.analyzer.packages.base import Packages
from autodeploy.services.analyzer.plan import AppKind, Command

# Modules that are an entry point by their name, likeliest first.
ENTRIES = tuple(
    f"{folder}{name}.{kind}"
    for folder in ("", "src/")
    for name in ("main", "server", "index", "mod", "app")
    for kind in ("ts", "tsx", "js", "mjs")
)

# The address for servers that name none: https://docs.deno.com/runtime/reference/env_variables/,
# 2026-11.
_ADDRESS = "DENO_SERVE_ADDRESS=tcp:0.0.0.0:$PORT "

_WATCHES = re.compile(r"--watch|\bvite( dev)?$")


def run(files: SourceFiles, packages: Packages, record: FrameworkRecord, context: Context) -> Run:
    """How to run an app of Deno."""
    entry = next((path for path in ENTRIES if files.has(path)), None)
    start = _start(files, packages, entry)
    build = None
    if "build" in packages.scripts:
        reason = f"task build: {packages.scripts['build']}"
        build = Command(command="deno task build", reason=reason)
    return Run(
        kind=AppKind.LIBRARY if start is None and record.generic else record.kind,
        install=_install(packages, entry),
        build=build,
        start=start,
        port=record.port or 8000,
        found=start is not None,
    )


def _install(packages: Packages, entry: str | None) -> Command | None:
    if packages.install or entry is None:
        return packages.install
    return Command(command=f"deno cache {entry}", reason=f"what {entry} imports")


def _start(files: SourceFiles, packages: Packages, entry: str | None) -> Command | None:
    for name in ("start", "serve"):
        task = packages.scripts.get(name)
        if task:
            if _WATCHES.search(task):
                files.warn(f"The task {name} is for development: `{task[:80]}`.")
            return Command(command=f"{_ADDRESS}deno task {name}", reason=f"task {name}: {task}")
    if entry is None:
        return None
    files.note(entry, "is the entry point")
    verb = "serve" if re.search(r"(?m)^export default \{", files.text(entry) or "") else "run"
    return Command(
        command=f"{_ADDRESS}deno {verb} -A {shlex.quote(entry)}",
        reason=f"{entry} is the entry point by its name",
    )
