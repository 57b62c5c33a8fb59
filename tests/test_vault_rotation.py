"""Stored values move to another key while they are read and written; killed anywhere, all open."""

import asyncio
import json
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text, update
from tests.architecture.source import calls

from autodeploy.cli.failures import CommandError, ExitCode
from autodeploy.cli.operator import vault_keys
from autodeploy.kernel.db import Base, Database
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.vault import (
    EmbeddedBackend,
    Keyring,
    Vault,
    VaultError,
    generate_master_key_file,
    place_of,
    sealed_columns,
)
from autodeploy.kernel.vault import reseal as reseal_module
from autodeploy.kernel.vault.keyring import add_key, drop_keys, prepare_key
from autodeploy.kernel.vault.reseal import count_keys, reseal_all
from autodeploy.services.auth.models import IdempotencyKey, Organization, ProviderIntegration, User
from autodeploy.services.deployer.models import (
    EnvironmentVariable,
    Project,
    ProjectDatabase,
    Webhook,
)

#: What looks like a sealed column and is none: a password is hashed, never opened.
HASHED = {"users.encrypted_password"}


@pytest.fixture
def key_file(home: Path) -> Path:
    (home / "secrets").mkdir()
    path = home / "secrets" / "master.key"
    generate_master_key_file(path)
    return path


def open_vault(path: Path) -> Vault:
    return Vault(EmbeddedBackend(Keyring.load(path)))


class Store:
    """One organization with values in every sealed column."""

    def __init__(self, db: Database):
        self.db = db
        self.user_id, self.organization_id, self.project_id = uuid4(), uuid4(), uuid4()

    async def fill(self, vault: Vault, variables: int = 3) -> None:
        async with self.db.transaction() as session:
            session.add_all(
                [
                    User(id=self.user_id, email="ada@example.com", name="Ada"),
                    Organization(id=self.organization_id, name="o", slug="o"),
                ]
            )
            await session.flush()
            session.add(
                Project(
                    id=self.project_id, organization_id=self.organization_id, name="p", slug="p"
                )
            )
        await self._add(vault, ProviderIntegration, "encrypted_token", self._connection)
        async with self.db.transaction() as session:
            await session.execute(
                update(ProviderIntegration).values(
                    encrypted_refresh_token=await self._sealed(
                        vault,
                        ProviderIntegration.encrypted_refresh_token,
                        "refresh",
                        self._connection,
                    )
                )
            )
        await self._add(
            vault,
            IdempotencyKey,
            "encrypted_answer",
            {"user_id": self.user_id, "key": "k1", "request_hash": b"h"},
        )
        ids = {"id": uuid4(), "organization_id": self.organization_id}
        await self._add(vault, Webhook, "encrypted_secret", {**ids, "url": "u", "events": []})
        project = {"project_id": self.project_id, "environment": "production"}
        database = {**ids, **project, "provider": "local"}
        await self._add(vault, ProjectDatabase, "encrypted_url", database)
        for number in range(variables):
            await self.add_variable(vault, f"KEY_{number}")

    @property
    def _connection(self) -> dict[str, object]:
        return {"user_id": self.user_id, "provider": "github"}

    async def add_variable(self, vault: Vault, key: str) -> None:
        values = {
            "organization_id": self.organization_id,
            "project_id": self.project_id,
            "environment": "production",
            "key": key,
        }
        await self._add(vault, EnvironmentVariable, "encrypted_value", values)

    async def _add(
        self, vault: Vault, model: type[Base], name: str, values: Mapping[str, object]
    ) -> None:
        sealed = await self._sealed(vault, getattr(model, name), name, values)
        async with self.db.transaction() as session:
            session.add(model(**values, **{name: sealed}))

    async def _sealed(self, vault, attribute, text, values) -> str:
        place = place_of(attribute, **values)
        return await vault.encrypt_for(place.subject, text, context=place.context)

    async def read_all(self, vault: Vault) -> list[str]:
        """Every stored value, opened where it stands. Raises ``VaultError``."""
        texts = []
        async with self.db.transaction() as session:
            for column in sealed_columns(Base.metadata):
                query = select(*column.table.columns).where(column.is_not(None))
                for row in (await session.execute(query)).mappings():
                    place = column.info["seal"].of(row)
                    texts.append(
                        await vault.decrypt_for(
                            place.subject, row[column.name], context=place.context
                        )
                    )
        return sorted(texts)


@pytest.fixture
async def db(database_url: str):
    """The database as its owner sees it."""
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
async def stored(db: Database) -> Store:
    return Store(db)


def test_each_column_that_looks_sealed_says_where_its_values_belong():
    named = {
        f"{table.name}.{column.name}"
        for table in Base.metadata.tables.values()
        for column in table.columns
        if column.name.startswith("encrypted_") or column.name == "refresh_token"
    }
    assert named - HASHED == {str(column) for column in sealed_columns(Base.metadata)}


def test_each_use_of_the_vault_names_a_sealed_column():
    """A value that is sealed beside the declared columns would not move to a new key."""
    outside = [
        place
        for place, call in calls()
        if getattr(call.func, "attr", "") in {"encrypt_for", "decrypt_for", "encrypt", "decrypt"}
        and "vault" in place_text(call.func)
        and not any(
            keyword.arg == "context" and getattr(keyword.value, "attr", "") == "context"
            for keyword in call.keywords
        )
    ]
    assert outside == []


def place_text(node) -> str:
    import ast

    return ast.unparse(node)


def test_place_is_unlike_that_of_any_other_row():
    """The templates of a column name all columns of a key that is unique."""
    for column in sealed_columns(Base.metadata):
        seal = column.info["seal"]
        named = {
            each.name
            for each in column.table.columns
            if f"{{{each.name}}}" in seal.subject + seal.context
        }
        unique = [set(column.table.primary_key.columns.keys())] + [
            {each.name for each in constraint.columns}
            for constraint in column.table.constraints
            if type(constraint).__name__ == "UniqueConstraint"
        ]
        assert any(names <= named for names in unique), column
        assert column.table.name in seal.context


async def test_rotation_moves_every_value_and_each_still_opens(stored, key_file):
    vault = open_vault(key_file)
    await stored.fill(vault)
    before = await stored.read_all(vault)
    assert await vault.sealing.begin_rotation(clean=True)
    seen: list[tuple[int, int]] = []
    result = await reseal_all(
        stored.db, vault, Base.metadata, progress=lambda done, total: seen.append((done, total))
    )
    assert (result.done, result.left, result.failures) == (len(before), 0, [])
    assert seen[0] == (0, len(before))
    assert seen[-1] == (len(before), len(before))
    current = await vault.sealing.current_key()
    assert await count_keys(stored.db, Base.metadata) == {current: len(before)}
    drop_keys(key_file, [key.id for key in Keyring.load(key_file).keys[1:]])
    assert await stored.read_all(open_vault(key_file)) == before


async def test_rotation_changes_nothing_else_of_a_row(stored, key_file):
    vault = open_vault(key_file)
    await stored.fill(vault)
    query = text("SELECT key, updated_at, xmin::text FROM environment_variables ORDER BY key")

    async def rows():
        async with stored.db.transaction() as session:
            return (await session.execute(query)).all()

    before = await rows()
    await vault.sealing.begin_rotation(clean=True)
    await reseal_all(stored.db, vault, Base.metadata)
    after = await rows()
    assert [row[:2] for row in after] == [row[:2] for row in before]
    assert [row[2] for row in after] != [row[2] for row in before]


async def test_process_that_runs_learns_of_the_new_key_by_itself(stored, key_file):
    running, rotating = open_vault(key_file), open_vault(key_file)
    await stored.fill(running)
    await rotating.sealing.begin_rotation(clean=True)
    await reseal_all(stored.db, rotating, Base.metadata)
    assert await stored.read_all(running)
    assert await running.sealing.current_key() == await rotating.sealing.current_key()
    sealed = await running.encrypt("token", "u1")
    assert sealed.startswith(f"{await rotating.sealing.current_key()}.")


async def test_value_sealed_before_and_written_after_the_rotation_opens_and_moves_later(
    stored, key_file
):
    late, rotating = open_vault(key_file), open_vault(key_file)
    await stored.fill(rotating)
    place = place_of(ProjectDatabase.encrypted_url, organization_id=stored.organization_id, id=1)
    assert place.subject == f"organization:{stored.organization_id}"
    async with stored.db.transaction() as session:
        row = (await session.scalars(select(EnvironmentVariable))).first()
    where = place_of(EnvironmentVariable.encrypted_value, **columns_of(row))
    sealed = await late.encrypt_for(where.subject, "late", context=where.context)
    await rotating.sealing.begin_rotation(clean=True)
    await reseal_all(stored.db, rotating, Base.metadata)
    async with stored.db.transaction() as session:
        await session.execute(
            update(EnvironmentVariable)
            .where(EnvironmentVariable.id == row.id)
            .values(encrypted_value=sealed)
        )
    assert "late" in await stored.read_all(rotating)
    assert not await rotating.sealing.begin_rotation(clean=False), "the same rotation goes on"
    assert (await reseal_all(stored.db, rotating, Base.metadata)).done == 1
    assert "late" in await stored.read_all(rotating)


def columns_of(row) -> dict[str, object]:
    return {column.name: getattr(row, column.key) for column in row.__table__.columns}


async def test_change_during_the_rotation_wins(stored, key_file, monkeypatch):
    vault = open_vault(key_file)
    await stored.fill(vault, variables=1)
    async with stored.db.transaction() as session:
        row = (await session.scalars(select(EnvironmentVariable))).one()
    where = place_of(EnvironmentVariable.encrypted_value, **columns_of(row))
    await vault.sealing.begin_rotation(clean=True)
    seal = reseal_module._Pass._seal

    async def seal_while_another_writes(self, rows):
        sealed = await seal(self, rows)
        if self.column.table.name == "environment_variables":
            new = await vault.encrypt_for(where.subject, "newer", context=where.context)
            async with stored.db.transaction() as session:
                await session.execute(update(EnvironmentVariable).values(encrypted_value=new))
        return sealed

    monkeypatch.setattr(reseal_module._Pass, "_seal", seal_while_another_writes)
    await reseal_all(stored.db, vault, Base.metadata)
    texts = await stored.read_all(vault)
    assert "newer" in texts
    assert "encrypted_value" not in texts


async def test_locked_row_is_left_for_a_later_pass_and_nobody_waits(stored, key_file, monkeypatch):
    monkeypatch.setattr(reseal_module, "_PAUSE_SECONDS", 0.01)
    vault = open_vault(key_file)
    await stored.fill(vault)
    await vault.sealing.begin_rotation(clean=True)
    async with stored.db.transaction() as session:
        await session.execute(
            select(EnvironmentVariable).where(EnvironmentVariable.key == "KEY_1").with_for_update()
        )
        rotation = asyncio.create_task(reseal_all(stored.db, vault, Base.metadata))
        old = {one for one in await wait_for_counts(stored.db, old=1) if one}
        assert len(old) == 2
        assert not rotation.done()
    result = await rotation
    assert (result.left, result.failures) == (0, [])
    assert len(await count_keys(stored.db, Base.metadata)) == 1


async def wait_for_counts(db: Database, *, old: int) -> Mapping[str, int]:
    async with asyncio.timeout(20):
        while True:
            counts = await count_keys(db, Base.metadata)
            if len(counts) == 2 and min(counts.values()) == old:
                return counts
            await asyncio.sleep(0.01)


async def test_row_that_stays_locked_is_told(stored, key_file, monkeypatch):
    monkeypatch.setattr(reseal_module, "_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(reseal_module, "_IDLE_PASSES", 2)
    vault = open_vault(key_file)
    await stored.fill(vault)
    await vault.sealing.begin_rotation(clean=True)
    async with stored.db.transaction() as session:
        await session.execute(select(EnvironmentVariable).with_for_update())
        result = await reseal_all(stored.db, vault, Base.metadata)
    assert result.left == 3


async def test_value_that_does_not_open_is_named_and_stays(stored, key_file):
    vault = open_vault(key_file)
    await stored.fill(vault)
    stranger = Vault(EmbeddedBackend(Keyring.of(os.urandom(32))))
    await stored.add_variable(stranger, "LOST")
    async with stored.db.transaction() as session:
        lost = (
            await session.scalars(
                select(EnvironmentVariable).where(EnvironmentVariable.key == "LOST")
            )
        ).one()
    await vault.sealing.begin_rotation(clean=True)
    result = await reseal_all(stored.db, vault, Base.metadata)
    assert len(result.failures) == 1
    assert str(lost.id) in result.failures[0]
    async with stored.db.transaction() as session:
        kept = await session.get_one(EnvironmentVariable, lost.id)
    assert kept.encrypted_value == lost.encrypted_value


@pytest.mark.parametrize("killed_after", range(6))
async def test_rotation_killed_anywhere_leaves_all_readable_and_finishes_when_run_again(
    stored, key_file, monkeypatch, killed_after
):
    monkeypatch.setattr(reseal_module, "BATCH", 1)
    vault = open_vault(key_file)
    await stored.fill(vault)
    before = await stored.read_all(vault)
    old = Keyring.load(key_file).current.id
    writes = 0
    write = reseal_module._Pass._write

    async def write_and_die(self, sealed):
        nonlocal writes
        if writes == killed_after:
            raise asyncio.CancelledError
        writes += 1
        return await write(self, sealed)

    with monkeypatch.context() as dying:
        dying.setattr(reseal_module._Pass, "_write", write_and_die)
        await vault.sealing.begin_rotation(clean=True)
        with pytest.raises(asyncio.CancelledError):
            await reseal_all(stored.db, vault, Base.metadata)
    again = open_vault(key_file)  # another process
    new = await again.sealing.current_key()
    assert await stored.read_all(again) == before
    assert not await again.sealing.begin_rotation(clean=False)
    assert await again.sealing.current_key() == new
    await reseal_all(stored.db, again, Base.metadata)
    assert await stored.read_all(again) == before
    assert await count_keys(stored.db, Base.metadata) == {new: len(before)}
    assert old not in new


async def test_readers_and_writers_see_no_failure_during_a_rotation(stored, key_file):
    writing, reading, rotating = (open_vault(key_file) for _ in range(3))
    await stored.fill(rotating, variables=40)
    count = len(await stored.read_all(reading))
    done = asyncio.Event()

    async def write() -> int:
        number = 0
        while not done.is_set():
            await stored.add_variable(writing, f"NEW_{number}")
            number += 1
        return number

    async def read() -> None:
        while not done.is_set():
            await stored.read_all(reading)

    tasks = [asyncio.create_task(write()), asyncio.create_task(read())]
    for _ in range(2):
        await rotating.sealing.begin_rotation(clean=True)
        await reseal_all(stored.db, rotating, Base.metadata)
        ring = Keyring.load(key_file)
        assert len(ring.keys) == 2
        drop_keys(key_file, [key.id for key in ring.keys[1:]])
    done.set()
    written = await tasks[0]
    await tasks[1]
    assert len(await stored.read_all(rotating)) == count + written


async def test_values_move_to_the_server_and_back(stored, key_file, bao):
    embedded = EmbeddedBackend(Keyring.load(key_file))
    await stored.fill(Vault(embedded))
    before = await stored.read_all(Vault(embedded))
    transit = bao.backend(f"moving-{stored.user_id}")
    there, back = Vault(transit, embedded), Vault(embedded, transit)
    await reseal_all(stored.db, there, Base.metadata)
    assert await count_keys(stored.db, Base.metadata) == {"v1t.vault:v1": len(before)}
    assert await stored.read_all(Vault(transit)) == before
    with pytest.raises(VaultError):
        await stored.read_all(Vault(embedded))
    await reseal_all(stored.db, back, Base.metadata)
    assert await stored.read_all(Vault(embedded)) == before
    await transit.close()


async def test_several_machines_open_with_a_prepared_key_before_one_seals_with_it(home, key_file):
    other_file = home / "other.key"
    new = prepare_key(key_file)
    assert prepare_key(key_file) == new, "asking twice makes no second key"
    other_file.write_bytes(key_file.read_bytes())
    other_file.chmod(0o600)
    here, there = open_vault(key_file), open_vault(other_file)
    old = Keyring.load(key_file).current.id
    assert await here.sealing.current_key() == await there.sealing.current_key() == f"v1.{old}"
    assert add_key(key_file) == new
    sealed = await here.encrypt("token", "u1")
    assert sealed.startswith(f"v1.{new}.")
    assert await there.decrypt(sealed, "u1") == "token"
    assert await here.decrypt(await there.encrypt("token", "u1"), "u1") == "token"


# The commands, as an operator meets them.


@pytest.fixture
def platform(home, key_file, database_url, redis_url, monkeypatch):
    from autodeploy.kernel.signing import generate_signing_key

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
    await stored.add_variable(Vault(EmbeddedBackend(Keyring.of(os.urandom(32)))), "LOST")
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
        with pytest.raises(Exception, match="no user|no connection"):
            await run(vault_keys.rotate_connection, capsys, user, "github")
    with pytest.raises(Exception, match="no connection to vercel"):
        await run(vault_keys.rotate_connection, capsys, str(stored.user_id), "vercel")


async def connection(db: Database) -> ProviderIntegration:
    async with db.transaction() as session:
        return (await session.scalars(select(ProviderIntegration))).one()


async def test_token_that_is_replaced_while_it_is_rotated_wins(
    stored, key_file, resources: Resources, monkeypatch
):
    from autodeploy.services.auth.provider_tokens import rotate

    vault = open_vault(key_file)
    await stored.fill(vault)
    seal = reseal_module._Pass._seal

    async def seal_while_another_writes(self, rows):
        sealed = await seal(self, rows)
        new = await vault.encrypt(
            "newer", str(stored.user_id), context="provider_integrations:github:token"
        )
        async with stored.db.transaction() as session:
            await session.execute(update(ProviderIntegration).values(encrypted_token=new))
        return sealed

    monkeypatch.setattr(reseal_module._Pass, "_seal", seal_while_another_writes)
    await rotate(replace(resources, db=stored.db, vault=vault), stored.user_id, "github")
    row = await connection(stored.db)
    assert (
        await vault.decrypt(
            row.encrypted_token,
            str(stored.user_id),
            context="provider_integrations:github:token",
        )
        == "newer"
    )
    assert isinstance(row.user_id, UUID)
