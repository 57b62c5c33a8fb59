"""What a provider may do besides: tell where an app or a database is set up otherwise than it was
asked for."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, runtime_checkable

from autodeploy.providers.base import App, BuildSpec, CommitSource, Provider, Release
from autodeploy.providers.domains import DnsRecord


class DriftKind(StrEnum):
    """What is otherwise. ``app`` and ``database``: it is not there at all. ``release``: another
    release has the traffic, or none. ``variable_extra`` is one that we once set, or that nobody
    else may. ``domain``: the app is not served at the name; ``domain_records``: what leads there,
    or proves whose it is, is not there any more. ``auto_deploy``: the provider deploys pushes by
    itself; ``auto_promote``: it gives what is built the traffic unasked. ``protection``: visitors
    are asked to sign in to the provider. ``suspended``: it is switched off there."""

    APP = "app"
    RELEASE = "release"
    SUSPENDED = "suspended"
    VARIABLE_MISSING = "variable_missing"
    VARIABLE_CHANGED = "variable_changed"
    VARIABLE_EXTRA = "variable_extra"
    PLAN = "plan"
    REGION = "region"
    INSTANCES = "instances"
    HEALTH_PATH = "health_path"
    REPOSITORY = "repository"
    BRANCH = "branch"
    ROOT_DIRECTORY = "root_directory"
    RUNTIME = "runtime"
    BUILD_COMMAND = "build_command"
    DOCKERFILE = "dockerfile"
    DOCKER_CONTEXT = "docker_context"
    PRE_DEPLOY_COMMAND = "pre_deploy_command"
    START_COMMAND = "start_command"
    OUTPUT_DIRECTORY = "output_directory"
    SCHEDULE = "schedule"
    AUTO_DEPLOY = "auto_deploy"
    AUTO_PROMOTE = "auto_promote"
    PROTECTION = "protection"
    DOMAIN = "domain"
    DOMAIN_RECORDS = "domain_records"
    DATABASE = "database"
    DATABASE_STATE = "database_state"
    DATABASE_PLAN = "database_plan"
    DATABASE_ALLOW_LIST = "database_allow_list"

    @property
    def is_of_variables(self) -> bool:
        return self.value.startswith("variable_")


@dataclass(frozen=True)
class Drift:
    """``name`` is that of a variable, whose values are never told, of a domain or a database, or of
    what runs beside the app; of all but variables ``declared`` and ``found`` are what they were
    asked for and what they are. ``stays`` is what reconciling does not change; ``remedy`` then says
    what does, where that is not just to change it back there."""

    kind: DriftKind
    name: str | None = None
    declared: str | None = None
    found: str | None = None
    stays: bool = False
    remedy: str | None = None


@dataclass(frozen=True)
class DeclaredBuild:
    """What a build sets an app up for. ``commit`` is None for an upload, and where the repository
    is not known any more; ``plan`` where nobody chose one."""

    spec: BuildSpec
    commit: CommitSource | None
    plan: str | None = None


@dataclass(frozen=True)
class DeclaredApp:
    """How an app is to be: what its live release was built and is run with. ``plan`` and ``region``
    are None where nobody chose one. ``later_builds`` are ours that came after that of the live
    release, the last of which may have set the app up anew. ``domains`` are the names at which it
    was served."""

    app: App
    release: Release
    spec: BuildSpec
    environment: Mapping[str, str] = field(repr=False)
    run_environment: Mapping[str, str] = field(repr=False)
    plan: str | None = None
    region: str | None = None
    commit: CommitSource | None = None
    later_builds: tuple[DeclaredBuild, ...] = ()
    domains: tuple[str, ...] = ()


@dataclass(frozen=True)
class DeclaredDatabase:
    """How a database is to be. ``external_id`` is its provider's."""

    external_id: str
    plan: str


@dataclass(frozen=True)
class Comparison:
    """``unread`` are the variables whose values the provider does not tell."""

    drifts: tuple[Drift, ...]
    unread: tuple[str, ...] = ()


@runtime_checkable
class ComparedApps(Provider, Protocol):
    """Compares what is set for its apps with what was asked for."""

    async def compare(self, declared: DeclaredApp) -> Comparison:
        """Where they differ. Changes nothing."""
        ...


@runtime_checkable
class ComparedDatabases(Provider, Protocol):
    """Compares its databases with what was asked for."""

    async def compare_database(self, declared: DeclaredDatabase) -> tuple[Drift, ...]:
        """Where it differs; one that is gone does in that alone. Changes nothing, and tells no
        connection string."""
        ...

    async def mend_database(self, external_id: str) -> None:
        """Set again what one call sets, of that which ``compare_database`` does not say to stay.
        Never makes a database. Idempotent, also where it is gone."""
        ...


def compare_variables(
    wanted: Mapping[str, str], found: Mapping[str, str | None], extra: Collection[str]
) -> list[Drift]:
    """The variables that differ, by name. ``found`` maps to None what is not told; ``extra`` are
    those of it that were ours and are not wanted."""
    missing = [(DriftKind.VARIABLE_MISSING, name) for name in wanted.keys() - found.keys()]
    changed = [
        (DriftKind.VARIABLE_CHANGED, name)
        for name in wanted.keys() & found.keys()
        if found[name] not in (None, wanted[name])
    ]
    surplus = [(DriftKind.VARIABLE_EXTRA, name) for name in extra]
    ordered = sorted([*missing, *changed, *surplus], key=lambda each: each[1])
    return [Drift(kind, name) for kind, name in ordered]


def missing_domain(name: str, place: str, elsewhere: str | None, kind: str, title: str) -> Drift:
    """A domain that ``place`` does not have, and ``elsewhere`` has, if anything is known to; either
    is what ``kind`` names, such as a service, at the provider ``title``."""
    remedy = None
    if elsewhere is not None:
        remedy = (
            f"Remove the domain from the {kind} {elsewhere} at {title}, then run `autodeploy "
            f"domains verify {name}`."
        )
    return Drift(DriftKind.DOMAIN, name, place, elsewhere, elsewhere is not None, remedy)


def lapsed_domain(name: str, records: Collection[DnsRecord]) -> Drift:
    """A domain that is not verified any more, until its owner sets these records."""
    told = ", ".join(f"{each.type} {each.name} {each.value}" for each in records)
    remedy = (
        f"Set what is missing where the name is kept{f' ({told})' if told else ''}, then run "
        f"`autodeploy domains verify {name}`."
    )
    return Drift(DriftKind.DOMAIN_RECORDS, name, "verified", "not verified", True, remedy)
