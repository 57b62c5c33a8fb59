"""Tables of users, sessions, tokens, organizations, provider connections and the audit log."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from autodeploy.kernel.db import Base, type_created, type_uuid
from autodeploy.kernel.vault.columns import sealed


class Role(StrEnum):
    """What a member may do in an organization; ``permissions.py`` says what each means."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    VIEWER = "viewer"


class User(Base):
    __tablename__ = "users"

    id: Mapped[type_uuid]
    email: Mapped[str] = mapped_column(String(255), unique=True)
    name: Mapped[str] = mapped_column(String(255))
    avatar_url: Mapped[str | None]
    github_id: Mapped[int | None] = mapped_column(BigInteger, unique=True)
    encrypted_password: Mapped[str | None]
    email_verified_at: Mapped[datetime | None]
    is_admin: Mapped[bool] = mapped_column(server_default="false")
    created_at: Mapped[type_created]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class Organization(Base):
    """A tenant. ``personal_user_id`` is the user whose account it was made with, if any."""

    __tablename__ = "organizations"

    id: Mapped[type_uuid]
    name: Mapped[str] = mapped_column(String(255))
    slug: Mapped[str] = mapped_column(String(100), unique=True)
    plan: Mapped[str] = mapped_column(String(50), server_default="free")
    billing_email: Mapped[str | None] = mapped_column(String(255))
    personal_user_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("users.id", ondelete="SET NULL"), unique=True
    )
    created_at: Mapped[type_created]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class OrganizationMember(Base):
    """A user's place in an organization. ``project_ids`` limits it to these projects; NULL does
    not. An array outlives a project that is deleted: who was limited to it is left with nothing,
    never with everything."""

    __tablename__ = "organization_members"
    __table_args__ = (
        UniqueConstraint("organization_id", "user_id"),
        CheckConstraint("role IN ('owner', 'admin', 'member', 'viewer')", name="role"),
        Index("idx_organization_members_org_id", "organization_id"),
        Index("idx_organization_members_user_id", "user_id"),
    )

    id: Mapped[type_uuid]
    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE")
    )
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    role: Mapped[Role] = mapped_column(String(50), server_default="member")
    project_ids: Mapped[list[UUID] | None] = mapped_column(ARRAY(Uuid))
    invited_at: Mapped[type_created]
    joined_at: Mapped[datetime | None]


class Invitation(Base):
    __tablename__ = "invitations"
    __table_args__ = (
        CheckConstraint("role IN ('owner', 'admin', 'member', 'viewer')", name="role"),
        Index("idx_invitations_org_id", "organization_id"),
        Index(
            "uq_invitations_pending",
            "organization_id",
            "email",
            unique=True,
            postgresql_where=text("accepted_at IS NULL"),
        ),
    )

    id: Mapped[type_uuid]
    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE")
    )
    email: Mapped[str] = mapped_column(String(255))
    role: Mapped[Role] = mapped_column(String(50), server_default="member")
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    invited_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[type_created]
    expires_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]


class Session(Base):
    """A signed-in browser or command line: one family of rotating refresh tokens."""

    __tablename__ = "sessions"
    __table_args__ = (Index("idx_sessions_user_id", "user_id"),)

    id: Mapped[type_uuid]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    refresh_token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    user_agent: Mapped[str | None]
    address: Mapped[str | None]
    created_at: Mapped[type_created]
    last_used_at: Mapped[type_created]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class LinkPurpose(StrEnum):
    """What a one-use link that was sent by mail confirms."""

    VERIFY_EMAIL = "verify_email"
    CHANGE_EMAIL = "change_email"
    RESET_PASSWORD = "reset_password"  # noqa: S105 - a purpose, not a password


class AccountLink(Base):
    """The latest link of its purpose that was sent to a user; the row goes when it is used.

    ``email`` is where it was sent, which is what using it proves.
    """

    __tablename__ = "account_links"
    __table_args__ = (
        CheckConstraint(
            "purpose IN ('verify_email', 'change_email', 'reset_password')", name="purpose"
        ),
    )

    user_id: Mapped[UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    purpose: Mapped[LinkPurpose] = mapped_column(String(50), primary_key=True)
    email: Mapped[str] = mapped_column(String(255))
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    created_at: Mapped[type_created]
    expires_at: Mapped[datetime]


class SecondFactor(Base):
    """A user's authenticator app. It counts once ``confirmed_at`` is set.

    ``last_step`` is the time step (RFC 6238) of the last code that was accepted: no code of it or
    of an earlier one is accepted again.
    """

    __tablename__ = "second_factors"

    user_id: Mapped[UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    encrypted_secret: Mapped[str] = sealed("user:{user_id}", "second_factors:{user_id}")
    last_step: Mapped[int] = mapped_column(BigInteger, server_default="0")
    created_at: Mapped[type_created]
    confirmed_at: Mapped[datetime | None]


class RecoveryCode(Base):
    """A code that stands in for the authenticator app once; the row goes when it is used."""

    __tablename__ = "recovery_codes"

    user_id: Mapped[UUID] = mapped_column(
        ForeignKey("second_factors.user_id", ondelete="CASCADE"), primary_key=True
    )
    code_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)


class ApiToken(Base):
    """A personal token ``adp_…``: shown once, stored as its SHA-256."""

    __tablename__ = "api_tokens"
    __table_args__ = (Index("idx_api_tokens_user_id", "user_id"),)

    id: Mapped[type_uuid]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(255))
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    prefix: Mapped[str] = mapped_column(String(16))
    scopes: Mapped[list[str]]
    created_at: Mapped[type_created]
    last_used_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class ServiceToken(Base):
    """A token ``ads_…`` of a project, for CI. It goes with its project, not with its creator.

    The foreign key names its table by text alone: projects belong to a service above this one.
    """

    __tablename__ = "service_tokens"
    __table_args__ = (Index("idx_service_tokens_project_id", "project_id"),)

    id: Mapped[type_uuid]
    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE")
    )
    project_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("projects.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(255))
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    prefix: Mapped[str] = mapped_column(String(16))
    scopes: Mapped[list[str]]
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[type_created]
    last_used_at: Mapped[datetime | None]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class LinkedIdentity(Base):
    """An account elsewhere that signs this user in: ``subject`` is its id at ``issuer``."""

    __tablename__ = "identities"
    __table_args__ = (
        UniqueConstraint("provider", "issuer", "subject"),
        UniqueConstraint("user_id", "provider"),
        CheckConstraint("provider IN ('github', 'oidc')", name="provider"),
    )

    id: Mapped[type_uuid]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    provider: Mapped[str] = mapped_column(String(100))
    issuer: Mapped[str]
    subject: Mapped[str] = mapped_column(String(255))
    account_name: Mapped[str | None] = mapped_column(String(255))
    created_at: Mapped[type_created]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class ProviderIntegration(Base):
    """A connected account. ``failed_at`` is since when its provider has accepted it no more, for
    the reason ``failure``; ``failure_told_at`` is when its user was told, ``organizations_told_of``
    the ``failed_at`` that those were told of whose projects act by it. ``checked_at`` is when the
    provider last answered to that, ``check_due_at`` when it is to be asked again.
    ``missing`` are the scopes that are needed and were not granted, as far as that is known;
    ``missing_since`` is when a check found more of them than before, ``missing_told_at`` and
    ``organizations_told_of_missing`` are as for failures.
    """

    __tablename__ = "provider_integrations"
    __table_args__ = (
        UniqueConstraint("user_id", "provider"),
        Index("idx_provider_integrations_check_due", "check_due_at"),
        Index("idx_provider_integrations_account", "provider", "external_id"),
    )

    id: Mapped[type_uuid]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    provider: Mapped[str] = mapped_column(String(100))
    external_id: Mapped[str | None] = mapped_column(String(255))
    encrypted_token: Mapped[str] = sealed(
        "user:{user_id}", "provider_integrations:{id}:{provider}:token"
    )
    encrypted_refresh_token: Mapped[str | None] = sealed(
        "user:{user_id}",
        "provider_integrations:{id}:{provider}:refresh_token",
        name="refresh_token",
    )
    expires_at: Mapped[datetime | None]
    scopes: Mapped[list[str] | None]
    details: Mapped[dict[str, Any] | None] = mapped_column("metadata")
    failed_at: Mapped[datetime | None]
    failure: Mapped[str | None]
    failure_told_at: Mapped[datetime | None]
    organizations_told_of: Mapped[datetime | None]
    checked_at: Mapped[datetime | None]
    check_due_at: Mapped[type_created]
    missing: Mapped[list[str]] = mapped_column(server_default="{}")
    missing_since: Mapped[datetime | None]
    missing_told_at: Mapped[datetime | None]
    organizations_told_of_missing: Mapped[datetime | None]
    created_at: Mapped[type_created]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class AuditEntry(Base):
    """One change: who made it, to what, from where. The API and the workers can only add rows.

    The ids are plain columns: an entry outlives the user, organization and object that it names.
    ``account_id`` is set where the change is about an account rather than an organization.
    """

    __tablename__ = "audit_log"
    __table_args__ = (
        CheckConstraint(
            "actor IN ('user', 'token', 'service_token', 'system', 'anonymous')", name="actor"
        ),
        Index("idx_audit_log_org", "organization_id", "created_at", "id"),
        Index("idx_audit_log_account", "account_id", "created_at", "id"),
        Index("idx_audit_log_user", "organization_id", "user_id", "created_at", "id"),
    )

    id: Mapped[type_uuid]
    organization_id: Mapped[UUID | None]
    account_id: Mapped[UUID | None]
    actor: Mapped[str] = mapped_column(String(20))
    user_id: Mapped[UUID | None]
    token_id: Mapped[UUID | None]
    action: Mapped[str]
    object_type: Mapped[str]
    object_id: Mapped[str | None]
    address: Mapped[str | None]
    user_agent: Mapped[str | None]
    changes: Mapped[dict[str, Any] | None]
    created_at: Mapped[type_created]


class IdempotencyKey(Base):
    """The answer to a POST that carried ``Idempotency-Key``, kept for 24 hours.

    ``caller_id`` is the user's id, or the service token's.
    """

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index("idx_idempotency_keys_created_at", "created_at"),)

    caller_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    request_hash: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[int | None]
    encrypted_answer: Mapped[str | None] = sealed("user:{caller_id}", "idempotency_keys:{key}")
    created_at: Mapped[type_created]


class OrganizationEvent(Base):
    """Something that happened in an organization and is worth telling: written in the transaction
    in which it happened.

    ``data`` is what receivers are sent of it, without any secret. ``project_id`` is a plain column:
    an event outlives its project. ``spread_at`` is when it was known who is to be told.
    """

    __tablename__ = "organization_events"
    __table_args__ = (
        Index("idx_organization_events_org_id", "organization_id"),
        Index("idx_organization_events_created_at", "created_at"),
        Index(
            "idx_organization_events_new", "created_at", postgresql_where=text("spread_at IS NULL")
        ),
    )

    id: Mapped[type_uuid]
    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE")
    )
    project_id: Mapped[UUID | None]
    type: Mapped[str] = mapped_column(String(100))
    data: Mapped[dict[str, Any]]
    spread_at: Mapped[datetime | None]
    created_at: Mapped[type_created]
