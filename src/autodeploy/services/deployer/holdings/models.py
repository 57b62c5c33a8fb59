"""The table of what was found at providers and no row accounts for."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from autodeploy.kernel.db import Base, type_created, type_uuid
from autodeploy.providers.resources import ResourceKind
from autodeploy.services.deployer.states import sql_values


class Orphan(Base):
    """Something at a provider that belongs to nobody; see ``FoundResource`` for its columns.

    ``connection_id`` is by whose account it is seen, where the provider acts for one.
    ``removal_requested_at`` is the intent to remove it, and ``user_id`` whose that is.
    """

    __tablename__ = "orphans"
    __table_args__ = (
        UniqueConstraint("provider", "kind", "external_id"),
        CheckConstraint(f"kind IN ({sql_values(ResourceKind)})", name="kind"),
        Index("idx_orphans_created_at", text("created_at DESC"), "id"),
    )

    id: Mapped[type_uuid]
    provider: Mapped[str] = mapped_column(String(100))
    kind: Mapped[ResourceKind] = mapped_column(String(20))
    external_id: Mapped[str]
    connection_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("provider_integrations.id", ondelete="CASCADE")
    )
    made_for: Mapped[UUID | None]
    app_number: Mapped[int | None] = mapped_column(BigInteger)
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    made_at: Mapped[datetime]
    removal_requested_at: Mapped[datetime | None]
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[type_created]
