"""What a provider says of itself, read without a call: what it can do, where, and its prices."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Capability(StrEnum):
    DEPLOY = "deploy"
    DATABASE = "database"
    DATABASE_METRICS = "database_metrics"
    DATABASE_BACKUPS = "database_backups"
    DATABASE_ROTATION = "database_rotation"
    DATABASE_PAUSES = "database_pauses"
    DATABASE_DRIFT = "database_drift"
    ENVIRONMENT_VARIABLES = "environment_variables"
    LOGS = "logs"
    RUN = "one_off_commands"
    ROLLBACK = "rollback"
    METRICS = "metrics"
    TRAFFIC = "traffic_counts"
    SCALE = "scaling"
    DOMAINS = "domains"
    DRIFT = "drift"
    SOURCE = "source"
    CONNECT = "connect"
    RESOURCES = "resources"
    USAGE = "usage"
    DATABASE_USAGE = "database_usage"


class DatabaseEngine(StrEnum):
    """What a database is: ``redis`` is all that speaks its protocol, such as Valkey."""

    POSTGRESQL = "postgresql"
    REDIS = "redis"


#: The kind of the prices of an engine's plans.
PRICE_KINDS = {DatabaseEngine.POSTGRESQL: "database", DatabaseEngine.REDIS: "redis"}


@dataclass(frozen=True)
class Region:
    id: str
    name: str


@dataclass(frozen=True)
class Price:
    """A plan and its price; ``monthly_cents`` None says that it is not known.

    ``kind`` is what the plan is for: one of ``PRICE_KINDS``, or a part of an app.
    """

    plan: str
    kind: str
    monthly_cents: int | None
    currency: str
    source: str
    as_of: str


@dataclass(frozen=True)
class Manifest:
    """What a provider is and has, read without a call to it.

    ``app_plans`` are the plans that apps get there, by what they are (static, service, private,
    worker); left out where that is the account's. ``engines`` are those of the databases that it
    makes.
    ``lacking_plans`` are plans that some of these cannot have: a worker beside an app for which one
    of those was chosen gets its usual one.
    ``replicated`` is whether servers have as many processes there as they ask for, also where that
    is changed by a deployment alone.
    ``private_databases`` is whether its databases let nobody in but its own apps, those of the same
    region where it has several. ``home_region`` is where what names no region is made.
    ``private_apps`` is whether servers can be reached there by other apps alone.
    ``languages`` are those that it builds from source, None where that is no list. ``image_builds``
    is whether it builds the image of a Dockerfile.
    ``fixed_variables`` is whether an app runs with the variables of its build for ever: others
    reach it with another build alone.
    """

    name: str
    title: str
    capabilities: frozenset[Capability]
    regions: tuple[Region, ...]
    pricing: tuple[Price, ...]
    app_plans: Mapping[str, str] = field(default_factory=dict)
    engines: tuple[DatabaseEngine, ...] = ()
    lacking_plans: Mapping[str, frozenset[str]] = field(default_factory=dict)
    replicated: bool = False
    private_databases: bool = False
    home_region: str | None = None
    private_apps: bool = False
    languages: frozenset[str] | None = None
    image_builds: bool = False
    fixed_variables: bool = False
