"""Angular's workspace file: where the build writes, and whether that is a server.

https://angular.dev/reference/configs/workspace-config (read 2026-11).
"""

import shlex
from collections.abc import Mapping

from autodeploy.services.analyzer.evidence import SourceFiles, as_table, table, words
from autodeploy.services.analyzer.plan import Command

# Frameworks that the Angular CLI builds.
SLUGS = frozenset({"angular", "ionic-angular"})

# Where the server that it writes listens without $PORT.
SERVER_PORT = 4000


def output_directory(files: SourceFiles) -> str | None:
    """The folder of the page and its scripts; None where no workspace file names a build."""
    found = _build(files)
    if found is None:
        return None
    name, build = found
    base = _base(name, build)
    if not _is_application(build):
        return base
    named = table(build, "options", "outputPath").get("browser")
    browser = named if isinstance(named, str) else "browser"
    return f"{base}/{browser.strip('/')}" if browser.strip("/") else base


def server(files: SourceFiles) -> Command | None:
    """What starts the server that is built; None where pages are plain files."""
    found = _build(files)
    if found is None or table(found[1], "options").get("outputMode") != "server":
        return None
    named = table(found[1], "options", "outputPath").get("server")
    folder = named if isinstance(named, str) else "server"
    entry = f"{_base(*found)}/{folder.strip('/')}/server.mjs"
    return Command(
        command=f"node {shlex.quote(entry)}", reason='angular.json: outputMode is "server"'
    )


def _build(files: SourceFiles) -> tuple[str, Mapping[str, object]] | None:
    """The application of the workspace, its default or first one, and how it is built."""
    workspace = files.json("angular.json")
    projects = table(workspace, "projects")
    default = words(workspace.get("defaultProject"))
    for name in (default, *projects) if default else projects:
        project = table(projects, name)
        build = table(project, "architect", "build") or table(project, "targets", "build")
        if build and project.get("projectType", "application") == "application":
            files.note("angular.json", f"builds the application {name}")
            return name, build
    return None


def _base(name: str, build: Mapping[str, object]) -> str:
    named = table(build, "options").get("outputPath")
    base = words(named) or words(as_table(named).get("base")) or f"dist/{name}"
    return base.removeprefix("./").strip("/")


def _is_application(build: Mapping[str, object]) -> bool:
    """Whether the builder is the one since Angular 17, which parts browser and server."""
    return str(build.get("builder", "")).endswith(":application")
