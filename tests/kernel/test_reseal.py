"""Stored values move to another key while they are read and written; killed anywhere, all open."""

import asyncio
import os
from collections.abc import Mapping

import pytest
from sqlalchemy import select, text, update
from tests.stored_values import Store, open_vault

from autodeploy.kernel.db import Database
from autodeploy.kernel.vault import EmbeddedBackend, Keyring, Vault, VaultError
from autodeploy.kernel.vault import reseal as reseal_module
from autodeploy.kernel.vault.columns import place_of
from autodeploy.kernel.vault.keyring import add_key, drop_keys, prepare_key
from autodeploy.kernel.vault.reseal import count_keys, reseal_all
from autodeploy.migrations.models import METADATA
from autodeploy.services.deployer.databases.models import ProjectDatabase
from autodeploy.services.deployer.models import EnvironmentVariable


@pytest.fixture
def stored(owner_database: Database) -> Store:
    return Store(owner_database)


async def test_rotation_moves_every_value_and_each_still_opens(stored, key_file):
    vault = open_vault(key_file)
    await stored.fill(vault)
    before = await stored.read_all(vault)
    assert await vault.sealing.begin_rotation(clean=True)
    seen: list[tuple[int, int]] = []
    result = await reseal_all(
        stored.db, vault, METADATA, progress=lambda done, total: seen.append((done, total))
    )
    assert (result.done, result.left, result.failures) == (len(before), 0, [])
    assert seen[0] == (0, len(before))
    assert seen[-1] == (len(before), len(before))
    current = await vault.sealing.current_key()
    assert await count_keys(stored.db, METADATA) == {current: len(before)}
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
    await reseal_all(stored.db, vault, METADATA)
    after = await rows()
    assert [row[:2] for row in after] == [row[:2] for row in before]
    assert [row[2] for row in after] != [row[2] for row in before]


async def test_process_that_runs_learns_of_the_new_key_by_itself(stored, key_file):
    running, rotating = open_vault(key_file), open_vault(key_file)
    await stored.fill(running)
    await rotating.sealing.begin_rotation(clean=True)
    await reseal_all(stored.db, rotating, METADATA)
    sealed = await running.encrypt("token", "u1")
    assert sealed.startswith(f"{await rotating.sealing.current_key()}.")
    reading = await stored.read_all(running)
    assert len(reading) == (await count_keys(stored.db, METADATA)).total()


async def test_process_that_only_reads_learns_of_the_new_key_by_itself(stored, key_file):
    reading, rotating = open_vault(key_file), open_vault(key_file)
    await stored.fill(rotating)
    before = await stored.read_all(reading)
    await rotating.sealing.begin_rotation(clean=True)
    await reseal_all(stored.db, rotating, METADATA)
    assert await stored.read_all(reading) == before


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
    await reseal_all(stored.db, rotating, METADATA)
    async with stored.db.transaction() as session:
        await session.execute(
            update(EnvironmentVariable)
            .where(EnvironmentVariable.id == row.id)
            .values(encrypted_value=sealed)
        )
    assert "late" in await stored.read_all(rotating)
    assert not await rotating.sealing.begin_rotation(clean=False), "the same rotation goes on"
    assert (await reseal_all(stored.db, rotating, METADATA)).done == 1
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
    await reseal_all(stored.db, vault, METADATA)
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
        rotation = asyncio.create_task(reseal_all(stored.db, vault, METADATA))
        old = {one for one in await wait_for_counts(stored.db, old=1) if one}
        assert len(old) == 2
        assert not rotation.done()
    result = await rotation
    assert (result.left, result.failures) == (0, [])
    assert len(await count_keys(stored.db, METADATA)) == 1


async def wait_for_counts(db: Database, *, old: int) -> Mapping[str, int]:
    async with asyncio.timeout(20):
        while True:
            counts = await count_keys(db, METADATA)
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
        result = await reseal_all(stored.db, vault, METADATA)
    assert result.left == 3


async def test_value_that_does_not_open_is_named_and_stays(stored, key_file):
    vault = open_vault(key_file)
    await stored.fill(vault)
    stranger = Vault(EmbeddedBackend(Keyring.of(os.urandom(32))))
    await stored.add_variables(stranger, ["LOST"])
    async with stored.db.transaction() as session:
        lost = (
            await session.scalars(
                select(EnvironmentVariable).where(EnvironmentVariable.key == "LOST")
            )
        ).one()
    await vault.sealing.begin_rotation(clean=True)
    result = await reseal_all(stored.db, vault, METADATA)
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
            await reseal_all(stored.db, vault, METADATA)
    again = open_vault(key_file)  # another process
    new = await again.sealing.current_key()
    assert await stored.read_all(again) == before
    assert not await again.sealing.begin_rotation(clean=False)
    assert await again.sealing.current_key() == new
    await reseal_all(stored.db, again, METADATA)
    assert await stored.read_all(again) == before
    assert await count_keys(stored.db, METADATA) == {new: len(before)}
    assert old not in new


async def test_readers_and_writers_see_no_failure_during_a_rotation(stored, key_file):
    writing, reading, rotating = (open_vault(key_file) for _ in range(3))
    await stored.fill(rotating, variables=40)
    count = len(await stored.read_all(reading))
    done = asyncio.Event()

    async def write() -> int:
        number = 0
        while not done.is_set():
            await stored.add_variables(writing, [f"NEW_{number}"])
            number += 1
        return number

    async def read() -> None:
        while not done.is_set():
            await stored.read_all(reading)

    tasks = [asyncio.create_task(write()), asyncio.create_task(read())]
    await rotating.sealing.begin_rotation(clean=True)
    await reseal_all(stored.db, rotating, METADATA)
    done.set()
    written = await tasks[0]
    await tasks[1]
    await reseal_all(stored.db, rotating, METADATA)  # what was written a little later
    ring = Keyring.load(key_file)
    drop_keys(key_file, [key.id for key in ring.keys[1:]])
    assert len(await stored.read_all(rotating)) == count + written


async def test_values_move_to_the_server_and_back(stored, key_file, bao):
    embedded = EmbeddedBackend(Keyring.load(key_file))
    await stored.fill(Vault(embedded))
    before = await stored.read_all(Vault(embedded))
    transit = bao.backend(f"moving-{stored.user_id}")
    there, back = Vault(transit, embedded), Vault(embedded, transit)
    await reseal_all(stored.db, there, METADATA)
    assert await count_keys(stored.db, METADATA) == {"v1t.vault:v1": len(before)}
    assert await stored.read_all(Vault(transit)) == before
    with pytest.raises(VaultError):
        await stored.read_all(Vault(embedded))
    await reseal_all(stored.db, back, METADATA)
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
