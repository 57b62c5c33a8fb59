"""What was sent to an endpoint: read, tried out and sent again."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import NotFound
from autodeploy.kernel.pagination import keyset, split_page
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.schema import Page
from autodeploy.services.auth import audit
from autodeploy.services.auth.models import OrganizationEvent
from autodeploy.services.auth.organization_events import EventType, add_event
from autodeploy.services.auth.permissions import Action
from autodeploy.services.auth.principal import Principal
from autodeploy.services.monitor.notifications.endpoints import (
    get_endpoint,
    require_manager,
    require_on,
)
from autodeploy.services.monitor.notifications.models import (
    Delivery,
    DeliveryStatus,
    EndpointKind,
)
from autodeploy.services.monitor.notifications.schemas import DeliveryView


async def ping(
    resources: Resources,
    principal: Principal,
    organization_id: UUID,
    endpoint_id: UUID,
    kinds: Collection[EndpointKind],
) -> DeliveryView:
    """Send an event to the endpoint alone, to try it out; its delivery says how that went.

    Raises ``Conflict`` where it is switched off, ``NotFound``, ``Forbidden``.
    """
    require_manager(principal, organization_id)
    async with resources.db.transaction() as session:
        endpoint = await get_endpoint(session, organization_id, endpoint_id, kinds)
        require_on(endpoint)
        event = add_event(
            session,
            organization_id,
            EventType.PING,
            {"receiver": {"id": str(endpoint.id), "name": endpoint.name}},
        )
        event.spread_at = now()  # nobody else is told
        await session.flush()
        delivery = Delivery(
            organization_id=organization_id,
            endpoint_id=endpoint.id,
            event_id=event.id,
            due_at=now(),
        )
        session.add(delivery)
        await session.flush()
        await session.refresh(delivery)
        await audit.record(session, principal, Action.NOTIFICATION_MANAGE, endpoint)
        return _view(delivery, event.type)


async def list_deliveries(
    resources: Resources,
    principal: Principal,
    organization_id: UUID,
    endpoint_id: UUID,
    kinds: Collection[EndpointKind],
    *,
    limit: int,
    cursor: str | None = None,
) -> Page[DeliveryView]:
    """What was and is to be sent to the endpoint, newest first; it stays for 30 days."""
    require_manager(principal, organization_id)
    async with resources.db.transaction() as session:
        endpoint = await get_endpoint(session, organization_id, endpoint_id, kinds)
        rows = await session.scalars(
            keyset(
                select(Delivery).where(Delivery.endpoint_id == endpoint.id),
                Delivery.created_at,
                Delivery.id,
                limit=limit,
                cursor=cursor,
            )
        )
        page, following = split_page(rows.all(), limit)
        events = await session.execute(
            select(OrganizationEvent.id, OrganizationEvent.type).where(
                OrganizationEvent.id.in_([row.event_id for row in page])
            )
        )
        types = {event.id: event.type for event in events}
    return Page(items=[_view(row, types[row.event_id]) for row in page], next_cursor=following)


async def redeliver(
    resources: Resources,
    principal: Principal,
    organization_id: UUID,
    endpoint_id: UUID,
    delivery_id: UUID,
    kinds: Collection[EndpointKind],
) -> DeliveryView:
    """Send an event to the endpoint again, with the same id, and with all its tries.

    Raises ``Conflict`` where it is switched off, ``NotFound``, ``Forbidden``.
    """
    require_manager(principal, organization_id)
    async with resources.db.transaction() as session:
        endpoint = await get_endpoint(session, organization_id, endpoint_id, kinds)
        require_on(endpoint)
        delivery = await _get_delivery(session, endpoint.id, delivery_id)
        delivery.status = DeliveryStatus.PENDING
        delivery.attempts = 0
        delivery.answer_status = delivery.answer = delivery.error = None
        delivery.attempted_at = delivery.delivered_at = None
        delivery.due_at = now()
        await session.flush()
        await audit.record(session, principal, Action.NOTIFICATION_MANAGE, endpoint)
        event = await session.get_one(OrganizationEvent, delivery.event_id)
        return _view(delivery, event.type)


async def _get_delivery(session: AsyncSession, endpoint_id: UUID, delivery_id: UUID) -> Delivery:
    delivery = await session.scalar(
        select(Delivery)
        .where(Delivery.id == delivery_id, Delivery.endpoint_id == endpoint_id)
        .with_for_update()
    )
    if delivery is None:
        raise NotFound("No such delivery.")
    return delivery


def _view(delivery: Delivery, event_type: str) -> DeliveryView:
    pending = delivery.status == DeliveryStatus.PENDING
    return DeliveryView(
        id=delivery.id,
        event_id=delivery.event_id,
        type=EventType(event_type),
        status=delivery.status,
        attempts=delivery.attempts,
        answer_status=delivery.answer_status,
        answer=delivery.answer,
        error=delivery.error,
        created_at=delivery.created_at,
        attempted_at=delivery.attempted_at,
        next_attempt_at=delivery.due_at if pending else None,
        delivered_at=delivery.delivered_at,
    )
