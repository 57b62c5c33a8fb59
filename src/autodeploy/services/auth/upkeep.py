"""What is kept for a time only, and removed when that is over."""

from datetime import datetime, timedelta

from sqlalchemy import CursorResult, delete, func, select

from autodeploy.kernel.clock import now
from autodeploy.kernel.db import Database
from autodeploy.kernel.resources import Resources
from autodeploy.services.auth.models import AuditEntry, IdempotencyKey

#: How long the answer to a request with an ``Idempotency-Key`` is kept.
ANSWERS_KEPT_FOR = timedelta(hours=24)


async def remove_expired(resources: Resources) -> None:
    """Remove the answers of idempotent requests that nobody can ask for any more."""
    async with resources.db.transaction() as session:
        await session.execute(
            delete(IdempotencyKey).where(IdempotencyKey.created_at < now() - ANSWERS_KEPT_FOR)
        )


async def count_audit_entries(db: Database, before: datetime) -> int:
    """How many entries of the audit log are older than that."""
    async with db.transaction() as session:
        statement = select(func.count()).where(AuditEntry.created_at < before)
        return await session.scalar(statement) or 0


async def delete_audit_entries(db: Database, before: datetime) -> int:
    """Delete the entries of the audit log that are older than that, all or none of them.

    Args:
        db: the database as its owner; of every other role PostgreSQL refuses it.

    Returns how many they were.
    """
    async with db.transaction() as session:
        done = await session.execute(delete(AuditEntry).where(AuditEntry.created_at < before))
        assert isinstance(done, CursorResult)
        return done.rowcount
