"""What webhooks and notification channels have in common: who may, whose, which projects."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import Conflict, InvalidInput, NotFound
from autodeploy.kernel.pagination import keyset, split_page
from autodeploy.kernel.resources import Resources
from autodeploy.services.auth import audit
from autodeploy.services.auth.permissions import Action, require
from autodeploy.services.auth.principal import Principal
from autodeploy.services.deployer.models import Project
from autodeploy.services.monitor.notifications.models import (
    Delivery,
    DeliveryStatus,
    Endpoint,
    EndpointKind,
    OffReason,
)
from autodeploy.services.monitor.notifications.schemas import ChannelUpdate, WebhookUpdate

MOST_ENDPOINTS = 20

WEBHOOKS = frozenset({EndpointKind.WEBHOOK})
CHANNELS = frozenset(EndpointKind) - WEBHOOKS

SWITCHED_OFF = "The endpoint was switched off."


def require_manager(principal: Principal, organization_id: UUID) -> None:
    """Return when the caller decides whom the organization tells what. Raises ``NotFound``,
    ``Forbidden``."""
    require(principal, Action.NOTIFICATION_MANAGE, organization_id)


async def get_endpoint(
    session: AsyncSession,
    organization_id: UUID,
    endpoint_id: UUID,
    kinds: Collection[EndpointKind],
    *,
    lock: bool = False,
) -> Endpoint:
    """An endpoint of the organization. Raises ``NotFound``."""
    statement = select(Endpoint).where(
        Endpoint.id == endpoint_id,
        Endpoint.organization_id == organization_id,
        Endpoint.kind.in_(kinds),
    )
    row = await session.scalar(statement.with_for_update() if lock else statement)
    if row is None:
        raise NotFound("No such webhook." if kinds == WEBHOOKS else "No such channel.")
    return row


async def list_endpoints(
    resources: Resources,
    principal: Principal,
    organization_id: UUID,
    kinds: Collection[EndpointKind],
    *,
    limit: int,
    cursor: str | None,
) -> tuple[Sequence[Endpoint], str | None]:
    """The endpoints of these kinds, newest first, and the cursor of the next page."""
    require_manager(principal, organization_id)
    statement = select(Endpoint).where(
        Endpoint.organization_id == organization_id, Endpoint.kind.in_(kinds)
    )
    async with resources.db.transaction() as session:
        rows = await session.scalars(
            keyset(statement, Endpoint.created_at, Endpoint.id, limit=limit, cursor=cursor)
        )
        return split_page(rows.all(), limit)


async def add_endpoint(session: AsyncSession, principal: Principal, row: Endpoint) -> None:
    """Write a new endpoint. Raises ``Conflict`` where the organization has as many as it may, and
    ``InvalidInput`` for a project of others."""
    await _require_projects(session, row.organization_id, row.project_ids)
    there = await session.scalar(
        select(func.count()).where(Endpoint.organization_id == row.organization_id)
    )
    if (there or 0) >= MOST_ENDPOINTS:
        raise Conflict(
            f"The organization has {MOST_ENDPOINTS} webhooks and channels, which is the most.",
            remedy="Remove one that is not needed any more.",
        )
    session.add(row)
    await session.flush()
    await session.refresh(row)
    await audit.record(
        session, principal, Action.NOTIFICATION_MANAGE, row, after=audit.snapshot(row)
    )


async def change_endpoint(
    session: AsyncSession,
    principal: Principal,
    row: Endpoint,
    body: WebhookUpdate | ChannelUpdate,
    address: Mapping[str, str | None],
) -> None:
    """Change what ``body`` says of it, and with ``address`` the columns that say where it is.

    Raises ``InvalidInput`` for a project of others.
    """
    before = audit.snapshot(row)
    for column, value in address.items():
        setattr(row, column, value)
    given = body.model_fields_set
    if body.name is not None:
        row.name = body.name
    if "events" in given:
        row.events = None if body.events is None else list(body.events)
    if "projects" in given and body.projects != row.project_ids:
        await _require_projects(session, row.organization_id, body.projects)
        row.project_ids = body.projects
    if body.active is False and row.off_reason is None:
        await switch_off(session, row, OffReason.BY_USER)
    if body.active and row.off_reason is not None:
        row.off_reason = row.failing_since = row.owners_told_at = None
    after = audit.snapshot(row)
    if after != before:
        row.updated_at = now()
    await session.flush()
    await audit.record(
        session, principal, Action.NOTIFICATION_MANAGE, row, before=before, after=after
    )


async def remove_endpoint(session: AsyncSession, principal: Principal, row: Endpoint) -> None:
    """Remove an endpoint with its deliveries."""
    await audit.record(
        session, principal, Action.NOTIFICATION_MANAGE, row, before=audit.snapshot(row)
    )
    await session.delete(row)


async def switch_off(session: AsyncSession, row: Endpoint, reason: OffReason) -> None:
    """Send nothing there any more, also not what waits for it."""
    row.off_reason = reason
    await session.flush()
    await session.execute(
        update(Delivery)
        .where(Delivery.endpoint_id == row.id, Delivery.status == DeliveryStatus.PENDING)
        .values(status=DeliveryStatus.FAILED, error=SWITCHED_OFF)
    )


def require_on(row: Endpoint) -> None:
    """Raises ``Conflict`` for an endpoint that is switched off."""
    if row.off_reason is not None:
        raise Conflict(
            f"{row.name} is switched off.", remedy="Switch it on first: send `active: true`."
        )


async def _require_projects(
    session: AsyncSession, organization_id: UUID, project_ids: Collection[UUID] | None
) -> None:
    if project_ids is None:
        return
    existing = await session.scalars(
        select(Project.id).where(
            Project.organization_id == organization_id,
            Project.id.in_(project_ids),
            Project.deletion_requested_at.is_(None),
        )
    )
    if missing := set(project_ids) - set(existing):
        raise InvalidInput(
            f"The organization has no project {min(missing)}.",
            field="projects",
            remedy="Name projects of this organization.",
        )


def view_values(row: Endpoint) -> dict[str, Any]:
    """What an ``EndpointView`` says of a row."""
    return {
        "id": row.id,
        "name": row.name,
        "events": row.events,
        "projects": row.project_ids,
        "active": row.off_reason is None,
        "off_reason": row.off_reason,
        "failing_since": row.failing_since,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }
