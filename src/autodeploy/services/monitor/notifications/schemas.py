"""The shapes of webhooks, notification channels and their deliveries."""

from datetime import datetime
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from autodeploy.kernel.schema import DisplayName, Input, Schema, Update
from autodeploy.services.auth.organization_events import EventType
from autodeploy.services.monitor.notifications.models import (
    DeliveryStatus,
    EndpointKind,
    OffReason,
)

#: What a channel is told when nothing else is said: what somebody may have to look at.
WORTH_READING = (
    EventType.DEPLOYMENT_READY,
    EventType.DEPLOYMENT_FAILED,
    EventType.DEPLOYMENT_ROLLED_BACK,
    EventType.DATABASE_FAILED,
    EventType.BACKUP_FAILED,
    EventType.CONNECTION_FAILED,
)


def _without_ping(events: list[EventType]) -> list[EventType]:
    if EventType.PING in events:
        raise ValueError("ping is sent when it is asked for, whatever is listed here")
    return sorted(set(events), key=list(EventType).index)


Events = Annotated[
    list[EventType], Field(min_length=1, max_length=len(EventType)), AfterValidator(_without_ping)
]
Projects = Annotated[list[UUID], Field(min_length=1, max_length=100)]
Url = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
ChannelKind = Literal[EndpointKind.SLACK, EndpointKind.DISCORD, EndpointKind.EMAIL]


class WebhookInput(Input):
    """``events`` and ``projects`` limit what is sent; null, or left out, does not. The name is by
    default the host of the URL."""

    url: Url
    name: DisplayName | None = None
    events: Events | None = None
    projects: Projects | None = None


class WebhookUpdate(Update):
    """What is left out stays as it is; what else a GET answers may come along unchanged."""

    moving: ClassVar[frozenset[str]] = frozenset({"off_reason", "failing_since"})

    url: Url | None = None
    name: DisplayName | None = None
    events: Events | None = None
    projects: Projects | None = None
    active: bool | None = None


class EndpointView(Schema):
    """What webhooks and channels have in common. ``off_reason`` says why it is not ``active``:
    ``gone`` when it said so itself, ``failing`` when nothing was delivered for days.
    ``failing_since`` is the first failure that no success came after."""

    id: UUID
    name: str
    events: list[EventType] | None
    projects: list[UUID] | None
    active: bool
    off_reason: OffReason | None
    failing_since: datetime | None
    created_at: datetime
    updated_at: datetime


class WebhookView(EndpointView):
    """``previous_secret_until`` is set after a rotation: until then both secrets sign."""

    url: str
    previous_secret_until: datetime | None


class NewWebhook(WebhookView):
    """``secret`` is in this answer only."""

    secret: Annotated[str, Field(repr=False)]


class ChannelInput(Input):
    """``address`` is the URL of an incoming webhook of Slack or Discord, which is a secret, or the
    e-mail address of a member. Without ``events``: what somebody may have to look at."""

    kind: ChannelKind
    name: DisplayName
    address: Annotated[Url, Field(repr=False)]
    events: Events | None = Field(default_factory=lambda: list(WORTH_READING))
    projects: Projects | None = None


class ChannelUpdate(Update):
    """What is left out stays as it is, also the address; null ``events`` or ``projects`` means
    every one."""

    moving: ClassVar[frozenset[str]] = frozenset({"off_reason", "failing_since"})

    name: DisplayName | None = None
    address: Annotated[Url | None, Field(repr=False)] = None
    events: Events | None = None
    projects: Projects | None = None
    active: bool | None = None


class ChannelView(EndpointView):
    """``target`` is an e-mail address, or of Slack and Discord the host: more is a secret."""

    kind: ChannelKind
    target: str


class DeliveryView(Schema):
    """An event and how its delivery went. ``event_id`` is what a webhook is sent as
    ``webhook-id``. ``answer_status``, ``answer`` (its beginning) and ``error`` are of the last
    try; ``next_attempt_at`` is null unless it is ``pending``."""

    id: UUID
    event_id: UUID
    type: EventType
    status: DeliveryStatus
    attempts: int
    answer_status: int | None
    answer: str | None
    error: str | None
    created_at: datetime
    attempted_at: datetime | None
    next_attempt_at: datetime | None
    delivered_at: datetime | None
