"""JavaScript: build and start by the scripts of ``package.json``, else by the framework."""

import re
import shlex

from autodeploy.services.analyzer.entries.base import Run
from autodeploy.services.analyzer.evidence import SourceFiles, words
from autodeploy.services.analyzer.matcher import Context, FrameworkRecord, holds
from autodeploy.services.analyzer.packages.base import Packages
from autodeploy.services.analyzer.packages.javascript import RUNNERS
from autodeploy.services.analyzer.plan import AppKind, Command

ENTRIES = (
    "server.js", "index.js", "app.js", "main.js", "server.mjs", "index.mjs", "server.cjs",
    "src/server.js", "src/index.js", "src/app.js", "src/main.js", "bin/www",
)  # fmt: skip

_FIXED_PORT = re.compile(r"(?:^|\s)(?:-p|--port)[ =](\d+)")
_LISTENS_FIXED = re.compile(r"\.listen\(\s*(\d{2,5})\b")


def run(files: SourceFiles, packages: Packages, record: FrameworkRecord, context: Context) -> Run:
    """How to build and run a JavaScript app."""
    build = _build(packages, record)
    export = record.static_export
    if export and holds(export.when, "node", context):
        files.note("package.json", f"{record.name} exports plain files")
        return Run(
            kind=AppKind.STATIC,
            install=packages.install,
            build=build,
            output_directory=export.output_directory,
        )
    if record.kind is AppKind.STATIC:
        return Run(
            kind=AppKind.STATIC,
            install=packages.install,
            build=build,
            output_directory=_output_directory(files, packages, record),
            spa_fallback=record.spa_fallback,
        )
    start = _start(files, packages, record)
    return Run(
        kind=AppKind.LIBRARY if record.generic and start is None else record.kind,
        install=packages.install,
        build=build,
        start=start,
        port=record.port,
        found=start is not None,
    )


def _build(packages: Packages, record: FrameworkRecord) -> Command | None:
    if "build" in packages.scripts:
        return Command(
            command=f"{packages.manager or 'npm'} run build",
            reason=f"script build: {packages.scripts['build']}",
        )
    if record.build_command is None:
        return None
    runner = RUNNERS.get(packages.manager or "npm", "npx ")
    return Command(
        command=f"{runner}{record.build_command}",
        reason=f"{record.name} builds so; package.json has no build script",
    )


def _start(files: SourceFiles, packages: Packages, record: FrameworkRecord) -> Command | None:
    manager = packages.manager or "npm"
    script = packages.scripts.get("start")
    if script:
        return _start_script(files, manager, script)
    if record.start_command:
        line = RUNNERS.get(manager, "npx ") + record.start_command
        return Command(command=line, reason=f"{record.name} starts so")
    main = words(files.json("package.json").get("main")) if packages.scripts is not None else None
    named = (main or "").removeprefix("./")
    for path in (named, f"{named}.js", *ENTRIES):
        if path and files.has(path) and path.endswith((".js", ".mjs", ".cjs", "www")):
            fixed = _LISTENS_FIXED.search(files.text(path) or "")
            if fixed:
                files.warn(f"{path} listens on port {fixed.group(1)}; it should use $PORT.")
            files.note(path, "is the entry point")
            why = "package.json names it as main" if path == named else "the entry point by name"
            return Command(command=f"node {shlex.quote(path)}", reason=f"{path}: {why}")
    return None


def _start_script(files: SourceFiles, manager: str, script: str) -> Command:
    fixed = _FIXED_PORT.search(script)
    if fixed and re.search(r"\bnext start\b", script):
        files.warn(f"The start script names port {fixed.group(1)}; $PORT is given instead.")
        # The last of two equal options counts.
        separator = " --" if manager == "npm" else ""
        return Command(
            command=f"{manager} run start{separator} -p $PORT", reason=f"script start: {script}"
        )
    if fixed:
        files.warn(f"The start script names port {fixed.group(1)}; it should use $PORT.")
    return Command(command=f"{manager} run start", reason=f"script start: {script}")


def _output_directory(files: SourceFiles, packages: Packages, record: FrameworkRecord) -> str:
    """Where the build writes: the script's option, the configuration, else the habit."""
    option = re.search(r"--outDir[ =](\S+)", packages.scripts.get("build", ""))
    if option:
        return option.group(1).strip("./")
    setting = record.output_setting
    for path in files.glob(setting.path) if setting else ():
        found = re.search(setting.pattern, files.text(path) or "") if setting else None
        if found:
            files.note(path, f"writes to {found.group(1)}")
            return found.group(1).strip("./")
    return record.output_directory or "."
