"""The commands of an app, in one shape for all languages."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from autodeploy.services.analyzer.matcher import FrameworkRecord
from autodeploy.services.analyzer.packages.base import Packages
from autodeploy.services.analyzer.plan import AppKind, Command, CronCommand


@dataclass(frozen=True)
class Run:
    """How to install, build, release and start.

    ``found`` says that an entry point was seen; without one the start command is missing or
    rests on the framework's habits alone. ``declared`` says that the user wrote the command.
    ``lock_files`` are those of packages that are installed beside the language's own.
    """

    kind: AppKind
    install: Command | None = None
    build: Command | None = None
    start: Command | None = None
    release: Command | None = None
    workers: Mapping[str, Command] = field(default_factory=dict)
    crons: Mapping[str, CronCommand] = field(default_factory=dict)
    output_directory: str | None = None
    spa_fallback: bool = False
    port: int | None = None
    found: bool = True
    declared: bool = False
    lock_files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Program:
    """What a build makes: its line, and the line that starts what it made, if any does."""

    build: str | None
    start: str | None
    reason: str


def program_run(packages: Packages, record: FrameworkRecord, program: Program | None) -> Run:
    """The run of an app that is built into a program.

    The framework's start command says what it wants beside the ``{program}``: how it is told the
    port, say. Without a program there is nothing to build: what is left is a library.
    """
    if program is None:
        kind = AppKind.LIBRARY if record.generic else record.kind
        return Run(kind=kind, install=packages.install, port=record.port, found=False)
    start = None
    if program.start:
        line = (record.start_command or "{program}").format(program=program.start)
        start = Command(command=line, reason=program.reason)
    build = Command(command=program.build, reason=program.reason) if program.build else None
    return Run(
        kind=AppKind.LIBRARY if record.generic and start is None else record.kind,
        install=packages.install,
        build=build,
        start=start,
        port=record.port,
        found=start is not None,
    )
