""".NET: which project of a solution is the app, and what publishing it makes.

Source: https://learn.microsoft.com/dotnet/core/deploying/ (read 2026-11).
"""

import shlex

from autodeploy.services.analyzer.entries.base import Program, Run, program_run
from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.matcher import Context, FrameworkRecord
from autodeploy.services.analyzer.packages.base import Packages
from autodeploy.services.analyzer.packages.dotnet import Project, projects
from autodeploy.services.analyzer.plan import AppKind, Command

_PUBLISH = "dotnet publish"
_OPTIONS = "-c Release -o out"


def run(files: SourceFiles, packages: Packages, record: FrameworkRecord, context: Context) -> Run:
    """How to build and run a .NET app; Blazor WebAssembly makes files for the browser."""
    found = projects(files)
    if not found:
        return program_run(packages, record, _published(files))
    app = _app(files, found)
    build = f"{_PUBLISH}{_named(app, found)} {_OPTIONS}"
    if app.is_client:
        files.note(app.path, "makes files for the browser")
        return Run(
            kind=AppKind.STATIC,
            install=packages.install,
            build=Command(command=build, reason=f"{app.path} is Blazor WebAssembly"),
            output_directory="out/wwwroot",
            spa_fallback=True,
        )
    if app.rank() == 0:
        return program_run(packages, record, Program(build, None, f"{app.path} makes a library"))
    start = f"dotnet {shlex.quote(f'out/{app.assembly}.dll')}"
    return program_run(packages, record, Program(build, start, f"{app.path} makes a program"))


def _app(files: SourceFiles, found: list[Project]) -> Project:
    alike = [one.path for one in found if one.rank() == found[0].rank()]
    if len(alike) > 1 and found[0].rank():
        files.warn(
            f"Several projects may be the app: {', '.join(alike)}. Give the folder of the one "
            "that is meant as root directory."
        )
    files.note(found[0].path, "is the project that is published")
    return found[0]


def _named(app: Project, found: list[Project]) -> str:
    """The project, where the folder alone does not say which."""
    return f" {shlex.quote(app.path)}" if app.folder or len(found) > 1 else ""


def _published(files: SourceFiles) -> Program | None:
    """What was published already: a library with its configuration beside it."""
    for path in files.glob("*.runtimeconfig.json"):
        library = f"{path.removesuffix('.runtimeconfig.json')}.dll"
        return Program(None, f"dotnet {shlex.quote(library)}", f"{path}: published already")
    return None
