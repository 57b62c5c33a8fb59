"""The embedded Valkey: what it accepted survives a SIGKILL, and only its socket answers."""

import asyncio
from pathlib import Path

import pytest
from redis.asyncio import Redis

from autodeploy.kernel.embedded.valkey import EmbeddedValkey
from autodeploy.kernel.process import SystemUser


async def test_data_survives_a_kill(home: Path, system_user: SystemUser | None) -> None:
    valkey = EmbeddedValkey(
        home / "valkey", home / "run" / "valkey.sock", home / "valkey.log", system_user
    )
    await valkey.start()
    await valkey.wait_ready()
    async with Redis.from_url(valkey.url) as redis:
        await redis.set("key", "value")
        assert (await redis.config_get("maxmemory-policy"))["maxmemory-policy"] == "noeviction"
        assert (await redis.config_get("port"))["port"] == "0"
        await redis.execute_command("WAITAOF", 1, 0, 5000)
    assert (home / "run").stat().st_mode & 0o777 == 0o700

    assert valkey.process is not None
    valkey.process.kill()
    await valkey.process.wait()
    assert valkey.socket.exists()  # left over; the next start removes it

    await valkey.start()
    await valkey.wait_ready()
    async with Redis.from_url(valkey.url) as redis:
        assert await redis.get("key") == b"value"
    await valkey.stop()
    assert valkey.process.returncode == 0


async def test_damaged_data_are_set_aside(home: Path, system_user: SystemUser | None) -> None:
    server = EmbeddedValkey(home / "valkey", home / "run" / "v.sock", home / "log", system_user)
    await server.start()
    await server.wait_ready()
    await server.stop()
    journal = next((home / "valkey" / "appendonlydir").glob("*.incr.aof"))
    journal.write_bytes(b"no journal\r\n")

    process = await server.start()
    await server.wait_ready()
    assert process.returncode is None
    await server.stop()
    assert next(home.glob("valkey.damaged/appendonlydir/*.incr.aof")).read_bytes()


async def test_a_start_that_is_cancelled_leaves_no_socket(
    home: Path, system_user: SystemUser | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = EmbeddedValkey(home / "valkey", home / "run" / "v.sock", home / "log", system_user)
    listens = asyncio.Event()

    async def never_ready(timeout: float = 10) -> None:
        while not server.socket.exists():
            await asyncio.sleep(0.01)
        listens.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(server, "wait_ready", never_ready)
    starting = asyncio.create_task(server.start())
    await listens.wait()
    starting.cancel()
    await asyncio.wait({starting})
    assert starting.cancelled()
    assert server.process is not None
    assert server.process.returncode == 0
    assert not server.socket.exists()
