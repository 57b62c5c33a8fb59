"""Backups are green only when they came back, and bring a database back whoever dies on the way."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.services.deployer.databases.office import Office
from tests.services.deployer.provider import crash_once, fail_with

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import Conflict, InvalidInput, Unavailable
from autodeploy.services.deployer.databases import service
from autodeploy.services.deployer.databases.jobs import MOST_FAILURES
from autodeploy.services.deployer.databases.models import (
    DatabaseBackup,
    DatabaseRestore,
    ProjectDatabase,
)
from autodeploy.services.deployer.databases.schemas import BackupPolicyInput, DatabaseUpdate
from autodeploy.services.deployer.databases.upkeep import (
    beyond_retention,
    prune_backups,
    schedule_backups,
)

ROWS = list(range(500))


async def test_backup_is_verified_by_its_restore(office: Office) -> None:
    database = await office.made()
    office.write(database.id, things=ROWS, empty=[])
    asked = await office.backup(database.id)
    assert (asked.status, asked.kind, asked.rows) == ("pending", "manual", None)
    await office.work(database.id)
    made = await office.backup_view(database.id, asked.id)
    assert (made.status, made.tables, made.rows) == ("verified", 2, 500)
    assert made.stored_at is not None
    assert made.verified_at is not None
    assert office.provider.databases() == {str(database.id)}
    latest = (await office.view(database.id)).last_backup
    assert latest is not None
    assert latest.id == made.id


async def test_stored_backup_holds_nothing_that_can_be_read(office: Office) -> None:
    database = await office.made()
    office.write(database.id, things=[123456789])
    await office.backed_up(database.id)
    [row] = await office.rows(DatabaseBackup)
    stored = await office.resources.objects.get_bytes(row.object_key)
    assert b"123456789" not in stored
    assert b"things" not in stored
    assert len(stored) == row.size_bytes


@pytest.mark.parametrize(
    ("call", "moment"),
    [
        ("dump_database", "at"),
        ("dump_database", "after"),
        ("restore_copy", "at"),
        ("restore_copy", "after"),
    ],
)
async def test_worker_that_dies_during_a_backup_is_followed_by_another(
    office: Office, call: str, moment: str
) -> None:
    database = await office.made()
    office.write(database.id, things=ROWS)
    asked = await office.backup(database.id)
    getattr(office.provider, moment)[call] = crash_once()
    await office.work_killed(database.id)
    await office.work(database.id)
    assert (await office.backup_view(database.id, asked.id)).status == "verified"
    [row] = await office.rows(DatabaseBackup)
    stored = [path for path in (office.resources.home / "objects/databases").rglob("*")
              if path.is_file()]  # fmt: skip
    assert [path.name for path in stored] == [row.object_key.rpartition("/")[2]]


@pytest.mark.parametrize("damage", ["changed", "cut", "gone", "other"])
async def test_backup_whose_file_is_damaged_is_never_green(office: Office, damage: str) -> None:
    database = await office.made()
    office.write(database.id, things=ROWS)
    good = await office.backed_up(database.id)
    [good_row] = await office.rows(DatabaseBackup)
    asked = await office.backup(database.id)
    office.provider.at["restore_copy"] = crash_once()
    await office.work_killed(database.id)
    row = next(each for each in await office.rows(DatabaseBackup) if each.id == asked.id)
    stored = await office.resources.objects.get_bytes(row.object_key)
    if damage == "gone":
        await office.resources.objects.delete(row.object_key)
    else:
        spoilt = {
            "changed": stored[:40] + bytes([stored[40] ^ 1]) + stored[41:],
            "cut": stored[:-1],
            "other": await office.resources.objects.get_bytes(good_row.object_key),
        }[damage]
        await office.resources.objects.put_bytes(row.object_key, spoilt)
    await office.work(database.id)
    failed = await office.backup_view(database.id, asked.id)
    assert failed.status == "failed"
    assert failed.error is not None
    assert failed.error.code == "backup_unusable"
    latest = (await office.view(database.id)).last_backup
    assert latest is not None
    assert latest.id == good.id
    with pytest.raises(InvalidInput):
        await office.restore(database.id, asked.id, name="other")


async def test_backup_that_restores_to_something_else_is_never_green(office: Office) -> None:
    database = await office.made()
    office.write(database.id, things=ROWS)
    asked = await office.backup(database.id)
    office.provider.at["restore_copy"] = crash_once()
    await office.work_killed(database.id)
    tables = [{"name": "things", "rows": 499, "checksum": "0"}]
    await office.set(DatabaseBackup, asked.id, tables=tables)
    await office.work(database.id)
    failed = await office.backup_view(database.id, asked.id)
    assert failed.error is not None
    assert (failed.status, failed.error.code) == ("failed", "backup_unusable")
    assert "things" in failed.error.message


async def test_provider_that_stays_away_fails_the_backup_and_not_the_database(
    office: Office,
) -> None:
    database = await office.made()
    asked = await office.backup(database.id)
    office.provider.at["dump_database"] = fail_with(Unavailable("nobody answers"))
    for _ in range(MOST_FAILURES):
        assert (await office.backup_view(database.id, asked.id)).status == "pending"
        await office.work(database.id)
    assert (await office.backup_view(database.id, asked.id)).status == "failed"
    assert (await office.view(database.id)).status == "available"


async def test_many_backups_at_once_are_refused(office: Office) -> None:
    database = await office.made()
    for _ in range(5):
        await office.backup(database.id)
    with pytest.raises(Conflict, match="wait"):
        await office.backup(database.id)


@pytest.mark.parametrize(
    ("call", "moment"),
    [
        ("restore_copy", "at"),
        ("restore_copy", "after"),
        ("adopt_copy", "at"),
        ("adopt_copy", "after"),
    ],
)
async def test_restore_into_the_same_database_survives_its_workers(
    office: Office, call: str, moment: str
) -> None:
    database = await office.made()
    office.write(database.id, things=ROWS)
    backup = await office.backed_up(database.id)
    office.write(database.id, wrong=[1])
    with pytest.raises(InvalidInput) as refused:
        await office.restore(database.id, backup.id)
    assert refused.value.field == "confirm"
    await office.restore(database.id, backup.id, confirm=database.name)
    # The safety backup's own restore, which is its drill, comes after this one.
    getattr(office.provider, moment)[call] = crash_once()
    await office.work_killed(database.id)
    swapped = (call, moment) == ("adopt_copy", "after")
    if swapped:
        office.write(database.id, things=ROWS, newer=[1])  # the app goes on meanwhile
    await office.work(database.id)

    [restore] = await office.restores(database.id)
    assert (restore.status, restore.error) == ("succeeded", None)
    assert office.read(database.id) == (
        {"things": ROWS, "newer": [1]} if swapped else {"things": ROWS}
    )
    assert restore.safety_backup_id is not None
    safety = await office.backup_view(database.id, restore.safety_backup_id)
    assert (safety.kind, safety.status, safety.rows) == ("safety", "verified", 1)
    assert office.provider.databases() == {str(database.id)}


async def test_restore_makes_a_new_database_that_is_available_only_when_it_is_full(
    office: Office,
) -> None:
    database = await office.made()
    office.write(database.id, things=ROWS)
    backup = await office.backed_up(database.id)
    asked = await office.restore(database.id, backup.id, name="copy")
    assert asked.database_id != database.id
    office.provider.at["restore_copy"] = crash_once()
    await office.work_killed(asked.database_id)
    assert (await office.view(asked.database_id)).status == "provisioning"
    await office.work(asked.database_id)
    copy = await office.view(asked.database_id)
    assert (copy.name, copy.status) == ("copy", "available")
    assert office.read(copy.id) == {"things": ROWS}
    with pytest.raises(Conflict, match="already"):
        await office.restore(database.id, backup.id, name="copy")


async def test_restore_of_a_spoilt_backup_changes_nothing(office: Office) -> None:
    database = await office.made()
    office.write(database.id, things=ROWS)
    backup = await office.backed_up(database.id)
    tables = [{"name": "things", "rows": 1, "checksum": "0"}]
    await office.set(DatabaseBackup, backup.id, tables=tables)
    office.write(database.id, present=[1])
    await office.restore(database.id, backup.id, confirm=database.name)
    await office.work(database.id)
    [restore] = await office.restores(database.id)
    assert restore.error is not None
    assert (restore.status, restore.error.code) == ("failed", "backup_unusable")
    assert office.read(database.id) == {"present": [1]}
    assert office.provider.databases() == {str(database.id)}
    assert (await office.view(database.id)).status == "available"


async def test_restore_without_a_safety_backup_changes_nothing(office: Office) -> None:
    database = await office.made()
    backup = await office.backed_up(database.id)
    office.write(database.id, present=[1])
    office.provider.at["dump_database"] = fail_with(InvalidInput("cannot be read"))
    await office.restore(database.id, backup.id, confirm=database.name)
    await office.work(database.id)
    [restore] = await office.restores(database.id)
    assert restore.status == "failed"
    assert office.read(database.id) == {"present": [1]}


async def test_backup_of_another_project_is_not_found(office: Office) -> None:
    database = await office.made()
    backup = await office.backed_up(database.id)
    other_project = await office.platform.project(name="other")
    other = await office.made(project_id=other_project.id)
    with pytest.raises(InvalidInput, match="no such backup"):
        await office.restore(other.id, backup.id, confirm=other.name)


async def test_scheduled_backup_is_written_down_once_an_hour_that_came(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = await office.made()
    engine = office.platform.engine
    await schedule_backups(engine)
    assert await office.rows(DatabaseBackup) == []  # made after the last hour
    await office.set(ProjectDatabase, database.id, created_at=now() - timedelta(days=30))
    for _ in range(2):
        await schedule_backups(engine)
    [row] = await office.rows(DatabaseBackup)
    due = row.scheduled_for.astimezone(UTC)
    assert (row.kind, due.hour, due.minute) == ("scheduled", 3, 0)
    assert timedelta(0) <= now() - due < timedelta(days=1)
    await office.work(database.id)
    assert (await office.backup_view(database.id, row.id)).status == "verified"

    await service.update_database(
        office.resources, office.principal, database.id,
        DatabaseUpdate(backups=BackupPolicyInput(schedule="weekly", hour=5)),
    )  # fmt: skip
    await schedule_backups(engine)
    weekly = (await office.rows(DatabaseBackup))[-1].scheduled_for.astimezone(UTC)
    assert (weekly.weekday(), weekly.hour) == (0, 5)
    await service.update_database(
        office.resources, office.principal, database.id,
        DatabaseUpdate(backups=BackupPolicyInput(schedule="off")),
    )  # fmt: skip
    monkeypatch.setattr(
        "autodeploy.services.deployer.databases.upkeep.now", lambda: now() + timedelta(days=14)
    )
    await schedule_backups(engine)
    assert len(await office.rows(DatabaseBackup)) == 2


def scheduled(days_ago: float) -> DatabaseBackup:
    return DatabaseBackup(
        kind="scheduled",
        scheduled_for=datetime(2026, 11, 26, 3, tzinfo=UTC) - timedelta(days=days_ago),
    )


def test_retention_keeps_the_newest_of_seven_days_and_four_weeks() -> None:
    newest_first = [scheduled(days) for days in range(60)]
    beyond = beyond_retention(newest_first, 7, 4)
    kept = [days for days, each in enumerate(newest_first) if each not in beyond]
    assert kept == [0, 1, 2, 3, 4, 5, 6, 11, 18]  # the last days, and two Sundays before them


def test_retention_never_lets_the_only_backups_go() -> None:
    old = [scheduled(300), scheduled(301.5)]
    assert beyond_retention(old, 7, 4) == []


async def test_what_retention_does_not_keep_goes_with_its_file(office: Office) -> None:
    database = await office.made()
    engine = office.platform.engine
    for days in range(4):
        backup = await office.backed_up(database.id)
        when = now() - timedelta(days=days)
        await office.set(
            DatabaseBackup, backup.id, kind="scheduled", scheduled_for=when, expires_at=None
        )
    expired = await office.backed_up(database.id)
    await office.set(DatabaseBackup, expired.id, expires_at=now() - timedelta(seconds=1))
    wanted = await office.backed_up(database.id)
    await office.restore(database.id, wanted.id, confirm=database.name)
    await office.set(DatabaseBackup, wanted.id, expires_at=now() - timedelta(seconds=1))
    await office.set(ProjectDatabase, database.id, keep_daily=2, keep_weekly=0)
    before = {row.id: row for row in await office.rows(DatabaseBackup)}
    await prune_backups(engine)
    after = {row.id for row in await office.rows(DatabaseBackup)}
    gone = [row for row in before.values() if row.id not in after]
    assert expired.id in {row.id for row in gone}
    assert wanted.id in after  # a restore waits for it
    assert len(gone) == 3
    for row in before.values():
        if row.object_key:
            exists = await office.resources.objects.exists(row.object_key)
            assert exists is (row.id in after)
    assert await office.rows(DatabaseRestore)
