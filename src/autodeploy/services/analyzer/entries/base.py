"""The commands of an app, in one shape for all languages."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from autodeploy.services.analyzer.plan import AppKind, Command


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
    output_directory: str | None = None
    spa_fallback: bool = False
    port: int | None = None
    found: bool = True
    declared: bool = False
    lock_files: tuple[str, ...] = ()
