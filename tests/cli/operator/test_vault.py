"""The commands that look after keys, as an operator meets them."""

import asyncio
import json
import os
import time
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path
from uuid import uuid4

import pytest
from tests.stored_values import Store, connection, open_vault

from autodeploy.cli.failures import CommandError, ExitCode
from autodeploy.cli.operator import vault_keys
from autodeploy.kernel.db import Database
from autodeploy.kernel.errors import NotFound
from autodeploy.kernel.process import python_argv, spawn
from autodeploy.kernel.signing import generate_signing_key
from autodeploy.kernel.vault import EmbeddedBackend, Keyring, Vault
from autodeploy.kernel.vault.keyring import add_key
from autodeploy.kernel.vault.reseal import count_keys
from autodeploy.migrations.models import METADATA


@pytest.fixture
def stored(owner_database: Database) -> Store:
    return Store(owner_database)


@pytest.fixture
def platform(home, key_file, database_url, redis_url, monkeypatch):
    generate_signing_key(home / "secrets" / "jwt.pem")
    monkeypatch.setenv("AUTODEPLOY_HOME", str(home))
    monkeypatch.setenv("AUTODEPLOY_DATABASE_URL", database_url)
    monkeypatch.setenv("AUTODEPLOY_REDIS_URL", redis_url)
    return key_file


async def run(command, capsys, *args: object) -> dict[str, object]:
    """A command as the command line runs it: without a loop around it."""
    capsys.readouterr()
    await asyncio.to_thread(lambda: command(*args, as_json=True))
    return json.loads(capsys.readouterr().out)


async def test_operator_rotates_and_retires(stored, platform, capsys):
    vault = open_vault(platform)
    await stored.fill(vault)
    before = await stored.read_all(vault)
    old = await vault.sealing.current_key()

    rotated = await run(vault_keys.rotate_master, capsys)
    assert rotated["began"] is True
    assert rotated["values"] == len(before)
    status = await run(vault_keys.show_status, capsys)
    assert status["keys"] == [
        {"key": rotated["key"], "state": "seals", "values": len(before)},
        {"key": old, "state": "opens", "values": 0},
    ]
    again = await run(vault_keys.rotate_master, capsys)
    assert (again["began"], again["values"], again["key"]) == (False, 0, rotated["key"])

    with pytest.raises(CommandError, match="a moment ago") as raised:
        await run(vault_keys.retire_keys, capsys)
    assert raised.value.exit_code is ExitCode.TRY_AGAIN
    age(platform)
    assert (await run(vault_keys.retire_keys, capsys))["retired"] == [old]
    assert await stored.read_all(open_vault(platform)) == before
    assert (await run(vault_keys.retire_keys, capsys))["retired"] == []
    assert platform.stat().st_mode & 0o777 == 0o600


def age(path: Path) -> None:
    """Make it look as if the file was changed long ago."""
    past = time.time() - vault_keys.RETIRE_AFTER_SECONDS - 1
    os.utime(path, (past, past))


async def test_key_that_a_value_is_under_is_not_retired(stored, platform, capsys):
    await stored.fill(open_vault(platform))
    add_key(platform)
    age(platform)
    with pytest.raises(CommandError, match="stored values are under"):
        await run(vault_keys.retire_keys, capsys)
    assert len(Keyring.load(platform).keys) == 2


async def test_value_without_its_key_fails_the_command_and_says_which(stored, platform, capsys):
    await stored.fill(open_vault(platform))
    await stored.add_variables(Vault(EmbeddedBackend(Keyring.of(os.urandom(32)))), ["LOST"])
    with pytest.raises(CommandError, match="1 stored values do not open") as raised:
        await run(vault_keys.rotate_master, capsys)
    assert "environment_variables.encrypted_value" in raised.value.log_tail[0]
    assert json.loads(capsys.readouterr().out)["failures"] == raised.value.log_tail
    states = {one["state"] for one in (await run(vault_keys.show_status, capsys))["keys"]}
    assert states == {"seals", "opens", "missing"}


async def test_prepared_key_is_used_by_the_rotation(stored, platform, capsys):
    await stored.fill(open_vault(platform))
    prepared = await run(vault_keys.prepare_rotation, capsys)
    assert {one["state"] for one in (await run(vault_keys.show_status, capsys))["keys"]} == {
        "seals",
        "waits",
    }
    assert (await run(vault_keys.rotate_master, capsys))["key"] == prepared["waiting"]


async def test_operator_rotates_one_connection(stored, platform, capsys):
    vault = open_vault(platform)
    await stored.fill(vault)
    before = await connection(stored.db)
    await run(vault_keys.rotate_connection, capsys, "ADA@example.com", "github")
    after = await connection(stored.db)
    assert before.encrypted_token != after.encrypted_token
    assert before.encrypted_refresh_token != after.encrypted_refresh_token
    assert before.updated_at == after.updated_at
    assert await stored.read_all(vault)
    for user in ("nobody@example.com", str(uuid4())):
        with pytest.raises(NotFound):
            await run(vault_keys.rotate_connection, capsys, user, "github")
    with pytest.raises(NotFound, match="no connection to vercel"):
        await run(vault_keys.rotate_connection, capsys, str(stored.user_id), "vercel")


@pytest.mark.parametrize("stopped", [False, True])
async def test_platform_that_does_not_run_is_told(home, key_file, monkeypatch, capsys, stopped):
    generate_signing_key(home / "secrets" / "jwt.pem")
    monkeypatch.setenv("AUTODEPLOY_HOME", str(home))
    if stopped:
        (home / "secrets" / "postgres.password").write_text("p")
    before = key_file.read_bytes()
    for command in (vault_keys.show_status, vault_keys.rotate_master, vault_keys.retire_keys):
        with pytest.raises(CommandError, match="does not answer") as raised:
            await run(command, capsys)
        assert raised.value.exit_code is ExitCode.UNREACHABLE
        assert "autodeploy up" in (raised.value.remedy or "")
    assert key_file.read_bytes() == before


async def test_rotation_that_is_killed_is_finished_by_the_next(stored, platform, monkeypatch):
    vault = open_vault(platform)
    await stored.fill(vault, variables=1000)
    before = await stored.read_all(vault)
    arguments = python_argv("vault", "rotate-master", "--json")
    command = await spawn(arguments, env=dict(os.environ), stdout=DEVNULL, stderr=DEVNULL)
    async with asyncio.timeout(60):
        while len(counts := await count_keys(stored.db, METADATA)) < 2:
            await asyncio.sleep(0.005)
    command.kill()
    await command.wait()
    assert min(counts.values()) > 0, "it was killed on its way"
    assert len(Keyring.load(platform).keys) == 2
    assert await stored.read_all(open_vault(platform)) == before

    again = await spawn(arguments, env=dict(os.environ), stdout=PIPE, stderr=DEVNULL)
    out, _ = await again.communicate()
    assert again.returncode == 0
    answer = json.loads(out)
    assert answer["began"] is False
    assert await count_keys(stored.db, METADATA) == {answer["key"]: len(before)}
    assert await stored.read_all(open_vault(platform)) == before


async def test_key_of_a_vault_server_is_rotated_and_values_follow(
    stored, platform, capsys, bao, home, monkeypatch
):
    bao.make_key("moved")
    role_id, secret_id = bao.make_role("moved", rotate=True)
    monkeypatch.setenv("AUTODEPLOY_VAULT_URL", f"{bao.origin}/transit/moved")
    monkeypatch.setenv("AUTODEPLOY_VAULT_ROLE_ID", role_id)
    monkeypatch.setenv("AUTODEPLOY_VAULT_SECRET_ID", secret_id)
    await stored.fill(open_vault(platform))
    moved = await run(vault_keys.rotate_master, capsys)
    assert (moved["key"], moved["began"]) == ("v1t.vault:v1", False)
    assert (await run(vault_keys.retire_keys, capsys))["unusedFile"] == str(platform)
    platform.unlink()
    rotated = await run(vault_keys.rotate_master, capsys)
    assert (rotated["key"], rotated["began"]) == ("v1t.vault:v2", True)
    assert (await run(vault_keys.show_status, capsys))["keys"] == [
        {"key": "v1t.vault:v2", "state": "seals", "values": moved["values"]}
    ]
    with pytest.raises(CommandError, match="vault server holds the key"):
        await run(vault_keys.prepare_rotation, capsys)
