"""The stored lines of a deployment, archived or in PostgreSQL, as one sequence."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.resources import Resources
from autodeploy.services.deployer.log_archive import read_archive
from autodeploy.services.deployer.log_filter import EVERY_LINE, LogFilter
from autodeploy.services.deployer.log_lines import line_message
from autodeploy.services.deployer.log_models import DeploymentLog, DeploymentLogArchive

_ARCHIVES = 100

_Message = dict[str, Any]


async def read_lines(
    resources: Resources,
    deployment_id: UUID,
    *,
    after: int,
    limit: int,
    wanted: LogFilter = EVERY_LINE,
    newest: bool = False,
) -> list[_Message]:
    """Stored lines with a number above ``after``, in order, in the shape of ``deployment.log``:
    the first ``limit`` of those that are wanted, or with ``newest`` the last. No more than one
    archived object is held at a time.

    Raises ``Unavailable`` where lines are archived and the object store does not answer.
    """
    log = _Log(resources, deployment_id, wanted)
    return await (log.newest if newest else log.first)(after, limit)


class _Log:
    def __init__(self, resources: Resources, deployment_id: UUID, wanted: LogFilter):
        self._resources = resources
        self._deployment_id = deployment_id
        self._wanted = wanted

    async def first(self, after: int, limit: int) -> list[_Message]:
        lines: list[_Message] = []
        while True:
            # In this order: lines that are moved meanwhile are seen twice, never not at all.
            async with self._resources.db.transaction() as session:
                rows = await self._rows(session, after, limit - len(lines))
                archives = await self._archives(session, after)
            if not archives:
                return lines + rows
            for archive in archives:
                lines += await self._read(archive, after, limit - len(lines))
                if len(lines) == limit:
                    return lines
                after = archive.last

    async def newest(self, after: int, limit: int) -> list[_Message]:
        async with self._resources.db.transaction() as session:
            lines = await self._rows(session, after, limit, newest=True)
            archives = await self._archives(session, after, newest=True)
        if archives:
            lines = [line for line in lines if line["sequence"] > archives[0].last]
        while archives:
            for archive in archives:
                if len(lines) == limit:
                    return lines
                lines = await self._read(archive, after, limit - len(lines), newest=True) + lines
            async with self._resources.db.transaction() as session:
                archives = await self._archives(session, after, archives[-1].first, newest=True)
        return lines

    async def _read(
        self, archive: DeploymentLogArchive, after: int, limit: int, *, newest: bool = False
    ) -> list[_Message]:
        return await read_archive(
            self._resources, archive, after=after, limit=limit, wanted=self._wanted, newest=newest
        )

    async def _rows(
        self, session: AsyncSession, after: int, limit: int, *, newest: bool = False
    ) -> list[_Message]:
        query = select(DeploymentLog).where(
            DeploymentLog.deployment_id == self._deployment_id,
            DeploymentLog.sequence > after,
            *self._wanted.conditions(),
        )
        order = DeploymentLog.sequence.desc() if newest else DeploymentLog.sequence
        rows = await session.scalars(query.order_by(order).limit(limit))
        lines = [line_message(self._deployment_id, vars(row)) for row in rows]
        return lines[::-1] if newest else lines

    async def _archives(
        self, session: AsyncSession, after: int, before: int | None = None, *, newest: bool = False
    ) -> Sequence[DeploymentLogArchive]:
        """The next that may hold wanted lines; with ``newest`` the last, from the last on."""
        query = select(DeploymentLogArchive).where(
            DeploymentLogArchive.deployment_id == self._deployment_id,
            DeploymentLogArchive.last > after,
            *self._wanted.archive_conditions(),
        )
        if before is not None:
            query = query.where(DeploymentLogArchive.last < before)
        order = DeploymentLogArchive.last.desc() if newest else DeploymentLogArchive.last
        return (await session.scalars(query.order_by(order).limit(_ARCHIVES))).all()
