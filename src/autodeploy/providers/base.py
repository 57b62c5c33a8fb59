"""What a provider can do, as protocols, and the values that cross this border.

A provider implements the capabilities that it has and names them in its manifest; asking for
another one is refused before any work starts. Every call is idempotent: it looks for what an
earlier, interrupted call made (by our deployment or database id) before it makes anything.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable
from uuid import UUID

from autodeploy.providers.images import ImageBuild
from autodeploy.providers.manifests import Manifest

# Takes lines as (level, source, message); level is debug, info, warn or error. Never blocks
# for long: the caller batches. Values of secrets are removed behind it.
LogSink = Callable[[str, str, str], Awaitable[None]]


class KeptLog(Protocol):
    """A ``LogSink`` that can be waited for."""

    async def __call__(self, level: str, source: str, message: str) -> None: ...

    async def stored(self) -> None:
        """Return when every line so far is stored: what was done once is shown once, too."""
        ...


@dataclass(frozen=True)
class App:
    """Which app a release belongs to. ``number`` is unique on the platform and never reused."""

    environment_id: UUID
    number: int
    project_slug: str
    environment: str
    local_port: int | None = None


@dataclass(frozen=True)
class Cron:
    """A shell line and when it is run: ``kernel/cron.py`` says how ``schedule`` is read."""

    schedule: str
    command: str


@dataclass(frozen=True)
class BuildSpec:
    """How to build and run an app: the analyzer's plan, reduced to what a provider needs.

    Commands are the user's own shell lines and run only in the sandbox. ``kind`` is ``static``
    (``output_directory`` is served) or ``server`` (``start_command`` listens on ``$PORT``).
    ``lock_files`` are paths relative to the root whose content decides the dependencies.
    ``replicas`` is how many processes a ``server`` has, each with a port of its own.
    ``workers`` are commands that run once beside them without a port, by their names;
    ``crons`` are run at their times, in the release that has the traffic.
    ``health_path`` is where a ``server`` is to be asked whether it is well, where its owner says.
    ``private`` is whether a ``server`` is reached by other apps alone.
    ``image`` is what its Dockerfile makes of it. Without a ``start_command`` a ``server`` or
    ``worker`` has no other way to be run.
    """

    kind: str
    language: str | None
    framework: str | None
    package_manager: str | None
    runtime_version: str | None
    install_command: str | None
    build_command: str | None
    start_command: str | None
    release_command: str | None
    output_directory: str | None
    root_directory: str = ""
    lock_files: tuple[str, ...] = ()
    workers: Mapping[str, str] = field(default_factory=dict)
    crons: Mapping[str, Cron] = field(default_factory=dict)
    replicas: int = 1
    spa_fallback: bool = False
    health_path: str | None = None
    private: bool = False
    image: ImageBuild | None = None


class Notes(Protocol):
    """What an interrupted call has noted of its side effects: the intent at first, and then the
    ids that came of it. It outlives the process. Never a secret."""

    @property
    def values(self) -> Mapping[str, Any]: ...

    async def keep(self, **values: Any) -> None:
        """Store these beside what is noted; done when this returns."""
        ...


@dataclass(frozen=True)
class CommitSource:
    """Where a commit lies, for providers that fetch it themselves.

    ``github`` is the owner and name of a repository of GitHub, whose pages are at ``github_web``,
    and ``github_id`` its id there.
    """

    url: str
    branch: str
    commit_sha: str
    github: str | None = None
    github_id: int | None = None
    github_web: str = "https://github.com"


@dataclass(frozen=True)
class BuildRequest:
    """``fetch`` puts the files of the commit into a folder of this machine, which stays until the
    build has ended. ``run_environment`` is for providers that have one set of variables for both
    times; ``commit`` is None for uploads, which only we have. ``plan`` and ``region`` are None
    where nobody chose one. ``fingerprint`` is that of all that the build depends on."""

    deployment_id: UUID
    app: App
    fetch: Callable[[], Awaitable[Path]]
    spec: BuildSpec
    environment: Mapping[str, str] = field(repr=False)
    run_environment: Mapping[str, str] = field(repr=False)
    notes: Notes
    commit: CommitSource | None = None
    plan: str | None = None
    region: str | None = None
    fingerprint: str = ""


@dataclass(frozen=True)
class Artifact:
    """A stored build. ``key`` is where it lies, ``size_bytes`` its compressed size."""

    key: str
    size_bytes: int


@dataclass(frozen=True)
class ReleaseRequest:
    deployment_id: UUID
    app: App
    artifact_key: str
    spec: BuildSpec
    environment: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class Release:
    """A release that exists at the provider, with or without traffic.

    ``resources`` are ids for the journal: a later process finds the release by them.
    ``check_urls`` are its processes, one each, which answer for this release alone before it has
    traffic; none for what has no address of its own.
    """

    deployment_id: UUID
    resources: Mapping[str, Any]
    check_urls: tuple[str, ...] = ()


@dataclass(frozen=True)
class Endpoint:
    """Where the app answers once promoted: its public URL and a loopback one. ``url`` is empty for
    what is reached nowhere, and for a private app its address for other apps."""

    url: str
    local_url: str | None
    local_port: int | None


@dataclass(frozen=True)
class CronStatus:
    """A command that is run at its times, in unix time. ``last_at`` is when it last began, and
    ``last_exit_code`` how that run ended, None while it has not."""

    name: str
    next_at: float
    last_at: float | None
    last_exit_code: int | None


@dataclass(frozen=True)
class ReplicaCount:
    """How many processes of an app are up, of how many there are to be."""

    running: int
    wanted: int


@dataclass(frozen=True)
class RuntimeStatus:
    """How a release fares: ``state`` is starting, running, backoff, crashed, stopped or absent, or
    for one that is to have the traffic, ``replaced`` where another one has it.

    ``out_of_memory`` is whether its last process ended for that. ``listening`` are the places,
    ``address:port``, where a release listens that does not answer yet. ``process`` is the name of
    the worker, or of the replica among several, that this is about; None for the app itself.
    ``crons`` are only those of the release that has the traffic. ``replicas`` is None for what
    has none: files and workers. ``check_urls`` are those of the release as they are now, where a
    process may come to be at another one.
    """

    state: str
    restarts: int
    exit_code: int | None
    log_tail: tuple[str, ...]
    out_of_memory: bool = False
    listening: tuple[str, ...] = ()
    process: str | None = None
    crons: tuple[CronStatus, ...] = ()
    replicas: ReplicaCount | None = None
    check_urls: tuple[str, ...] = ()


@dataclass(frozen=True)
class RuntimeLines:
    """Output of a running release after ``cursor``; pass ``cursor`` to the next call.

    Streams are ``stdout``, ``stderr``, and what the provider itself has to say: ``system``, and
    ``crash`` for an app that does not stay up.
    """

    cursor: str
    lines: tuple[tuple[float, str, str], ...]  # (unix time, stream, text)


@dataclass(frozen=True)
class Traffic:
    """Requests to an app that were answered since some moment, and how many of the answers were
    server errors: of the app, or that it gave none."""

    answers: int
    failures: int

    def __add__(self, other: "Traffic") -> "Traffic":
        return Traffic(self.answers + other.answers, self.failures + other.failures)

    def since(self, before: "Traffic") -> "Traffic":
        """What came after ``before`` was counted; all of this where counting has begun anew."""
        if self.answers < before.answers or self.failures < before.failures:
            return self
        return Traffic(self.answers - before.answers, self.failures - before.failures)


@runtime_checkable
class Provider(Protocol):
    @property
    def manifest(self) -> Manifest: ...


@runtime_checkable
class DeployProvider(Provider, Protocol):
    """Builds, runs and switches releases."""

    async def build(self, request: BuildRequest, log: LogSink) -> Artifact:
        """Build and store; raises ``DeploymentFailed``. Cancelling the task kills the build."""
        ...

    async def has_build(self, key: str) -> bool:
        """Whether the artifact can still be deployed."""
        ...

    async def deploy(self, request: ReleaseRequest, log: KeptLog) -> Release:
        """Make the release exist and run, without traffic. A second call finds the first's."""
        ...

    async def status(self, release: Release) -> RuntimeStatus: ...

    async def promote(self, request: ReleaseRequest, release: Release) -> Endpoint:
        """Give the release all traffic without a failed request, and run its workers instead of
        those of the release before. Idempotent."""
        ...

    async def retire(self, app: App, deployment_id: UUID) -> None:
        """Let requests drain, stop the release and forget it. Idempotent."""
        ...

    async def leave(self, app: App) -> None:
        """The app is live at another provider: stop what would work twice, and keep what a
        rollback goes back to. A later ``deploy`` has it work again. Idempotent."""
        ...

    async def prepare(self, app: App, artifacts: Mapping[str, BuildSpec]) -> None:
        """Have at hand what releases of these artifacts begin with, by key, the most wanted first,
        to be quick when they are asked for; of none, keep nothing. A courtesy, of which a
        provider may do nothing; idempotent."""
        ...

    async def destroy(self, app: App) -> None:
        """Remove the app with its releases and routes. Idempotent."""
        ...

    async def remove_builds(self, app: App) -> None:
        """Remove every artifact that was built for the app. Idempotent.

        Other apps of its project may have been deployed from them.
        """
        ...

    async def runtime_lines(
        self, release: Release, cursor: str | None, wait_seconds: float
    ) -> RuntimeLines:
        """What the release has written. Raises ``NotFound`` when it does not run."""
        ...


@runtime_checkable
class CountedApps(Provider, Protocol):
    """Counts what its apps answer."""

    async def measure_traffic(self) -> Mapping[int, Traffic]:
        """The counts so far, by the apps' numbers, from a moment of the provider's own: they may
        begin anew. Apps that cannot fail are left out."""
        ...
