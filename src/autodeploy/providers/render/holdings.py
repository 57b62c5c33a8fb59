"""What Render holds of ours for an account.

A database of ours has our id in its name. A service, of an app or of what runs beside one, has a
part of one, and is ours when one of its variables tells which deployment it runs.
"""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID

from autodeploy.kernel.errors import InvalidInput
from autodeploy.kernel.faults import fault_point
from autodeploy.providers.render.api import RenderApi
from autodeploy.providers.render.catalogue import MANIFEST
from autodeploy.providers.render.database_kinds import KINDS, kind_of
from autodeploy.providers.render.naming import DEPLOYMENT, may_be_ours
from autodeploy.providers.render.services import owner_of
from autodeploy.providers.resources import FoundResource, ResourceKind

_DATABASE = re.compile(r"[a-z0-9-]+-([0-9a-f]{32})")


class RenderHoldings:
    """Raises what the calls of ``RenderApi`` raise."""

    manifest = MANIFEST

    def __init__(self, api: RenderApi, owner_id: str | None):
        self._api = api
        self._owner_id = owner_id

    async def list_resources(self) -> AsyncIterator[FoundResource]:
        owner_id = await owner_of(self._api, self._owner_id)
        for service in await self._api.list_services(owner_id):
            if not may_be_ours(service.name):
                continue
            made_for = _uuid((await self._api.variables(service.id)).get(DEPLOYMENT, ""))
            if made_for is not None:
                yield _found(ResourceKind.APP, service.id, service.created_at, made_for)
        for kind in KINDS.values():
            for database in await self._api.list_databases(kind, owner_id):
                named = _DATABASE.fullmatch(database.name)
                if named is not None:
                    made_for = UUID(named[1])
                    yield _found(ResourceKind.DATABASE, database.id, database.created_at, made_for)

    @fault_point("render.remove_resource")
    async def remove_resource(self, kind: ResourceKind, external_id: str) -> None:
        match kind:
            case ResourceKind.APP:
                await self._api.delete_service(external_id)
            case ResourceKind.DATABASE:
                await self._api.delete_database(kind_of(external_id), external_id)
            case _:
                raise InvalidInput(f"This is no {kind.value} of this provider.", field="externalId")


def _found(
    kind: ResourceKind, external_id: str, made_at: datetime | None, made_for: UUID
) -> FoundResource:
    """What tells no time counts as made now: it is looked at again."""
    moment = made_at or datetime.now(UTC)
    return FoundResource(kind=kind, external_id=external_id, made_at=moment, made_for=made_for)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
