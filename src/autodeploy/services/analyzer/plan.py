"""The plan: what the analyzer found out about a repository, and how to build and run it.

A plan is a value. It is stored as JSON (``plan.model_dump(mode="json")``) and read back with
``Plan.model_validate``; both snake_case names and their camelCase aliases are accepted.
"""

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from autodeploy.kernel.app_file import HealthCheck
from autodeploy.kernel.errors import DeploymentFailed, ManifestUnreadable
from autodeploy.providers.base import BuildSpec, Cron
from autodeploy.providers.images import ImageBuild

# Raised whenever the same tree may give another plan than before: analyses are cached under it.
ANALYZER_VERSION = "13"

# The variable for which the platform can make a database, and what asks for that in the place of
# its value.
DATABASE_VARIABLE = "DATABASE_URL"
PROVISION_NEW = "provision_new"


class NothingToRun(DeploymentFailed):
    """The plan names neither a start command nor a folder of static files."""

    code = "nothing_to_run"


class ChooseAnApp(DeploymentFailed):
    """The repository holds several apps and nothing says which is meant; the message names them."""

    code = "choose_an_app"


class PrivateRefused(DeploymentFailed):
    """The app is to be private and is no server, or its provider has no private apps."""

    code = "private_refused"


class AppKind(StrEnum):
    """How an app is run.

    Files behind a web server; a process on ``$PORT`` that renders pages (``ssr``) or answers
    requests; one that listens nowhere, of which a bot is a kind; or not at all.
    """

    STATIC = "static"
    SSR = "ssr"
    SERVER = "server"
    WORKER = "worker"
    BOT = "bot"
    LIBRARY = "library"


class VariableType(StrEnum):
    STRING = "string"
    URL = "url"
    DATABASE_CONNECTION = "database_connection"
    INTEGER = "integer"
    BOOLEAN = "boolean"


class Needed(StrEnum):
    """When an app fails for want of a variable: as soon as it is built or started, or later."""

    AT_START = "at_start"
    LATER = "later"


class PlanModel(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore"
    )


class Framework(PlanModel):
    """``slug`` is stable, ``version`` is what is locked or asked for, ``confidence`` is 0 to 1."""

    slug: str
    name: str
    version: str | None = None
    confidence: float


class Runtime(PlanModel):
    """The language runtime. ``version_request`` is the words of ``source``, not yet resolved."""

    name: str
    version_request: str | None = None
    source: str | None = None


class Command(PlanModel):
    """A shell line to be run in the root directory, inside the sandbox only, and its reason."""

    command: str
    reason: str


class CronCommand(Command):
    """A command that is run at the times of ``schedule`` (``kernel/cron.py``), in UTC."""

    schedule: str


class Image(PlanModel):
    """What a Dockerfile makes of the app, with the fields of ``ImageBuild`` and the reason for it.

    Providers that build images take it where it is ``asked`` for, and where they have no other way.
    """

    dockerfile: str
    context: str
    command: str | None = None
    release_command: str | None = None
    port: int | None = None
    asked: bool = False
    reason: str


class EnvironmentVariable(PlanModel):
    """A variable that the code reads. ``file`` and ``line`` name the first read or mention.

    ``reason`` says why it is required or not, and where that was seen; ``offers`` are words that
    a deployment takes in the place of a value: ``provision_new``. ``needed`` is when code that
    is sure to run fails without it; None where that is not sure, or a file of the repository
    sets it.
    """

    key: str
    required: bool
    needed: Needed | None = None
    reason: str | None = None
    secret: bool
    type: VariableType = VariableType.STRING
    build_time: bool = False
    default: str | None = None
    description: str | None = None
    offers: tuple[str, ...] = ()
    file: str
    line: int


class Dependencies(PlanModel):
    production: tuple[str, ...] = ()
    development: tuple[str, ...] = ()


class ServiceNeed(PlanModel):
    """A service beside the app. ``kind`` is that of a record in ``needs``: postgresql, redis …"""

    kind: str
    reason: str
    variable: str | None = None


class Member(PlanModel):
    """A package of a monorepo; analyse it with its ``path`` as the root directory."""

    path: str
    name: str | None = None
    language: str | None = None


class CostItem(PlanModel):
    """One part of what a placement costs; ``monthly_cents`` None says that it is not known.

    ``source`` is where the price was read, ``as_of`` the day. ``note`` is what the price rests on.
    """

    item: str
    plan: str | None = None
    monthly_cents: int | None = None
    note: str | None = None
    source: str
    as_of: str | None = None


class Placement(PlanModel):
    """A place to run the app, and what that costs: None says that it is not known.

    ``connected`` says that a deployment can go there now. ``price_date`` is the oldest of
    ``cost_items``; ``not_included`` are services that the provider does not offer.
    """

    provider: str
    database: str | None = None
    connected: bool = True
    monthly_cost_cents: int | None = None
    currency: str = "USD"
    price_source: str | None = None
    price_date: str | None = None
    cost_items: tuple[CostItem, ...] = ()
    not_included: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


class Recommendation(Placement):
    """Where to run it of what is connected; ``alternatives`` are all others, best first."""

    alternatives: tuple[Placement, ...] = ()


class Evidence(PlanModel):
    """One fact that the plan rests on. ``file`` is relative to the repository."""

    file: str
    line: int | None = None
    fact: str


class Candidate(PlanModel):
    """A framework that matched and lost, and why."""

    slug: str
    confidence: float
    lost_because: str


class Plan(PlanModel):
    """Everything that the deployer, the API and a person need to know of a repository.

    ``language`` is a canonical name (``node``, ``python``, ``static`` …), ``language_name`` how
    a person says it (``TypeScript``). ``lock_files`` are paths relative to the repository.
    ``health_path`` is where the owner wants the app to be asked whether it is well, else ``/``;
    ``health_check`` is how. ``replicas`` is how many processes of a server are to run, and
    ``private`` whether other apps alone are to reach it.
    ``apps`` are the members that can be deployed, where the root directory itself is none: one
    of them is to be named as the root directory. ``build_reads_variables`` says that the build
    command may read any variable, not only those that are known to be read by builds.
    ``framework_confidence`` is how sure the answer about the framework is, also when it is that
    there is none; ``confidence`` is that of the whole plan, and ``abstained`` says that it is
    below what a deployment should rest on. ``unreadable`` is what is wrong with a manifest of the
    app, without which the plan may be another app's.
    """

    analyzer_version: str = ANALYZER_VERSION
    language: str | None = None
    language_name: str | None = None
    framework: Framework | None = None
    framework_confidence: float = 0.0
    package_manager: str | None = None
    package_manager_version: str | None = None
    runtime: Runtime | None = None
    install_command: Command | None = None
    build_command: Command | None = None
    build_reads_variables: bool = True
    start_command: Command | None = None
    release_command: Command | None = None
    worker_commands: dict[str, Command] = {}
    cron_commands: dict[str, CronCommand] = {}
    output_directory: str | None = None
    kind: AppKind = AppKind.LIBRARY
    root_directory: str = ""
    port: int | None = None
    image: Image | None = None
    spa_fallback: bool = False
    health_path: str | None = None
    health_check: HealthCheck | None = None
    replicas: int = 1
    private: bool = False
    lock_files: tuple[str, ...] = ()
    environment_variables: tuple[EnvironmentVariable, ...] = ()
    dependencies: Dependencies = Dependencies()
    services: tuple[ServiceNeed, ...] = ()
    members: tuple[Member, ...] = ()
    apps: tuple[str, ...] = ()
    recommendation: Recommendation | None = None
    evidence: tuple[Evidence, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    warnings: tuple[str, ...] = ()
    unreadable: str | None = None
    confidence: float = 0.0
    abstained: bool = False

    @property
    def is_deployable(self) -> bool:
        """Whether there is a way to serve it."""
        if self.kind is AppKind.STATIC:
            return self.output_directory is not None
        return self.kind is not AppKind.LIBRARY and self.start_command is not None

    def build_spec(self) -> BuildSpec:
        """What a provider needs of this plan.

        Raises ``ManifestUnreadable`` rather than guess around a manifest, ``ChooseAnApp`` when the
        repository holds several apps, ``NothingToRun`` when there is no way to serve it, be it as
        an image, and ``PrivateRefused`` rather than serve to all what is to be private.
        """
        if self.unreadable:
            raise ManifestUnreadable(self.unreadable, remedy="Correct that place and deploy again.")
        if len(self.apps) > 1:
            raise self._choose_an_app()
        if self.kind is AppKind.STATIC and self.output_directory is None:
            raise self._nothing_to_run()
        if self.kind is not AppKind.STATIC and not (self.start_command or self.image):
            raise self._nothing_to_run()
        kind = self._provider_kind()
        if self.private and kind != "server":
            raise _cannot_be_private(kind)
        return BuildSpec(
            kind=kind,
            language=self.language,
            framework=self.framework.slug if self.framework else None,
            package_manager=self.package_manager,
            runtime_version=self.runtime.version_request if self.runtime else None,
            install_command=_line(self.install_command),
            build_command=_line(self.build_command),
            start_command=_line(self.start_command),
            release_command=_line(self.release_command),
            output_directory=self.output_directory,
            root_directory=self.root_directory,
            lock_files=self.lock_files,
            workers={name: one.command for name, one in self.worker_commands.items()},
            crons={
                name: Cron(one.schedule, one.command) for name, one in self.cron_commands.items()
            },
            replicas=self.replicas,
            spa_fallback=self.spa_fallback,
            health_path=self.health_path,
            private=self.private,
            image=ImageBuild(**self.image.model_dump(exclude={"reason"})) if self.image else None,
        )

    def _provider_kind(self) -> Literal["static", "server", "worker"]:
        if self.kind is AppKind.STATIC:
            return "static"
        return "worker" if self.kind in (AppKind.WORKER, AppKind.BOT) else "server"

    def _choose_an_app(self) -> ChooseAnApp:
        return ChooseAnApp(
            f"The repository holds several apps: {', '.join(self.apps)}.",
            field="root_directory",
            remedy=f"Name the one to deploy, such as `autodeploy deploy --root {self.apps[0]}`; "
            "each may be a project of its own.",
        )

    def _nothing_to_run(self) -> NothingToRun:
        found = self.framework.name if self.framework else self.language_name or "no manifest"
        return NothingToRun(
            f"The repository ({found}) names no way to start it and holds no static site.",
            remedy="Add a Procfile with a line `web: <command that listens on $PORT>`, "
            "a start script, or an index.html; or a Dockerfile, for a provider that builds images.",
        )


def _cannot_be_private(kind: Literal["static", "worker"]) -> PrivateRefused:
    named = {"static": "a static site", "worker": "a worker, which nobody reaches anyway"}
    return PrivateRefused(
        f"`private` is for servers, and this app is {named[kind]}.",
        field="private",
        remedy="Remove `private` from autodeploy.toml, or say with `start` which server it is. "
        "Where render.yaml has it as `pserv`, autodeploy.toml may say `private = false`.",
    )


def _line(command: Command | None) -> str | None:
    return command.command if command else None
