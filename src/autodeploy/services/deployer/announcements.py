"""Transactions whose messages go to the bus after the commit, never before it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.resources import Resources

CANCEL_CHANNEL = "deployment.cancel"


def status_channel(deployment_id: UUID) -> str:
    """Where ``deployment.status`` and ``deployment.build`` of one deployment are published."""
    return f"deployment.{deployment_id}.status"


def log_channel(deployment_id: UUID) -> str:
    """Where the log lines of one deployment are published, in batches."""
    return f"deployment.{deployment_id}.logs"


@dataclass
class Announcing:
    """A transaction and the messages that wait for its commit."""

    session: AsyncSession
    messages: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def announce(self, channel: str, message: dict[str, Any]) -> None:
        self.messages.append((channel, message))


@asynccontextmanager
async def announcing(resources: Resources) -> AsyncIterator[Announcing]:
    """One transaction; what it announced is published when it is committed, else forgotten."""
    async with resources.db.transaction() as session:
        transaction = Announcing(session)
        yield transaction
    for channel, message in transaction.messages:
        await resources.events.publish(channel, message)
