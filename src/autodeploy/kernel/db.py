"""PostgreSQL through SQLAlchemy 2 async: the declarative base, the engine, the transaction."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from asyncpg.exceptions import CannotConnectNowError, TooManyConnectionsError
from sqlalchemy import DateTime, MetaData, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, mapped_column

from autodeploy.kernel.errors import Unavailable

# What connecting raises while PostgreSQL is stopped, starting, full or out of reach.
_AWAY = (
    OSError,
    CannotConnectNowError,
    TooManyConnectionsError,
    InterfaceError,
    OperationalError,
    PoolTimeout,
)

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


class Database:
    """An engine and its sessions.

    ``url`` is any libpq-style URL (``postgresql://…``). ``role`` is taken at connect, so that the
    process holds no more rights than its role (owner, app or worker) has.
    """

    def __init__(self, url: str, *, role: str | None = None, pool_size: int = 10):
        settings = {"application_name": f"autodeploy-{role or 'owner'}", "jit": "off"}
        if role is not None:
            settings["role"] = role
        self.engine = create_async_engine(
            make_url(url).set(drivername="postgresql+asyncpg"),
            pool_size=pool_size,
            max_overflow=10,
            pool_pre_ping=True,
            connect_args={"server_settings": settings, "timeout": 10},
        )
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """One transaction: commits when the block ends, rolls back when it raises.

        Raises ``Unavailable`` when PostgreSQL cannot be reached.
        """
        async with self._sessions() as session, session.begin():
            try:
                await session.connection()
            except _AWAY as error:
                raise Unavailable(
                    "The database does not answer.", remedy="Try again in a moment."
                ) from error
            yield session

    async def close(self) -> None:
        await self.engine.dispose()
