"""What happens in organizations that receivers of theirs can be told (``docs/notifications.md``).

An event is a row in the transaction of what happened. The service that sends them stands above all
that have something to tell, so they leave it here.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.services.auth.models import OrganizationEvent


class EventType(StrEnum):
    """What can happen; ``ping`` is asked for, to try a receiver out."""

    DEPLOYMENT_QUEUED = "deployment.queued"
    DEPLOYMENT_BUILDING = "deployment.building"
    DEPLOYMENT_DEPLOYING = "deployment.deploying"
    DEPLOYMENT_READY = "deployment.ready"
    DEPLOYMENT_FAILED = "deployment.failed"
    DEPLOYMENT_CANCELLED = "deployment.cancelled"
    DEPLOYMENT_ROLLED_BACK = "deployment.rolled_back"
    DATABASE_READY = "database.ready"
    DATABASE_FAILED = "database.failed"
    BACKUP_FAILED = "backup.failed"
    CONNECTION_FAILED = "connection.failed"
    PING = "ping"


def add_event(
    session: AsyncSession,
    organization_id: UUID,
    type: EventType,  # noqa: A002 - the word of the standard and of our API
    data: Mapping[str, Any],
    *,
    project_id: UUID | None = None,
) -> OrganizationEvent:
    """Write that something happened; ``data`` is JSON and holds no secret."""
    event = OrganizationEvent(
        id=uuid4(),
        organization_id=organization_id,
        project_id=project_id,
        type=type,
        data=dict(data),
        # Not that of the transaction's begin: events of one deployment come in order.
        created_at=func.clock_timestamp(),
    )
    session.add(event)
    return event
