"""The front end in JavaScript that a server of another language serves: built with it."""

import re
from dataclasses import replace

from autodeploy.services.analyzer.entries.base import Run
from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.packages import javascript
from autodeploy.services.analyzer.plan import AppKind, Command

# Scripts of package.json that build for production, best first (Laravel Mix has two of them:
# https://laravel-mix.com/docs/6.0/workflow).
_BUILD_SCRIPTS = ("build", "production", "prod", "build:prod", "build:production")

# Folders in which a front end stands beside its server.
_FOLDERS = ("frontend", "front-end", "client", "ClientApp", "web", "webapp", "ui", "assets")

# Files of the server that may build what is in such a folder.
_BUILDERS = (
    "Dockerfile", "package.json", "pom.xml", "build.gradle", "build.gradle.kts", "*.csproj",
    "mix.exs", "config/config.exs", "build.rs", "Makefile", "Procfile", "Rakefile",
)  # fmt: skip


def with_front_end(run: Run, files: SourceFiles, *, builds_itself: bool = False) -> Run:
    """The run that installs and builds the packages of the ``package.json`` beside it too.

    ``builds_itself`` says that the server's own build calls the script.
    """
    packages = javascript.read(files)
    name = next((one for one in _BUILD_SCRIPTS if packages and one in packages.scripts), None)
    if packages is None or (name is None and not builds_itself):
        return run
    build = None
    if name and not builds_itself:
        build = Command(
            command=f"{packages.manager} run {name}",
            reason=f"script {name}: {packages.scripts[name]}",
        )
    return replace(
        run,
        install=both(run.install, packages.install),
        build=both(build, run.build),
        lock_files=(*run.lock_files, *packages.lock_files),
    )


def is_built_in_image(files: SourceFiles) -> bool:
    """Whether the owner's Dockerfile builds the front end, so that it is known to be apart."""
    text = files.text("Dockerfile") or "" if files.has("Dockerfile") else ""
    return re.search(r"\b(npm|pnpm|yarn|bun)( run)? build\b", text) is not None


def both(first: Command | None, second: Command | None) -> Command | None:
    """One command that runs both, or the one that is there."""
    if first is None or second is None:
        return first or second
    return Command(
        command=f"{first.command} && {second.command}", reason=f"{first.reason}; {second.reason}"
    )


def warn_of_front_end(run: Run, files: SourceFiles) -> None:
    """Tell of a front end in a folder beside the server that nothing of the server builds."""
    if run.kind is AppKind.STATIC or run.start is None:
        return
    for folder in _FOLDERS:
        if not files.has(f"{folder}/package.json"):
            continue
        packages = javascript.read(SourceFiles(files.tree, files.at(folder)))
        if packages and "build" in packages.scripts and not _is_named(folder, files):
            files.warn(
                f"{files.at(folder)} holds a front end that is not built with this app. Deploy it "
                f"as a project of its own (`autodeploy deploy --root {files.at(folder)}`), or "
                "build it in autodeploy.toml."
            )


def _is_named(folder: str, files: SourceFiles) -> bool:
    name = re.compile(rf"(?<![\w-]){re.escape(folder)}\b")
    return any(
        name.search(files.text(path) or "") for pattern in _BUILDERS for path in files.glob(pattern)
    )
