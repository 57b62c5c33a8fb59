"""The embedded PostgreSQL: who may connect, and what becomes of it after a SIGKILL."""

import os
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from autodeploy.kernel.embedded.parts import PartNotReady
from autodeploy.kernel.embedded.postgres import EmbeddedPostgres
from autodeploy.kernel.process import SystemUser


@pytest.fixture
async def cluster(home: Path, system_user: SystemUser | None) -> AsyncIterator[EmbeddedPostgres]:
    """A running cluster of its own, whose password holds characters that URLs must escape."""
    password = home / "password"
    password.write_text(f"a/b:c@d?{secrets.token_urlsafe(8)}\n")
    password.chmod(0o600)
    cluster = EmbeddedPostgres(
        home / "postgres", home / "run", password, home / "postgres.log", system_user
    )
    await cluster.start()
    await cluster.wait_ready()
    yield cluster
    await cluster.stop()


async def value(cluster: EmbeddedPostgres, query: str) -> object:
    connection = await asyncpg.connect(cluster.url("postgres"))
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_life_of_a_cluster(cluster: EmbeddedPostgres, home: Path) -> None:
    """One test, since each cluster takes a second: what a fresh one is like, and its restart."""
    assert await value(cluster, "SHOW listen_addresses") == ""
    assert await value(cluster, "SHOW data_checksums") == "on"
    assert await value(cluster, "SHOW server_encoding") == "UTF8"
    assert (home / "run").stat().st_mode & 0o777 == 0o700
    assert not list((home / "run").glob("*password*"))
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(cluster.url("postgres", password="wrong"))

    await value(cluster, "CREATE TABLE kept AS SELECT 42 AS n")
    assert cluster.process is not None
    cluster.process.kill()
    await cluster.process.wait()
    await cluster.start()
    await cluster.wait_ready()
    assert await value(cluster, "SELECT n FROM kept") == 42

    await cluster.stop()
    assert cluster.process.returncode == 0
    assert not list((home / "run").glob(".s.PGSQL*"))
    assert not (cluster.data / "postmaster.pid").exists()


async def test_lock_file_of_a_server_that_is_gone_does_not_stop_a_start(
    cluster: EmbeddedPostgres,
) -> None:
    """Its pid still exists: a zombie that nobody awaits, or another program by now."""
    lock = cluster.data / "postmaster.pid"
    content = lock.read_text()
    await cluster.stop()
    lock.write_text(content.replace(content.split()[0], str(os.getppid()), 1))
    lock.chmod(0o600)
    await cluster.start()
    await cluster.wait_ready()
    assert await value(cluster, "SELECT 1") == 1


async def test_broken_configuration_is_told_with_the_end_of_the_log(
    home: Path, system_user: SystemUser | None
) -> None:
    password = home / "password"
    password.write_text("secret")
    cluster = EmbeddedPostgres(
        home / "postgres",
        home / "run",
        password,
        home / "postgres.log",
        system_user,
        settings={"shared_buffers": "nonsense"},
    )
    await cluster.start()
    with pytest.raises(PartNotReady) as failure:
        await cluster.wait_ready()
    assert any("shared_buffers" in line for line in failure.value.log_tail)
    assert str(home / "postgres.log") in (failure.value.remedy or "")


async def test_half_made_cluster_is_made_anew(home: Path, system_user: SystemUser | None) -> None:
    half = home / "postgres.new"
    half.mkdir()
    (half / "leftover").touch()
    (home / "password").write_text("secret")
    cluster = EmbeddedPostgres(
        home / "postgres", home / "run", home / "password", home / "postgres.log", system_user
    )
    await cluster.ensure_initialised()
    assert (home / "postgres" / "PG_VERSION").exists()
    assert not half.exists()
    assert not (home / "postgres" / "leftover").exists()
    if system_user is not None:
        assert (home / "postgres").stat().st_uid == system_user.uid != os.geteuid()
