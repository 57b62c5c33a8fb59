"""The application over one database that is prepared once for the whole matrix."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import pytest_asyncio
from fastapi import FastAPI
from tests.api.conftest import app_over
from tests.api.tenancy.world import World, make_world
from tests.conftest import empty_redis, make_home, make_resources

from autodeploy.kernel.db import Database
from autodeploy.kernel.embedded.postgres import EmbeddedPostgres
from autodeploy.kernel.embedded.valkey import EmbeddedValkey
from autodeploy.kernel.git.refs import ResolvedRef
from autodeploy.kernel.git.remote import GitClient
from autodeploy.services.deployer import projects

_NAME = "tenancy"


class AnyRemote(GitClient):
    """Knows one branch of every URL, since no server is asked here."""

    async def resolve(self, url: str, ref: str | None = None) -> ResolvedRef:
        return ResolvedRef("main", "a" * 40, "main")


_shared = pytest_asyncio.fixture(scope="package", loop_scope="package")


@_shared
async def world(postgres: EmbeddedPostgres, valkey: EmbeddedValkey) -> AsyncIterator[World]:
    """Both tenants."""
    server = await asyncpg.connect(postgres.url("postgres"))
    await server.execute(f"CREATE DATABASE {_NAME} TEMPLATE autodeploy_template")
    database, home = Database(postgres.url(_NAME), role="autodeploy_worker"), make_home()
    try:
        redis_url = await empty_redis(valkey)
        async with make_resources(database, redis_url, home) as resources:
            yield await make_world(replace(resources, git=AnyRemote(allow_private_addresses=False)))
    finally:
        await database.close()
        await server.execute(f"DROP DATABASE {_NAME} WITH (FORCE)")
        await server.close()
        shutil.rmtree(home, ignore_errors=True)


@_shared
async def tenant_app(world: World, postgres: EmbeddedPostgres) -> AsyncIterator[FastAPI]:
    """The application with the database role that it has in production."""
    database = Database(postgres.url(_NAME), role="autodeploy_app")
    resources = replace(world.resources, db=database, limiter=None)
    waited, projects.DELETION_WAIT_SECONDS = projects.DELETION_WAIT_SECONDS, 0.0
    yield app_over(resources.home, resources)
    projects.DELETION_WAIT_SECONDS = waited
    await database.close()
