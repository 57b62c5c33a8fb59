"""Backups: a dump, encrypted under a key of its own, in the object store; and the drill that brings
it back into a scratch database. Only one whose tables then hold what they held is verified."""

import asyncio
import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import AutoDeployError, Conflict, Unavailable
from autodeploy.kernel.objects import ObjectNotFound
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.vault.columns import Place, place_of
from autodeploy.kernel.vault.errors import VaultError
from autodeploy.kernel.vault.streams import decrypt_stream, encrypt_stream, new_stream_key
from autodeploy.providers.databases import TableContents
from autodeploy.services.auth.organization_events import EventType
from autodeploy.services.deployer.databases.models import DatabaseBackup
from autodeploy.services.deployer.databases.work import Work
from autodeploy.services.deployer.notable_events import tell_of_backup
from autodeploy.services.deployer.transitions import LeaseLost

# How long a backup is kept that no schedule asked for.
KEPT = timedelta(days=30)
_LONGEST_SECONDS = 2 * 60 * 60


class BackupUnusable(Conflict):
    """A backup cannot be restored, or its tables do not hold then what they held."""

    code = "backup_unusable"
    usual_remedy = "Make another backup; this one is not to be relied on."


async def make(work: Work, backup: DatabaseBackup) -> None:
    """Store a dump of the database as it is now."""
    resources, database = work.engine.resources, work.database
    provider = work.engine.providers.database_backups(database.provider)
    if backup.object_key is not None:  # of a try that did not get to its end
        await resources.objects.delete(backup.object_key)
    object_key = f"databases/{database.id}/{backup.id}-{work.fence}"
    await _set(work, backup, object_key=object_key)
    key = new_stream_key()
    size = 0

    async def counted(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        nonlocal size
        async for chunk in chunks:
            size += len(chunk)
            yield chunk

    async with _in_time(), provider.dump_database(database.external_id or "") as dump:
        await resources.objects.put_stream(object_key, counted(encrypt_stream(key, dump.chunks)))
    place = _place(backup)
    encrypted = await resources.vault.encrypt_for(
        place.subject, base64.b64encode(key).decode(), context=place.context
    )
    try:
        await _set(
            work,
            backup,
            status="stored",
            encrypted_key=encrypted,
            size_bytes=size,
            tables=[asdict(table) for table in dump.tables],
            stored_at=now(),
        )
    except LeaseLost:
        await resources.objects.delete(object_key)
        raise


async def drill(work: Work, backup: DatabaseBackup) -> None:
    """Bring a stored backup back into a scratch database, and compare what its tables hold."""
    database = work.database
    provider = work.engine.providers.database_backups(database.provider)
    async with restoring():
        found = await provider.restore_copy(
            database.external_id or "", await open_backup(work.engine.resources, backup)
        )
    require_same(backup, found)
    await _set(work, backup, status="verified", verified_at=now())


async def fail(session: AsyncSession, backup: DatabaseBackup, error: AutoDeployError) -> None:
    """Say on the row why there is no backup that can be relied on."""
    await session.execute(
        update(DatabaseBackup)
        .where(DatabaseBackup.id == backup.id)
        .values(status="failed", error_code=error.code, error_message=error.message)
    )
    await tell_of_backup(session, backup.id, EventType.BACKUP_FAILED)


async def open_backup(resources: Resources, backup: DatabaseBackup) -> AsyncIterator[bytes]:
    """The dump as it was. Raises ``VaultError`` where its key does not open; reading on raises it
    where the file was changed, and ``ObjectNotFound`` where it is gone."""
    place = _place(backup)
    key = await resources.vault.decrypt_for(
        place.subject, backup.encrypted_key or "", context=place.context
    )
    chunks = resources.objects.stream(backup.object_key or "")
    return decrypt_stream(base64.b64decode(key), chunks)


@asynccontextmanager
async def restoring() -> AsyncIterator[None]:
    """Around the restore of a backup: what is wrong with the backup itself is not tried again.

    Raises ``BackupUnusable``.
    """
    try:
        async with _in_time():
            yield
    except (Conflict, VaultError, ObjectNotFound) as error:
        raise BackupUnusable(error.message) from error


def require_same(backup: DatabaseBackup, found: Sequence[TableContents]) -> None:
    """Raise ``BackupUnusable`` unless the restored tables hold what they held."""
    expected = {table["name"]: table for table in backup.tables or []}
    restored = {table.name: asdict(table) for table in found}
    differing = sorted(
        name
        for name in expected.keys() | restored.keys()
        if expected.get(name) != restored.get(name)
    )
    if differing:
        raise BackupUnusable(
            f"{len(differing)} tables differ after the restore, such as {differing[0]}."
        )


async def _set(work: Work, backup: DatabaseBackup, **values: Any) -> None:
    async with work.engine.resources.db.transaction() as session:
        await work.hold(session)
        await session.execute(
            update(DatabaseBackup).where(DatabaseBackup.id == backup.id).values(**values)
        )


def _place(backup: DatabaseBackup) -> Place:
    return place_of(
        DatabaseBackup.encrypted_key, organization_id=backup.organization_id, id=backup.id
    )


@asynccontextmanager
async def _in_time() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(_LONGEST_SECONDS):
            yield
    except TimeoutError:
        raise Unavailable(f"The database server took longer than {_LONGEST_SECONDS} s.") from None
