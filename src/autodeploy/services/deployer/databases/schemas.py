"""The shapes of databases, their metrics, backups and restores."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from autodeploy.kernel.schema import Input, Schema, Update
from autodeploy.providers.manifests import DatabaseEngine
from autodeploy.services.deployer.naming import PRODUCTION
from autodeploy.services.deployer.schemas import EnvironmentName, ProjectReference, RegionId

DatabaseName = Annotated[
    str, StringConstraints(pattern=r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$", max_length=40)
]
Schedule = Literal["off", "daily", "weekly"]


class BackupPolicy(Schema):
    """When backups are made by themselves, and how many stay.

    ``schedule`` daily is at ``hour`` (0 to 23, UTC), weekly is on Mondays at that hour. The newest
    of each of the last ``keep_daily`` days and ``keep_weekly`` weeks that have one stay; what
    nobody asked a schedule for stays for 30 days.
    """

    schedule: Schedule
    hour: int
    keep_daily: int
    keep_weekly: int


class BackupPolicyInput(Input):
    """What is left out is as it was, or for a new database daily at 3, 7 and 4."""

    schedule: Schedule | None = None
    hour: Annotated[int, Field(ge=0, le=23)] | None = None
    keep_daily: Annotated[int, Field(ge=1, le=90)] | None = None
    keep_weekly: Annotated[int, Field(ge=0, le=52)] | None = None


class DatabaseInput(Input):
    """A database of a project's environment. ``backup_id`` names a backup of the same project that
    it is to begin with; ``region`` is the provider's choice when left out. ``engine`` redis has no
    backups, metrics or rotation, and another name than ``main``, which is the app's PostgreSQL."""

    project_id: UUID
    environment: EnvironmentName = PRODUCTION
    name: DatabaseName = "main"
    engine: DatabaseEngine = DatabaseEngine.POSTGRESQL
    provider: Annotated[str, StringConstraints(max_length=100)] = "local"
    plan: Annotated[str, StringConstraints(max_length=50)] = "free"
    region: RegionId | None = None
    backups: BackupPolicyInput = Field(default_factory=BackupPolicyInput)
    backup_id: UUID | None = None
    ignore_budget: Annotated[
        bool, Field(description="Make also what the budget refuses, for who may change it.")
    ] = False


class DatabaseUpdate(Update):
    """What is left out stays as it is; what else a GET answers may come along unchanged."""

    backups: BackupPolicyInput | None = None


class ErrorView(Schema):
    code: str
    message: str


class RotationView(Schema):
    """``pending`` until the URL is another one; then ``waiting`` until no release is left that has
    the URL of before, whose login then ends."""

    status: Literal["pending", "waiting"]
    since: datetime | None


class BackupView(Schema):
    """``verified`` is a backup that was restored into a scratch database and held there, table by
    table, the rows and checksums of ``tables`` at ``created_at``; a ``stored`` one is about to be.
    ``size_bytes`` is that of the encrypted file. ``database_id`` is null once that was deleted."""

    id: UUID
    database_id: UUID | None
    database_name: str
    environment: str
    kind: Literal["manual", "scheduled", "safety", "final"]
    status: Literal["pending", "stored", "verified", "failed"]
    size_bytes: int | None
    tables: int | None
    rows: int | None
    error: ErrorView | None
    created_at: datetime
    stored_at: datetime | None
    verified_at: datetime | None
    expires_at: datetime | None


class DatabaseView(Schema):
    """A database. Its URL, which holds a password, is told by ``/credentials`` alone.

    ``region`` is what was asked for, null where that was left to the provider. ``error`` is what
    went wrong last; ``notice`` what the provider said last while it made the database, such as
    what it waits for; ``last_backup`` the newest that is verified."""

    id: UUID
    project: ProjectReference
    environment: str
    name: str
    engine: DatabaseEngine
    provider: str
    plan: str
    region: str | None
    status: Literal["provisioning", "available", "deleting", "error", "pausing", "paused"]
    error: ErrorView | None
    notice: str | None
    backups: BackupPolicy
    rotation: RotationView | None
    last_backup: BackupView | None
    created_at: datetime
    updated_at: datetime


class CredentialsView(Schema):
    """``url`` is a secret."""

    url: Annotated[str, Field(repr=False)]


class ConnectionsView(Schema):
    """Sessions at this moment. ``limit`` is how many a login may have at a time."""

    total: int | None
    active: int | None
    idle_in_transaction: int | None
    limit: int | None


class TransactionsView(Schema):
    """How many ended so since ``counted_since``."""

    committed: int | None
    rolled_back: int | None
    deadlocks: int | None


class CacheView(Schema):
    """``hit_ratio`` is the share (0 to 1) of the pages read that were in the server's memory,
    since ``counted_since``; null before the first. Below 0.9, more memory would help."""

    hit_ratio: float | None


class ServerView(Schema):
    """What the server of the database uses at this moment: processor cores, and memory."""

    cpu_cores: float | None
    memory_bytes: int | None


class StatementView(Schema):
    """Statements that differ in their constants alone, together. Times are milliseconds, ``rows``
    and ``total_milliseconds`` those of all ``calls``."""

    query: str
    calls: int
    total_milliseconds: float
    mean_milliseconds: float
    rows: int


class DatabaseMetricsView(Schema):
    """How a database fares at ``measured_at``; what its provider does not tell is null.

    ``counted_since`` is null where that is since it was made; ``temporary_bytes`` were written by
    queries that needed more memory than they may use. ``slowest_statements`` took the most time
    altogether, the slowest first."""

    measured_at: datetime
    counted_since: datetime | None
    size_bytes: int | None
    connections: ConnectionsView
    transactions: TransactionsView
    cache: CacheView
    temporary_bytes: int | None
    server: ServerView
    slowest_statements: list[StatementView]


class RotationInput(Input):
    """``revoke`` ends the present password at once: what uses it fails until it is deployed
    again. Without, it ends when the next deployment has taken its place."""

    revoke: bool = False


class RestoreInput(Input):
    """Which backup, and to where: into a new database ``name``, or in the place of what this one
    holds, when ``confirm`` is its name."""

    backup_id: UUID
    name: DatabaseName | None = None
    confirm: Annotated[str, StringConstraints(max_length=100)] | None = None


class RestoreView(Schema):
    """``database_id`` is the database that the backup is restored into. ``safety_backup_id`` is
    the backup of what it held before."""

    id: UUID
    database_id: UUID
    backup_id: UUID | None
    safety_backup_id: UUID | None
    status: Literal["pending", "succeeded", "failed"]
    error: ErrorView | None
    created_at: datetime
    completed_at: datetime | None
