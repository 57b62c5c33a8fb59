"""``Declared``: what one file says, in one shape for all kinds of files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

from autodeploy.providers.images import ImageBuild
from autodeploy.services.analyzer.plan import AppKind

Value = TypeVar("Value")


class Source(StrEnum):
    """A kind of file; ``FOUND`` is what the analyzer works out from the code itself."""

    APP_FILE = "autodeploy.toml"
    PROCFILE = "Procfile"
    RAILWAY = "railway.json"
    RENDER = "render.yaml"
    FLY = "fly.toml"
    RAILPACK = "railpack.json"
    NIXPACKS = "nixpacks.toml"
    HEROKU = "app.json"
    VERCEL = "vercel.json"
    NETLIFY = "netlify.toml"
    DOCKERFILE = "Dockerfile"
    COMPOSE = "compose.yaml"
    FOUND = "the code"


#: The names of each kind, the one that counts where there are several first.
FILES: Mapping[Source, tuple[str, ...]] = {
    Source.APP_FILE: ("autodeploy.toml",),
    Source.PROCFILE: ("Procfile",),
    Source.RAILWAY: ("railway.json", "railway.toml"),
    Source.RENDER: ("render.yaml", "render.yml"),
    Source.FLY: ("fly.toml",),
    Source.RAILPACK: ("railpack.json",),
    Source.NIXPACKS: ("nixpacks.toml", "nixpacks.json"),
    Source.HEROKU: ("app.json",),
    Source.VERCEL: ("vercel.json",),
    Source.NETLIFY: ("netlify.toml",),
    Source.DOCKERFILE: ("Dockerfile", "Containerfile"),
    Source.COMPOSE: (
        "compose.yaml",
        "compose.yml",
        "docker-compose.yaml",
        "docker-compose.yml",
    ),
}


@dataclass(frozen=True)
class Said(Generic[Value]):
    """One value, and where it is said: ``key`` in ``file`` (relative to the repository)."""

    value: Value
    source: Source
    file: str
    key: str
    line: int | None = None

    @property
    def reason(self) -> str:
        return f"{self.file.rpartition('/')[2]}: {self.key}"


@dataclass(frozen=True)
class SaidVariable:
    """What a file says of an environment variable. None: nothing.

    ``example`` is a value for another place than this, such as one of a compose network.
    """

    key: str
    said: Said[str]
    required: bool | None = None
    secret: bool | None = None
    build: bool | None = None
    default: str | None = None
    example: str | None = None
    description: str | None = None


@dataclass(frozen=True)
class SaidService:
    """A service beside the app: ``kind`` as in ``ServiceNeed``; ``variable`` connects to it."""

    kind: str
    said: Said[str]
    variable: str | None = None


@dataclass(frozen=True)
class SaidCron:
    """A command that is run at the times of ``schedule``, which is one."""

    schedule: str
    command: Said[str]


@dataclass(frozen=True)
class Declared:
    """What a file, or several by their precedence, says. None or empty: nothing.

    A command that is empty says that there is nothing to do; a part ``...`` of one stands for
    what would be done anyway. ``workers`` are the processes beside the server by name, all of
    them ({}: there is none); ``more_workers`` come on top. ``crons`` are run at
    their times. ``private`` is whether other apps alone reach it. ``output_directory`` and
    ``root_directory`` are relative to the folder of the file. ``runtimes`` are the versions asked
    for by language. ``language`` is what the app is written in, where nothing else tells.
    ``image`` is what a Dockerfile makes of the app.
    """

    kind: Said[AppKind] | None = None
    private: Said[bool] | None = None
    install: Said[str] | None = None
    build: Said[str] | None = None
    start: Said[str] | None = None
    release: Said[str] | None = None
    workers: Mapping[str, Said[str]] | None = None
    more_workers: Mapping[str, Said[str]] | None = None
    crons: Mapping[str, SaidCron] | None = None
    output_directory: Said[str] | None = None
    root_directory: Said[str] | None = None
    spa_fallback: Said[bool] | None = None
    health_path: Said[str] | None = None
    port: Said[int] | None = None
    language: Said[str] | None = None
    image: Said[ImageBuild] | None = None
    runtimes: Mapping[str, Said[str]] = field(default_factory=dict)
    variables: tuple[SaidVariable, ...] = ()
    services: tuple[SaidService, ...] = ()
