"""Databases of apps: a real cluster of their own."""

import socket
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest

from autodeploy.kernel.errors import InvalidInput, Unavailable
from autodeploy.kernel.process import SystemUser
from autodeploy.providers.base import App, DatabaseRequest
from autodeploy.providers.local.agent import databases
from autodeploy.providers.local.agent.databases import AppDatabases
from autodeploy.providers.local.provider import LocalProvider

from .conftest import Lines


async def test_database_accepts_its_role_and_no_other(provider: LocalProvider, app: App) -> None:
    request = DatabaseRequest(uuid4(), app, "main", "free")
    mine = await provider.ensure_database(request, Lines())
    other = await provider.ensure_database(DatabaseRequest(uuid4(), app, "b", "free"), Lines())
    assert urlsplit(mine.url).hostname == "127.0.0.1"

    connection = await asyncpg.connect(mine.url)
    try:
        await connection.execute(
            "CREATE TABLE public.things (id int); INSERT INTO things VALUES (1)"
        )
        assert await connection.fetchval("SELECT count(*) FROM things") == 1
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("CREATE DATABASE more")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("COPY things TO PROGRAM 'id'")
    finally:
        await connection.close()

    for foreign in (other.external_id, "postgres", "template1"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(mine.url.rpartition("/")[0] + f"/{foreign}")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(mine.url.replace(f":{urlsplit(mine.url).password}@", ":guess@"))


async def test_ensuring_again_keeps_the_data(provider: LocalProvider, app: App) -> None:
    request = DatabaseRequest(uuid4(), app, "main", "free")
    first = await provider.ensure_database(request, Lines())
    connection = await asyncpg.connect(first.url)
    await connection.execute("CREATE TABLE kept (id int)")
    await connection.close()
    second = await provider.ensure_database(request, Lines())
    assert second.external_id == first.external_id
    assert second.url != first.url
    connection = await asyncpg.connect(second.url)
    assert await connection.fetchval("SELECT count(*) FROM kept") == 0
    await connection.close()


async def test_destroyed_database_is_gone_even_while_used(
    provider: LocalProvider, app: App
) -> None:
    request = DatabaseRequest(uuid4(), app, "main", "free")
    handle = await provider.ensure_database(request, Lines())
    connection = await asyncpg.connect(handle.url)
    await provider.destroy_database(handle.external_id)
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
        await connection.fetchval("SELECT 1")
    await connection.close()
    with pytest.raises(asyncpg.PostgresError):
        await asyncpg.connect(handle.url)
    await provider.destroy_database(handle.external_id)
    await provider.destroy_database(str(request.database_id))


@pytest.mark.parametrize("name", ["postgres", "app_x", "app_;drop", "template1"])
async def test_foreign_database_is_never_dropped(provider: LocalProvider, name: str) -> None:
    with pytest.raises(InvalidInput):
        await provider.destroy_database(name)


async def test_port_that_another_program_took_is_named(
    home: Path, system_user: SystemUser | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "_START_SECONDS", 8.0)
    for folder in ("run", "logs"):
        (home / folder).mkdir()
        (home / folder).chmod(0o711)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (home / "apps-postgres.port").write_text(str(port))
        cluster = AppDatabases(home, system_user)
        with pytest.raises(Unavailable, match=f"another program has its port {port}"):
            await cluster.ensure(uuid4())
    await cluster.ensure(uuid4())
    await cluster.close()
