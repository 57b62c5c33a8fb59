"""Databases of a small installation: asked for by a caller, worked on by a worker that may die."""

import contextlib
import json
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from tests.services.deployer.platform import Platform
from tests.services.deployer.provider import Crash

from autodeploy.services.deployer.databases import (
    backup_requests,
    pauses,
    restore_requests,
    service,
)
from autodeploy.services.deployer.databases.jobs import handle_provisioning
from autodeploy.services.deployer.databases.models import (
    DatabaseBackup,
    DatabaseRestore,
    ProjectDatabase,
)
from autodeploy.services.deployer.databases.schemas import (
    BackupView,
    DatabaseInput,
    DatabaseView,
    RestoreInput,
    RestoreView,
    RotationInput,
)

#: The configuration of a deployment that is to have a database.
WITH_DATABASE = {"database": {"plan": "free"}}


class Office:
    """What a caller asks for, and the worker of the queue."""

    def __init__(self, platform: Platform):
        self.platform = platform
        self.provider = platform.provider
        self.resources = platform.resources
        self.principal = platform.principal
        self.providers = platform.engine.providers

    async def work(self, database_id: UUID) -> None:
        """What a job of the queue does."""
        await handle_provisioning(self.platform.engine, {"databaseId": str(database_id)})

    async def work_killed(self, database_id: UUID) -> None:
        """A worker that dies on the way."""
        with contextlib.suppress(Crash):
            await self.work(database_id)
            raise AssertionError("the worker lived")

    async def asked(self, **body: Any) -> DatabaseView:
        """A database that nobody has worked on yet."""
        if "project_id" not in body:
            body["project_id"] = (await self.platform.project()).id
        return await service.create_database(
            self.resources, self.principal, DatabaseInput(**body), providers=self.providers
        )

    async def made(self, **body: Any) -> DatabaseView:
        """A database that is available."""
        view = await self.asked(**body)
        await self.work(view.id)
        return await self.view(view.id)

    async def view(self, database_id: UUID) -> DatabaseView:
        return await service.get_database(self.resources, self.principal, database_id)

    async def url(self, database_id: UUID) -> str:
        return (await service.read_credentials(self.resources, self.principal, database_id)).url

    def write(self, database_id: UUID, **tables: list[int]) -> None:
        """What an app writes into its database."""
        self.provider.database(str(database_id)).write_text(json.dumps(tables))

    def read(self, database_id: UUID) -> Any:
        return json.loads(self.provider.database(str(database_id)).read_text())

    async def backup(self, database_id: UUID) -> BackupView:
        """Ask for a backup."""
        return await backup_requests.create_backup(
            self.resources, self.principal, database_id, providers=self.providers
        )

    async def backed_up(self, database_id: UUID) -> BackupView:
        """A backup that was worked on."""
        view = await self.backup(database_id)
        await self.work(database_id)
        return await self.backup_view(database_id, view.id)

    async def backup_view(self, database_id: UUID, backup_id: UUID) -> BackupView:
        return await backup_requests.get_backup(
            self.resources, self.principal, database_id, backup_id
        )

    async def restore(self, database_id: UUID, backup_id: UUID, **body: Any) -> RestoreView:
        return await restore_requests.create_restore(
            self.resources, self.principal, database_id,
            RestoreInput(backup_id=backup_id, **body), providers=self.providers,
        )  # fmt: skip

    async def restores(self, database_id: UUID) -> list[RestoreView]:
        page = await restore_requests.list_restores(
            self.resources, self.principal, database_id, limit=50, cursor=None
        )
        return page.items

    async def rotate(self, database_id: UUID, *, revoke: bool = False) -> DatabaseView:
        return await service.rotate_credentials(
            self.resources, self.principal, database_id, RotationInput(revoke=revoke),
            providers=self.providers,
        )  # fmt: skip

    async def pause(self, database_id: UUID, *, force: bool = False) -> DatabaseView:
        return await pauses.pause_database(
            self.resources, self.principal, database_id, force=force, providers=self.providers
        )

    async def resume(self, database_id: UUID) -> DatabaseView:
        return await pauses.resume_database(
            self.resources, self.principal, database_id, providers=self.providers
        )

    async def delete(self, database: DatabaseView, **options: Any) -> DatabaseView:
        given = {"confirm": database.name, "force": False, "backup": True, **options}
        return await service.delete_database(
            self.resources, self.principal, database.id, providers=self.providers, **given
        )

    async def exists(self, database_id: UUID) -> bool:
        async with self.resources.db.transaction() as session:
            return await session.get(ProjectDatabase, database_id) is not None

    async def rows(self, model: type[DatabaseBackup] | type[DatabaseRestore]) -> list[Any]:
        async with self.resources.db.transaction() as session:
            return list(await session.scalars(select(model).order_by(model.created_at)))

    async def set(self, model: Any, row_id: UUID, **values: object) -> None:
        async with self.resources.db.transaction() as session:
            await session.execute(update(model).where(model.id == row_id).values(**values))
