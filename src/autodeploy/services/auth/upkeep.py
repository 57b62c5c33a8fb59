"""What is kept for a time only, and removed when that is over."""

from datetime import timedelta

from sqlalchemy import delete

from autodeploy.kernel.clock import now
from autodeploy.kernel.resources import Resources
from autodeploy.services.auth.models import IdempotencyKey

#: How long the answer to a request with an ``Idempotency-Key`` is kept.
ANSWERS_KEPT_FOR = timedelta(hours=24)


async def remove_expired(resources: Resources) -> None:
    """Remove the answers of idempotent requests that nobody can ask for any more."""
    async with resources.db.transaction() as session:
        await session.execute(
            delete(IdempotencyKey).where(IdempotencyKey.created_at < now() - ANSWERS_KEPT_FOR)
        )
