"""The rows of deliveries: who is to be told what, what is tried now, and how it went.

Nothing is lost with a process. An event is there as soon as it happened; its deliveries are
written once; and a try that nobody noted the end of is due again.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    any_,
    cast,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.db import Database
from autodeploy.kernel.questions import Moment
from autodeploy.services.auth import audit
from autodeploy.services.auth.models import OrganizationEvent
from autodeploy.services.auth.permissions import Action
from autodeploy.services.monitor.notifications.endpoints import switch_off
from autodeploy.services.monitor.notifications.models import (
    Delivery,
    DeliveryStatus,
    Endpoint,
    OffReason,
)
from autodeploy.services.monitor.notifications.sending import Outcome

#: The waits after the first try and each further one, as Standard Webhooks proposes: 8 tries in
#: 28 hours.
WAITS_SECONDS = (5, 300, 1800, 7200, 18000, 36000, 36000)
#: Longer than a try takes: who has not noted its end by then is not going to.
TRIED_FOR = timedelta(seconds=60)
#: An endpoint is switched off when a delivery was given up and none has succeeded for so long.
FAILING_FOR = timedelta(days=3)

_LONGEST_WAIT_SECONDS = 24 * 3600.0
_AT_ONCE = 500


@dataclass(frozen=True)
class Claimed:
    """A delivery that is tried now, by whoever claimed it."""

    delivery: Delivery
    endpoint: Endpoint
    event: OrganizationEvent


def has_something_to_send(at: Moment) -> ColumnElement[bool]:
    """Whether there are new events, or endpoints that something is due for."""
    news = select(OrganizationEvent.id).where(_is_new())
    return or_(exists(news), exists(_due_endpoints(at)))


def _is_new() -> ColumnElement[bool]:
    return OrganizationEvent.spread_at.is_(None)


def _due_endpoints(at: Moment) -> Select[UUID]:
    due = exists().where(
        Delivery.endpoint_id == Endpoint.id,
        Delivery.status == DeliveryStatus.PENDING,
        Delivery.due_at <= at,
    )
    return select(Endpoint.id).where(Endpoint.off_reason.is_(None), due)


async def spread(db: Database, at: datetime) -> None:
    """Write a delivery for each endpoint that is to be told of a new event. Events that nobody is
    told of are of no further use."""
    event, endpoint = OrganizationEvent, Endpoint
    async with db.transaction() as session:
        new = list(
            await session.scalars(
                select(event.id)
                .where(_is_new())
                .order_by(event.created_at)
                .limit(_AT_ONCE)
                .with_for_update(skip_locked=True)
            )
        )
        if not new:
            return
        told = (
            select(event.organization_id, endpoint.id, event.id, event.created_at)
            .join(endpoint, endpoint.organization_id == event.organization_id)
            .where(
                event.id.in_(new),
                endpoint.off_reason.is_(None),
                or_(endpoint.events.is_(None), event.type == any_(endpoint.events)),
                or_(
                    endpoint.project_ids.is_(None),
                    event.project_id == any_(endpoint.project_ids),
                    # One that is about several projects names them.
                    event.data[("connection", "projects")].has_any(
                        cast(endpoint.project_ids, ARRAY(Text))
                    ),
                ),
            )
        )
        columns = ("organization_id", "endpoint_id", "event_id", "due_at")
        await session.execute(insert(Delivery).from_select(columns, told).on_conflict_do_nothing())
        await session.execute(update(event).where(event.id.in_(new)).values(spread_at=at))
        taken = exists().where(Delivery.event_id == event.id)
        await session.execute(delete(event).where(event.id.in_(new), ~taken))


async def list_due(db: Database, at: datetime) -> list[UUID]:
    """The endpoints that something is due for, in no order, so that none is always the last."""
    async with db.transaction() as session:
        return list(await session.scalars(_due_endpoints(at).order_by(func.random())))


async def claim(db: Database, endpoint_id: UUID, at: datetime) -> Claimed | None:
    """Take up what is due first for the endpoint, and count the try. None when nothing is."""
    first = (
        select(Delivery.id)
        .where(
            Delivery.endpoint_id == endpoint_id,
            Delivery.status == DeliveryStatus.PENDING,
            Delivery.due_at <= at,
        )
        .order_by(Delivery.due_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    async with db.transaction() as session:
        delivery = await session.scalar(
            update(Delivery)
            .where(Delivery.id == first.scalar_subquery())
            .values(attempts=Delivery.attempts + 1, attempted_at=at, due_at=at + TRIED_FOR)
            .returning(Delivery)
        )
        if delivery is None:
            return None
        endpoint = await session.get_one(Endpoint, endpoint_id)
        event = await session.get_one(OrganizationEvent, delivery.event_id)
        return Claimed(delivery, endpoint, event)


async def note(
    db: Database, claimed: Claimed, outcome: Outcome, at: datetime, share: float
) -> None:
    """Write down what came of a try, unless it was asked for anew meanwhile.

    ``share``, from 0 to 1, spreads the next tries of what failed at the same time.
    """
    async with db.transaction() as session:
        # The endpoint first, as whoever switches it off does.
        endpoint = await session.get(Endpoint, claimed.endpoint.id, with_for_update=True)
        delivery = await session.get(Delivery, claimed.delivery.id, with_for_update=True)
        if endpoint is None or delivery is None or not _is_the_same(claimed.delivery, delivery):
            return
        if outcome.not_tried:
            delivery.attempts -= 1
            delivery.error = outcome.error
            return
        delivery.answer_status, delivery.answer = outcome.answer_status, outcome.answer
        delivery.error = outcome.error
        if outcome.error is None:
            delivery.status, delivery.delivered_at = DeliveryStatus.DELIVERED, at
            endpoint.failing_since = None
            return
        endpoint.failing_since = endpoint.failing_since or at
        given_up = outcome.gone or delivery.attempts > len(WAITS_SECONDS)
        if given_up:
            delivery.status = DeliveryStatus.FAILED
        else:
            delivery.due_at = at + _wait(delivery.attempts, outcome, share)
        await _switch_off_if_hopeless(session, endpoint, outcome, given_up=given_up, at=at)


async def _switch_off_if_hopeless(
    session: AsyncSession, endpoint: Endpoint, outcome: Outcome, *, given_up: bool, at: datetime
) -> None:
    reason = None
    if outcome.gone:
        reason = OffReason.GONE
    elif given_up and endpoint.failing_since and endpoint.failing_since <= at - FAILING_FOR:
        reason = OffReason.FAILING
    if reason is None or endpoint.off_reason is not None:
        return
    before = audit.snapshot(endpoint)
    await switch_off(session, endpoint, reason)
    await audit.record(
        session,
        audit.SYSTEM,
        Action.NOTIFICATION_MANAGE,
        endpoint,
        before=before,
        after=audit.snapshot(endpoint),
    )


def _is_the_same(tried: Delivery, present: Delivery) -> bool:
    return present.status == DeliveryStatus.PENDING and present.attempts == tried.attempts


def _wait(attempts: int, outcome: Outcome, share: float) -> timedelta:
    """Up to a fifth longer than planned, and no shorter than the receiver asks for."""
    planned = WAITS_SECONDS[attempts - 1] * (1 + share / 5)
    asked = min(outcome.wait_seconds or 0.0, _LONGEST_WAIT_SECONDS)
    return timedelta(seconds=max(planned, asked))
