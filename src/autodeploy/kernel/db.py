"""PostgreSQL through SQLAlchemy 2 async: the declarative base, the engine, the transaction."""

import copy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from asyncpg.exceptions import (
    AdminShutdownError,
    CannotConnectNowError,
    CrashShutdownError,
    ForeignKeyViolationError,
    InternalClientError,
    InvalidAuthorizationSpecificationError,
    PostgresConnectionError,
    TooManyConnectionsError,
)
from asyncpg.exceptions import InterfaceError as AsyncpgInterfaceError
from sqlalchemy import DateTime, MetaData, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, mapped_column

from autodeploy.kernel.descriptors import TooFewFiles, is_exhaustion
from autodeploy.kernel.errors import AutoDeployError, NotFound, Unavailable
from autodeploy.kernel.faults import fault_point
from autodeploy.kernel.quick_reads import QuickReads
from autodeploy.kernel.tenancy import Tenancy, tell

# What connecting raises while PostgreSQL is stopped or out of reach, or when it is lost meanwhile:
# a connection that is new is set up by asyncpg itself, whose errors SQLAlchemy passes on.
UNREACHABLE = (
    OSError,
    InterfaceError,
    OperationalError,
    PoolTimeout,
    AsyncpgInterfaceError,
    InternalClientError,
)

# What PostgreSQL says when it stops, starts or is full.
_REFUSALS = (
    AdminShutdownError,
    CannotConnectNowError,
    CrashShutdownError,
    PostgresConnectionError,
    TooManyConnectionsError,
)

# Each session costs the server 2 to 4 MB, so those of a burst are not kept for ever.
_IDLE_SECONDS = 60

type_uuid = Annotated[
    UUID, mapped_column(primary_key=True, server_default=text("gen_random_uuid()"))
]
type_created = Annotated[
    datetime, mapped_column(DateTime(timezone=True), server_default=func.now(), nullable=False)
]


class Base(DeclarativeBase):
    """All tables. Columns of ``datetime`` are TIMESTAMPTZ, of ``str`` TEXT, of ``dict`` JSONB."""

    metadata = MetaData(
        naming_convention={
            "ix": "idx_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it as a class attribute
        datetime: DateTime(timezone=True),
        str: Text(),
        dict[str, Any]: JSONB(),
        list[Any]: JSONB(),
        list[str]: ARRAY(Text()),
    }


class DatabaseAway(Unavailable):
    """PostgreSQL is stopped, starting, full or out of reach: no call is to blame for it."""

    def __init__(self) -> None:
        super().__init__("The database does not answer.", remedy="Try again in a moment.")


class DatabaseRefused(AutoDeployError):
    """PostgreSQL does not accept the user or password that AutoDeploy has for it."""

    code = "database_refused"

    def __init__(self) -> None:
        super().__init__(
            "PostgreSQL refuses AutoDeploy's user or password.",
            remedy="Correct AUTODEPLOY_DATABASE_URL, or for the embedded server put back the file "
            "secrets/postgres.password of its home.",
        )


class Database:
    """An engine and its sessions.

    ``url`` is any libpq-style URL (``postgresql://…``). ``role`` is taken at connect, so that the
    process holds no more rights than its role (owner, app or worker) has. Row-level security
    shows each transaction the rows of the tenancy that ``acting_for`` named, and else none.
    """

    _tenancy: Tenancy | None = None

    def __init__(self, url: str, *, role: str | None = None, pool_size: int = 10):
        settings = {
            "application_name": f"autodeploy-{role or 'owner'}",
            "jit": "off",
            "idle_session_timeout": f"{_IDLE_SECONDS}s",
        }
        if role is not None:
            settings["role"] = role
        self.engine = create_async_engine(
            make_url(url).set(drivername="postgresql+asyncpg"),
            pool_size=pool_size,
            max_overflow=10,
            # The connection used last is used next, so that those beyond the present need stay
            # idle and the server ends them; the ping replaces one that was ended.
            pool_use_lifo=True,
            pool_pre_ping=True,
            # What a statement was given would stand in the text of its error, and in the log.
            hide_parameters=True,
            connect_args={"server_settings": settings, "timeout": 10},
        )
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        _, address = self.engine.dialect.create_connect_args(self.engine.url)
        self._quick = QuickReads({**address, "server_settings": settings, "timeout": 10})

    def acting_for(self, tenancy: Tenancy) -> "Database":
        """This database, on the same connections, as the caller of ``tenancy`` may see it."""
        bound = copy.copy(self)
        bound._tenancy = tenancy
        return bound

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """One transaction: commits when the block ends, rolls back when it raises.

        Raises ``NotFound`` for a row whose organization, project or user was deleted meanwhile.
        Raises ``DatabaseAway`` when PostgreSQL cannot be reached or is lost on the way, and
        ``DatabaseRefused`` when it does not let us in; ``TooFewFiles`` is about ourselves.
        """
        try:
            async with self._sessions() as session, session.begin():
                try:
                    await session.connection()
                except (*UNREACHABLE, *_REFUSALS) as error:
                    raise (TooFewFiles() if is_exhaustion(error) else DatabaseAway()) from error
                if self._tenancy is not None:
                    await tell(session, self._tenancy.settings())
                yield session
                await _commit(session)
        except DBAPIError as error:
            if _is_caused_by(error, InvalidAuthorizationSpecificationError):
                raise DatabaseRefused from error
            if _is_caused_by(error, ForeignKeyViolationError):
                raise NotFound("What this belongs to was deleted meanwhile.") from error
            if _is_caused_by(error, *_REFUSALS) or error.connection_invalidated:
                raise DatabaseAway from error
            raise

    async def fetch_row(self, statement: str, *arguments: object) -> dict[str, Any] | None:
        """The first row that a single reading statement of PostgreSQL's own notation (``$1``)
        gives, quicker than a transaction, and without a tenancy.

        Raises ``DatabaseAway``, ``DatabaseRefused``.
        """
        try:
            row = await self._quick.fetch_row(statement, *arguments)
            return None if row is None else dict(row)
        except InvalidAuthorizationSpecificationError as error:
            raise DatabaseRefused from error
        except (*UNREACHABLE, *_REFUSALS) as error:
            raise (TooFewFiles() if is_exhaustion(error) else DatabaseAway()) from error

    async def close(self) -> None:
        await self._quick.close()
        await self.engine.dispose()


@fault_point("database.commit")
async def _commit(session: AsyncSession) -> None:
    await session.commit()


def _is_caused_by(error: DBAPIError, *kinds: type[Exception]) -> bool:
    return error.orig is not None and isinstance(error.orig.__cause__, kinds)
