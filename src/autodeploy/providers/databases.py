"""What a provider can do with databases, as protocols, and the values that cross this border."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, runtime_checkable
from uuid import UUID

from autodeploy.providers.base import App, LogSink, Notes, Provider
from autodeploy.providers.manifests import DatabaseEngine


@dataclass(frozen=True)
class DatabaseRequest:
    """``password`` answers one of our choice, the same each time, which is kept before it is
    answered: for providers that never tell it again. ``region`` None leaves the choice to the
    provider."""

    database_id: UUID
    app: App
    name: str
    plan: str
    password: Callable[[], Awaitable[str]]
    notes: Notes
    region: str | None = None
    engine: DatabaseEngine = DatabaseEngine.POSTGRESQL


@dataclass(frozen=True)
class DatabaseHandle:
    """A database that accepts connections. ``url`` is a secret, and so are ``variables``: what else
    of it an app may want to know, such as another URL or the keys of an API, by their names."""

    external_id: str
    url: str = field(repr=False)
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)


class DatabaseState(StrEnum):
    """How its provider sees a database. One that is ``STOPPED`` is brought back by
    ``ensure_database``, or told why it cannot be."""

    RUNNING = "running"
    STOPPED = "stopped"
    GONE = "gone"


@dataclass(frozen=True)
class StatementMetrics:
    """What one kind of statement took in all its calls; ``query`` has its constants left out."""

    query: str
    calls: int
    total_milliseconds: float
    mean_milliseconds: float
    rows: int


@dataclass(frozen=True)
class DatabaseMetrics:
    """How a database fares at ``measured_at`` (unix time); None for what its provider does not
    tell.

    Connections are those of that moment, and so are ``cpu_cores`` and ``memory_bytes``, which its
    server uses. Transactions, deadlocks, the cache and temporary files are counted since
    ``counted_since``, or since the server made the database. ``cache_hit_ratio`` (0 to 1) is of
    the pages that were read, None before the first.
    """

    measured_at: float
    size_bytes: int | None = None
    connections: int | None = None
    connections_active: int | None = None
    connections_idle_in_transaction: int | None = None
    connection_limit: int | None = None
    transactions_committed: int | None = None
    transactions_rolled_back: int | None = None
    deadlocks: int | None = None
    cache_hit_ratio: float | None = None
    temporary_bytes: int | None = None
    counted_since: float | None = None
    slowest_statements: tuple[StatementMetrics, ...] = ()
    cpu_cores: float | None = None
    memory_bytes: int | None = None


@dataclass(frozen=True)
class TableContents:
    """What a table held at one moment. Equal contents have equal checksums in any order."""

    name: str
    rows: int
    checksum: str


@dataclass(frozen=True)
class DatabaseDump:
    """A database as it was at one moment: what its tables held, and the dump to restore."""

    tables: tuple[TableContents, ...]
    chunks: AsyncIterator[bytes] = field(repr=False)


@runtime_checkable
class DatabaseProvider(Provider, Protocol):
    """Provisions databases."""

    async def ensure_database(self, request: DatabaseRequest, log: LogSink) -> DatabaseHandle:
        """Make the database or find it; its password may be set anew when it was not journaled."""
        ...

    async def destroy_database(self, external_id: str) -> None: ...


@runtime_checkable
class MeasuredDatabases(Provider, Protocol):
    """Tells how its databases fare."""

    async def measure_database(self, external_id: str) -> DatabaseMetrics: ...


@runtime_checkable
class PausedDatabases(Provider, Protocol):
    """Pauses databases, which keep what they hold. ``ensure_database`` brings one back."""

    async def pause_database(self, external_id: str) -> None:
        """Return when it is paused. Idempotent."""
        ...


@runtime_checkable
class RotatedDatabases(Provider, Protocol):
    """Gives a database another login while the one before goes on."""

    async def open_login(self, external_id: str, beside: str) -> DatabaseHandle:
        """A login other than ``beside``, the user in the present URL; its password is new."""
        ...

    async def close_login(self, external_id: str, login: str) -> None:
        """End the sessions of a login, which signs in no more. Idempotent."""
        ...


@runtime_checkable
class BackedUpDatabases(Provider, Protocol):
    """Dumps databases and brings dumps back. A dump goes to a copy beside the database first."""

    def dump_database(self, external_id: str) -> AbstractAsyncContextManager[DatabaseDump]:
        """A dump and the contents of the tables, both of one moment."""
        ...

    async def restore_copy(
        self, external_id: str, chunks: AsyncIterator[bytes], *, keep_as: str | None = None
    ) -> tuple[TableContents, ...]:
        """Bring a dump back into a copy; what its tables hold. The copy is gone afterwards, also
        when anything fails, unless ``keep_as`` names the restore that is to adopt it."""
        ...

    async def adopt_copy(self, external_id: str, restore: str) -> None:
        """Put the copy that was kept for ``restore`` in the place of the database, whose sessions
        end. Idempotent. Raises ``NotFound`` where the copy is gone."""
        ...

    async def discard_copy(self, external_id: str) -> None:
        """Remove a copy that is not to be adopted. Idempotent."""
        ...

    async def restored_by(self, external_id: str) -> str | None:
        """The restore whose copy the database is, if it is one."""
        ...
