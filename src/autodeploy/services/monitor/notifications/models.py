"""Tables of where an organization is told what happens, and of what was sent there."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from autodeploy.kernel.db import Base, type_created, type_uuid
from autodeploy.kernel.vault.columns import sealed
from autodeploy.services.deployer.states import sql_values


class EndpointKind(StrEnum):
    """How an endpoint is told: by a signed webhook, or as a message that people read."""

    WEBHOOK = "webhook"
    SLACK = "slack"
    DISCORD = "discord"
    EMAIL = "email"


class DeliveryStatus(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class OffReason(StrEnum):
    """Why an endpoint is switched off."""

    BY_USER = "by_user"
    GONE = "gone"
    FAILING = "failing"


class Endpoint(Base):
    """Where an organization is told what happens. ``kind`` says how it is written.

    ``target`` is what is shown of where that is: the whole URL of a webhook and the whole address
    of a mailbox. The URLs of Slack and Discord are secrets, so of them it is the host. ``events``
    and ``project_ids`` limit what is told; NULL does not. A webhook signs with its secret, and
    until ``previous_secret_until`` with the one before it, too.

    ``failing_since`` is when the first of the deliveries failed that no success came after.
    ``owners_told_at`` is when the owners were told that the platform has switched it off.
    """

    __tablename__ = "notification_endpoints"
    __table_args__ = (
        CheckConstraint(f"kind IN ({sql_values(EndpointKind)})", name="kind"),
        CheckConstraint(f"off_reason IN ({sql_values(OffReason)})", name="off_reason"),
        Index("idx_notification_endpoints_org_id", "organization_id", "created_at", "id"),
    )

    id: Mapped[type_uuid]
    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE")
    )
    kind: Mapped[EndpointKind] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(255))
    target: Mapped[str]
    encrypted_address: Mapped[str | None] = sealed(
        "organization:{organization_id}", "notification_endpoints:{id}:address"
    )
    encrypted_secret: Mapped[str | None] = sealed(
        "organization:{organization_id}", "notification_endpoints:{id}:secret"
    )
    encrypted_previous_secret: Mapped[str | None] = sealed(
        "organization:{organization_id}", "notification_endpoints:{id}:previous_secret"
    )
    previous_secret_until: Mapped[datetime | None]
    events: Mapped[list[str] | None]
    project_ids: Mapped[list[UUID] | None] = mapped_column(ARRAY(Uuid))
    off_reason: Mapped[OffReason | None] = mapped_column(String(20))
    failing_since: Mapped[datetime | None]
    owners_told_at: Mapped[datetime | None]
    created_at: Mapped[type_created]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Delivery(Base):
    """An event for an endpoint, and how far its delivery is.

    ``due_at`` is when it is tried next, while it is pending. Who tries it moves that on first, by
    more than a try takes, and counts it in ``attempts``: a try that nobody notes the end of is
    made again. The other columns are of the last try.
    """

    __tablename__ = "notification_deliveries"
    __table_args__ = (
        UniqueConstraint("endpoint_id", "event_id"),
        CheckConstraint(f"status IN ({sql_values(DeliveryStatus)})", name="status"),
        Index(
            "idx_notification_deliveries_due",
            "endpoint_id",
            "due_at",
            postgresql_where=text("status = 'pending'"),
        ),
        Index("idx_notification_deliveries_endpoint", "endpoint_id", "created_at", "id"),
        Index("idx_notification_deliveries_event_id", "event_id"),
    )

    id: Mapped[type_uuid]
    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE")
    )
    endpoint_id: Mapped[UUID] = mapped_column(
        ForeignKey("notification_endpoints.id", ondelete="CASCADE")
    )
    event_id: Mapped[UUID] = mapped_column(ForeignKey("organization_events.id", ondelete="CASCADE"))
    status: Mapped[DeliveryStatus] = mapped_column(String(20), server_default="pending")
    attempts: Mapped[int] = mapped_column(server_default="0")
    due_at: Mapped[datetime]
    attempted_at: Mapped[datetime | None]
    answer_status: Mapped[int | None]
    answer: Mapped[str | None]
    error: Mapped[str | None]
    delivered_at: Mapped[datetime | None]
    created_at: Mapped[type_created]
