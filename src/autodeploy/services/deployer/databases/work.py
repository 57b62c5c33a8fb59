"""What is to be done with a database, one thing after the other, by one worker at a time.

The rows are the intent: the database's own, its backups and its restores. A worker holds the
database's lock, which goes with it when it dies; the next one takes up what the rows still say.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import case, update
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.db import Database
from autodeploy.kernel.locks import held_alone
from autodeploy.services.deployer.databases.models import ProjectDatabase
from autodeploy.services.deployer.engine import Engine
from autodeploy.services.deployer.transitions import LeaseLost

_LOCKS = 0x4442  # the first half of each database's lock


@dataclass(frozen=True)
class Work:
    """The right to work on a database. Each writing of its outcome names ``fence``, so that a
    worker whose lock was lost on the way writes nothing over what its successor did."""

    engine: Engine
    database: ProjectDatabase
    fence: int

    async def hold(self, session: AsyncSession) -> None:
        """Lock the database for this transaction. Raises ``LeaseLost``."""
        await self.set(session)

    async def set(self, session: AsyncSession, **values: Any) -> None:
        """Change the database's row. Raises ``LeaseLost`` when another worker has it."""
        held = await session.scalar(
            update(ProjectDatabase)
            .where(ProjectDatabase.id == self.database.id, ProjectDatabase.fence == self.fence)
            .values(fence=ProjectDatabase.fence, **values)
            .returning(ProjectDatabase.id)
        )
        if held is None:
            raise LeaseLost

    async def settle(self, session: AsyncSession, status: str, **values: Any) -> None:
        """Say how the database is now; one whose deletion was asked for meanwhile goes all the
        same. Raises ``LeaseLost``."""
        unless = case((ProjectDatabase.status == "deleting", "deleting"), else_=status)
        await self.set(session, status=unless, **values)


@asynccontextmanager
async def working_on(db: Database, database_id: UUID) -> AsyncIterator[bool]:
    """Whether this process alone works on the database from here on."""
    number = int.from_bytes(database_id.bytes[:4], signed=True)
    async with held_alone(db, _LOCKS, number) as mine:
        yield mine


async def begin(engine: Engine, database_id: UUID) -> Work | None:
    """Take over the database, whose lock is held; None when it is gone.

    Counts a failure, which ``end`` takes back: so a thing that kills its worker is counted, too.
    """
    async with engine.resources.db.transaction() as session:
        database = await session.scalar(
            update(ProjectDatabase)
            .where(ProjectDatabase.id == database_id)
            .values(fence=ProjectDatabase.fence + 1, failures=ProjectDatabase.failures + 1)
            .returning(ProjectDatabase)
        )
        return Work(engine, database, database.fence) if database else None


async def end(work: Work) -> None:
    """A thing was done, or given up: the next one begins with all its tries."""
    async with work.engine.resources.db.transaction() as session:
        await session.execute(
            update(ProjectDatabase)
            .where(ProjectDatabase.id == work.database.id, ProjectDatabase.fence == work.fence)
            .values(failures=0)
        )
