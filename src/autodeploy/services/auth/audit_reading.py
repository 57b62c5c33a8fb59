"""Reading the audit log: an organization's by its admins and owners, an account's by its user."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic.alias_generators import to_camel
from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.pagination import keyset, split_page
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.schema import Page, Schema
from autodeploy.services.auth.audit import ActorKind, ObjectType
from autodeploy.services.auth.models import AuditEntry, User
from autodeploy.services.auth.permissions import Action, require, require_scope
from autodeploy.services.auth.principal import Principal, Scope


class AuditChange(Schema):
    """A field that changed. The values of a ``hidden`` one are in no log."""

    field: str
    before: Any = None
    after: Any = None
    hidden: bool = False


class AuditEntryView(Schema):
    """A change. ``user`` is the e-mail address of who made it, while that account exists."""

    id: UUID
    created_at: datetime
    actor: ActorKind
    user_id: UUID | None
    user: str | None
    token_id: UUID | None
    action: str
    object_type: ObjectType
    object_id: str | None
    address: str | None
    user_agent: str | None
    changes: list[AuditChange]


@dataclass(frozen=True, kw_only=True)
class AuditFilter:
    """Which entries are wanted; ``since`` is included, ``until`` is not."""

    action: str | None = None
    user_id: UUID | None = None
    object_type: ObjectType | None = None
    object_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        wanted = {
            AuditEntry.action: self.action,
            AuditEntry.user_id: self.user_id,
            AuditEntry.object_type: self.object_type,
            AuditEntry.object_id: self.object_id,
        }
        conditions = [column == value for column, value in wanted.items() if value is not None]
        if self.since is not None:
            conditions.append(AuditEntry.created_at >= self.since)
        if self.until is not None:
            conditions.append(AuditEntry.created_at < self.until)
        return conditions


async def list_organization_entries(
    resources: Resources,
    principal: Principal,
    organization_id: UUID,
    wanted: AuditFilter,
    *,
    limit: int,
    cursor: str | None,
) -> Page[AuditEntryView]:
    """The changes in an organization, newest first. Raises ``NotFound`` and ``Forbidden``."""
    require(principal, Action.AUDIT_READ, organization_id)
    whose = AuditEntry.organization_id == organization_id
    async with resources.db.transaction() as session:
        return await _page(session, whose, wanted, limit, cursor)


async def list_account_entries(
    resources: Resources,
    principal: Principal,
    wanted: AuditFilter,
    *,
    limit: int,
    cursor: str | None,
) -> Page[AuditEntryView]:
    """What happened to the caller's account, newest first: log-ins, tokens, changes of it."""
    require_scope(principal, Scope.READ)
    whose = AuditEntry.account_id == principal.user_id
    async with resources.db.transaction() as session:
        return await _page(session, whose, wanted, limit, cursor)


async def _page(
    session: AsyncSession,
    whose: ColumnElement[bool],
    wanted: AuditFilter,
    limit: int,
    cursor: str | None,
) -> Page[AuditEntryView]:
    statement = select(AuditEntry).where(whose, *wanted.conditions())
    rows = await session.scalars(
        keyset(statement, AuditEntry.created_at, AuditEntry.id, limit=limit, cursor=cursor)
    )
    page, following = split_page(rows.all(), limit)
    people = await session.execute(
        select(User.id, User.email).where(User.id.in_({entry.user_id for entry in page}))
    )
    emails = {person.id: person.email for person in people}
    return Page(
        items=[_view(entry, emails.get(entry.user_id)) for entry in page], next_cursor=following
    )


def _view(entry: AuditEntry, email: str | None) -> AuditEntryView:
    return AuditEntryView(
        id=entry.id,
        created_at=entry.created_at,
        actor=ActorKind(entry.actor),
        user_id=entry.user_id,
        user=email,
        token_id=entry.token_id,
        action=entry.action,
        object_type=ObjectType(entry.object_type),
        object_id=entry.object_id,
        address=entry.address,
        user_agent=entry.user_agent,
        changes=[
            AuditChange(field=to_camel(name), **change)
            for name, change in (entry.changes or {}).items()
        ],
    )
