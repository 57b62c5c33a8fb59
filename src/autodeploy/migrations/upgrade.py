"""Bring a database to the newest revision, from code."""

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

# Two migrations at once would both create the tables: the second waits for the first.
_LOCK = 0x4155544F4450
_NO_SUCH_DATABASE = "3D000"


def configuration() -> Config:
    """Alembic's configuration without an ini file."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config


async def upgrade(url: str, revision: str = "head") -> None:
    """Migrate the database at ``url``, as its owner; creates the database when it is missing."""
    await _ensure_database(url)
    engine = _engine(url)
    try:
        async with engine.begin() as connection:
            await connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            await connection.run_sync(_upgrade, revision)
    finally:
        await engine.dispose()


def _upgrade(connection: Connection, revision: str) -> None:
    config = configuration()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


async def _ensure_database(url: str) -> None:
    engine = _engine(url)
    try:
        async with engine.connect():
            return
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _NO_SUCH_DATABASE:
            raise
    finally:
        await engine.dispose()
    await _create_database(url)


async def _create_database(url: str) -> None:
    name = make_url(url).database or ""
    engine = _engine(url, database="postgres", isolation_level="AUTOCOMMIT")
    try:
        async with engine.connect() as connection:
            quoted = engine.dialect.identifier_preparer.quote_identifier(name)
            await connection.execute(text(f"CREATE DATABASE {quoted}"))
    finally:
        await engine.dispose()


def _engine(
    url: str, *, database: str | None = None, isolation_level: str | None = None
) -> AsyncEngine:
    target = make_url(url).set(drivername="postgresql+asyncpg")
    if database is not None:
        target = target.set(database=database)
    options = {"isolation_level": isolation_level} if isolation_level else {}
    return create_async_engine(target, **options)


def upgrade_now(url: str) -> None:
    """``upgrade`` for callers without an event loop."""
    asyncio.run(upgrade(url))
