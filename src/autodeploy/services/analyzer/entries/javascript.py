"""JavaScript: build and start by the scripts of ``package.json``, else by the framework."""

import re
import shlex
from collections.abc import Iterator, Mapping

from autodeploy.services.analyzer.entries import angular
from autodeploy.services.analyzer.entries.base import Run
from autodeploy.services.analyzer.evidence import SourceFiles, words
from autodeploy.services.analyzer.matcher import (
    Content,
    Context,
    FrameworkRecord,
    Script,
    StaticExport,
    holds,
)
from autodeploy.services.analyzer.packages.base import Packages
from autodeploy.services.analyzer.packages.javascript import CALLS_SCRIPT, RUNNERS
from autodeploy.services.analyzer.packages.workspaces import sibling_builds
from autodeploy.services.analyzer.plan import AppKind, Command

ENTRIES = (
    "server.js", "index.js", "app.js", "main.js", "server.mjs", "index.mjs", "server.cjs",
    "src/server.js", "src/index.js", "src/app.js", "src/main.js", "bin/www",
)  # fmt: skip

# TypeScript that bun runs as it is; ``bun init`` makes the first.
BUN_ENTRIES = ("index.ts", "server.ts", "app.ts", "main.ts", "src/index.ts", "src/server.ts")

_FIXED_PORT = re.compile(r"(?:^|\s)(?:-p|--port)[ =](\d+)")
# Servers that rebuild what they serve: slow, open to more than they should be, and not built; and
# previews of a build, which their makers name as no servers (https://vite.dev/guide/cli#vite-preview).
_SERVES_DEVELOPMENT = re.compile(
    r"\b(next|nuxt|nuxi|astro|react-router|remix|wrangler|gatsby|solid-start|vinxi|vitepress|waku) "
    r"(dev|develop|vite:dev)\b|\b(vite|astro|nuxt|nuxi) preview\b"
    r"""|(^|[\s&;/"'])vite( dev| serve| --|["']|$)|\bnodemon\b|\bnest start\b|\bts-node-dev\b"""
    r"|\btsx watch\b|(^|\s)--(watch|hot)\b|\bwebpack(-dev-server| serve)\b|\b(ng|nx) serve\b"
    r"|\b(react-scripts|docusaurus) start\b|\bparcel (?!build)"
)
# The reason of a start script that runs a file of the folder itself, not the scripts of members.
STARTS_ITSELF = re.compile(r"script \S+: (\w+=\S+ )*(node|tsx|bun|deno) ")
_BUNDLES = re.compile(r"\b(webpack|rollup|parcel|esbuild|browserify)\b")
_PLAIN_NODE = re.compile(r"([A-Z_]+=\S+ )*node ")
_RUNS = re.compile(
    r"\b(?P<runner>tsx|nodemon|node)(?: watch)?(?: -\S+)* (?P<path>[\w./-]+\.[mc]?[jt]s)\b"
)
_LISTENS_FIXED = re.compile(r"\.listen\(\s*(\d{2,5})\b")


def run(files: SourceFiles, packages: Packages, record: FrameworkRecord, context: Context) -> Run:
    """How to build and run a JavaScript app."""
    build = _advised(_build(files, packages, record), files, record, context)
    server = angular.server(files) if record.slug in angular.SLUGS else None
    if server is None and _is_static(files, record, context):
        return Run(
            kind=AppKind.STATIC,
            install=packages.install,
            build=build,
            output_directory=_output_directory(files, packages, record),
            spa_fallback=_falls_back(files, record, context),
        )
    start = server or _start(files, packages, record, build)
    kind = AppKind.SSR if server else record.kind
    return Run(
        kind=AppKind.LIBRARY if record.generic and start is None else kind,
        install=packages.install,
        build=build,
        start=start,
        port=angular.SERVER_PORT if server else record.port,
        found=start is not None,
    )


def _is_static(files: SourceFiles, record: FrameworkRecord, context: Context) -> bool:
    if record.static_export and _exports(record.static_export, context):
        files.note("package.json", f"{record.name} writes plain files")
        return True
    return record.kind is AppKind.STATIC


def _falls_back(files: SourceFiles, record: FrameworkRecord, context: Context) -> bool:
    """Whether one page answers every path."""
    if record.static_export:
        return any(holds(one, "node", context) for one in record.static_export.spa)
    return record.spa_fallback and not _has_pages(files)


def _has_pages(files: SourceFiles) -> bool:
    """Whether there are pages beside the first one, so that an unknown path is not the app's."""
    return bool(set(files.glob("*.html")) - {"index.html", "404.html"})


def _exports(export: StaticExport, context: Context) -> bool:
    if any(holds(one, "node", context) for one in export.when):
        return True
    return bool(export.unless) and not any(holds(one, "node", context) for one in export.unless)


def _advised(
    build: Command | None, files: SourceFiles, record: FrameworkRecord, context: Context
) -> Command | None:
    """The build as the record's advice has it, with the warnings of what applies."""
    for advice in record.advice:
        if holds(advice.when, "node", context):
            files.warn(advice.text)
            if build is not None:
                build = build.model_copy(update={"command": advice.build_prefix + build.command})
    return build


def _build(files: SourceFiles, packages: Packages, record: FrameworkRecord) -> Command | None:
    own = _own_build(packages, record)
    siblings = sibling_builds(files, packages.manager or "npm")
    if siblings is None:
        return own
    if own is None:
        return siblings
    return Command(
        command=f"{siblings.command} && {own.command}", reason=f"{siblings.reason}; {own.reason}"
    )


def _own_build(packages: Packages, record: FrameworkRecord) -> Command | None:
    for name in record.build_scripts:
        if name in packages.scripts:
            return Command(
                command=f"{packages.manager or 'npm'} run {name}",
                reason=f"script {name}: {packages.scripts[name]}",
            )
    if record.build_command is None:
        return None
    runner = RUNNERS.get(packages.manager or "npm", "npx ")
    return Command(
        command=f"{runner}{record.build_command}",
        reason=f"{record.name} builds so; package.json has no build script",
    )


def _start(
    files: SourceFiles, packages: Packages, record: FrameworkRecord, build: Command | None
) -> Command | None:
    """The script that serves production, else how the framework starts, else the entry point."""
    manager = packages.manager or "npm"
    refused = None
    for name in record.start_scripts:
        script = packages.scripts.get(name)
        if script and not serves_development(script, packages.scripts):
            return _start_script(files, manager, name, script)
        refused = script or refused
    if record.start_command:
        # What the package manager would call is called by its own name where it is plain Node.
        plain = _PLAIN_NODE.match(record.start_command)
        line = (
            record.start_command if plain else RUNNERS.get(manager, "npx ") + record.start_command
        )
        return Command(command=line, reason=f"{record.name} starts so")
    if not record.generic:
        found = _entry(files, packages, refused or "") or (_built_entry(files) if build else None)
    else:
        # What a bundler watches runs in a browser.
        is_page = refused is not None and _BUNDLES.search(refused)
        found = None if is_page else _entry(files, packages, refused or "")
    found = found or (_watched(files, packages) if build is None else None)
    if refused and found is None:
        files.warn(
            f"The start script `{refused[:80]}` is for development. Add one that serves "
            "production, such as `node server.js`."
        )
    return found


def serves_development(script: str, scripts: Mapping[str, str], depth: int = 3) -> bool:
    """Whether a script, or one that it calls, is for the desk of who writes the app."""
    if _SERVES_DEVELOPMENT.search(script):
        return True
    called = [scripts.get(name) for name in CALLS_SCRIPT.findall(script)] if depth else []
    return any(serves_development(one, scripts, depth - 1) for one in called if one)


def _entry(files: SourceFiles, packages: Packages, refused: str) -> Command | None:
    """The file that the refused script watches, else what is named or called like an entry."""
    watched = [word.strip("\"'").removeprefix("./") for word in reversed(refused.split())]
    manifest = files.json("package.json")
    named = (words(manifest.get("main")) or "").removeprefix("./")
    by_name = () if _is_published(manifest) else (named, f"{named}.js", *ENTRIES)
    for path in (*watched, *by_name):
        if path and files.has(path) and path.endswith((".js", ".mjs", ".cjs", "www")):
            fixed = _LISTENS_FIXED.search(files.text(path) or "")
            if fixed:
                files.warn(f"{path} listens on port {fixed.group(1)}; it should use $PORT.")
            files.note(path, "is the entry point")
            habit = "the start script names it" if path in watched else "the entry point by name"
            why = "package.json names it as main" if path == named else habit
            return Command(command=f"node {shlex.quote(path)}", reason=f"{path}: {why}")
    # A package that is published has an ``index.ts`` too.
    if packages.manager != "bun" or manifest.get("private") is not True:
        return None
    module = (words(manifest.get("module")) or "").removeprefix("./")
    for path in (module, *BUN_ENTRIES):
        if path.endswith(".ts") and files.has(path):
            files.note(path, "is the entry point")
            why = "package.json names it as module" if path == module else "the entry point by name"
            return Command(command=f"bun {shlex.quote(path)}", reason=f"{path}: {why}")
    return None


def _is_published(manifest: Mapping[str, object]) -> bool:
    """Whether others install the package: then its entry point is what they import."""
    said = manifest.keys() & {"exports", "files", "publishConfig"}
    return bool(said) and manifest.get("private") is not True


def _watched(files: SourceFiles, packages: Packages) -> Command | None:
    """The program that the ``dev`` script runs, without the watching."""
    found = _RUNS.search(packages.scripts.get("dev", ""))
    if found is None or not files.has(found.group("path").removeprefix("./")):
        return None
    path = found.group("path").removeprefix("./")
    if not path.endswith(".ts"):
        line = f"node {shlex.quote(path)}"
    elif found.group("runner") == "tsx":
        line = f"{RUNNERS.get(packages.manager or 'npm', 'npx ')}tsx {shlex.quote(path)}"
    else:
        return None
    return Command(
        command=line, reason=f"{path}: the script dev runs it; there is none for production"
    )


def _built_entry(files: SourceFiles) -> Command | None:
    """The ``main`` of a server that the build makes: a library is no framework's app."""
    main = (words(files.json("package.json").get("main")) or "").removeprefix("./")
    folder = main.partition("/")[0]
    if not main.endswith((".js", ".mjs", ".cjs")) or folder == main or files.entries(folder):
        return None
    reason = f"package.json names {main} as main, which the build makes"
    return Command(command=f"node {shlex.quote(main)}", reason=reason)


def _start_script(files: SourceFiles, manager: str, name: str, script: str) -> Command:
    line = f"{manager} run {name}"
    fixed = _FIXED_PORT.search(script)
    if fixed and re.search(r"\bnext start\b", script):
        files.warn(f"The start script names port {fixed.group(1)}; $PORT is given instead.")
        # The last of two equal options counts.
        separator = " --" if manager == "npm" else ""
        line += f"{separator} -p $PORT"
    elif fixed:
        files.warn(f"The start script names port {fixed.group(1)}; it should use $PORT.")
    elif re.search(r"\bwaku start\b", script):
        # It takes its port from the option alone (cli.ts of waku 0.27).
        line += f"{' --' if manager == 'npm' else ''} --port $PORT"
    return Command(command=line, reason=f"script {name}: {script}")


def _output_directory(files: SourceFiles, packages: Packages, record: FrameworkRecord) -> str:
    """Where the build writes: the script's option, the configuration, else the habit."""
    option = re.search(r"--outDir[ =](\S+)", packages.scripts.get("build", ""))
    if option:
        return option.group(1).strip("./")
    if record.slug in angular.SLUGS and (named := angular.output_directory(files)):
        return named
    for place, text in _settings(files, packages, record.output_setting):
        found = re.search(record.output_setting.pattern, text) if record.output_setting else None
        if found:
            files.note(place, f"writes to {found.group(1)}")
            return record.output_template.format(found.group(1).strip("./"))
    habit = record.static_export.output_directory if record.static_export else None
    return habit or record.output_directory or "."


def _settings(
    files: SourceFiles, packages: Packages, setting: Content | Script | None
) -> Iterator[tuple[str, str]]:
    """The texts that may name the output directory, each with its file."""
    if isinstance(setting, Script):
        yield from (("package.json", command) for command in packages.scripts.values())
    elif setting:
        yield from ((path, files.text(path) or "") for path in files.glob(setting.path))
