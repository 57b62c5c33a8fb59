"""What a provider tells of all that it holds, whoever it was made for."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable
from uuid import UUID

from autodeploy.providers.base import Provider


class ResourceKind(StrEnum):
    """What a provider may hold. An app is what belongs to all releases of an environment: its
    routes, its caches."""

    RELEASE = "release"
    APP = "app"
    DATABASE = "database"
    BUILD = "build"


@dataclass(frozen=True, kw_only=True)
class FoundResource:
    """Something that is there at a provider, whether or not we know of it.

    ``made_for`` is the id of the deployment or database that it was asked for with, ``app_number``
    that of its app; None where the provider cannot tell. ``made_at`` may be later than it was
    made, never earlier.
    """

    kind: ResourceKind
    external_id: str
    made_at: datetime
    made_for: UUID | None = None
    app_number: int | None = None
    size_bytes: int | None = None


@runtime_checkable
class ListedResources(Provider, Protocol):
    """Tells what it holds of ours, and removes what nobody accounts for."""

    def list_resources(self) -> AsyncIterator[FoundResource]:
        """Everything of ours, in no order. Raises rather than leave out what it cannot see."""
        ...

    async def remove_resource(self, kind: ResourceKind, external_id: str) -> None:
        """Remove one of them; it may take a moment until it is gone. Idempotent."""
        ...
