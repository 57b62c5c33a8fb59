"""Queries over users, sessions, tokens and organizations.

What finds a row for a caller that is not known yet tells the database which credential was
presented: row-level security then shows what belongs to its owner, and nothing else.
"""

import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.db import Database
from autodeploy.kernel.pagination import keyset
from autodeploy.kernel.tenancy import join, tell
from autodeploy.services.auth.models import (
    ApiToken,
    Organization,
    OrganizationMember,
    Role,
    ServiceToken,
    Session,
    User,
)


async def present(session: AsyncSession, kind: str, value: object) -> None:
    """Tell the transaction which credential its caller has: an ``email`` to sign in with, the id
    of a ``session``, the digest or the id of a ``token``, or an ``identity`` elsewhere.

    It goes on for the user whose e-mail, session or token that is, even where a caller is known:
    who is signed in may sign in as another. That proves nothing: the rest is for who asks.
    """
    await session.execute(select(func.autodeploy_present(f"{kind}:{value}")))


async def act_for(session: AsyncSession, user_id: UUID) -> None:
    """Let the transaction go on for a user who has just been identified, or made."""
    await tell(session, {"user": str(user_id)})


async def find_user_by_email(session: AsyncSession, email: str) -> User | None:
    await present(session, "email", email)
    return await session.scalar(select(User).where(User.email == email))


async def get_user(session: AsyncSession, user_id: UUID) -> User:
    return await session.get_one(User, user_id)


async def create_user(
    session: AsyncSession,
    *,
    email: str,
    name: str,
    encrypted_password: str | None,
    is_admin: bool = False,
) -> User | None:
    """The new user, for whom the transaction goes on, or None when another has the address."""
    user_id = uuid4()
    await act_for(session, user_id)
    values = {
        "id": user_id,
        "email": email,
        "name": name,
        "encrypted_password": encrypted_password,
        "is_admin": is_admin,
        # Whoever may start the platform named the address: no mail has to prove it.
        "email_verified_at": func.now() if is_admin else None,
    }
    return await session.scalar(
        insert(User).values(values).on_conflict_do_nothing(index_elements=["email"]).returning(User)
    )


async def create_organization(
    session: AsyncSession, *, name: str, owner_id: UUID, now: datetime, personal: bool = True
) -> Organization:
    """A new organization with its owner; its slug is made from the name.

    ``personal`` is for the one that is made with the owner's account.
    """
    base = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:80].strip("-") or "organization"
    user_id = owner_id if personal else None
    organization = await insert_organization(session, name, base, personal_user_id=user_id)
    while organization is None:
        slug = f"{base}-{secrets.token_hex(4)}"
        organization = await insert_organization(session, name, slug, personal_user_id=user_id)
    session.add(
        OrganizationMember(
            organization_id=organization.id, user_id=owner_id, role=Role.OWNER, joined_at=now
        )
    )
    await session.flush()
    return organization


async def insert_organization(
    session: AsyncSession, name: str, slug: str, **values: Any
) -> Organization | None:
    """A new organization without a member, or None when another has the slug.

    From here on the transaction sees it.
    """
    organization_id = uuid4()
    await join(session, organization_id)
    statement = insert(Organization).values(id=organization_id, name=name, slug=slug, **values)
    return await session.scalar(
        statement.on_conflict_do_nothing(index_elements=["slug"]).returning(Organization)
    )


@dataclass(frozen=True)
class Place:
    """A user's role in an organization, and the projects that it is limited to, if any."""

    role: Role
    projects: frozenset[UUID] | None


async def list_places(session: AsyncSession, user_id: UUID) -> dict[UUID, Place]:
    """The user's place in each organization that was joined."""
    rows = await session.execute(
        select(
            OrganizationMember.organization_id,
            OrganizationMember.role,
            OrganizationMember.project_ids,
        ).where(OrganizationMember.user_id == user_id, OrganizationMember.joined_at.is_not(None))
    )
    return {
        organization_id: Place(Role(role), None if limit is None else frozenset(limit))
        for organization_id, role, limit in rows
    }


async def list_memberships(session: AsyncSession, user_id: UUID) -> list[tuple[Organization, Role]]:
    """The user's organizations with the role in each, oldest first."""
    rows = await session.execute(
        select(Organization, OrganizationMember.role)
        .join(OrganizationMember, OrganizationMember.organization_id == Organization.id)
        .where(OrganizationMember.user_id == user_id, OrganizationMember.joined_at.is_not(None))
        .order_by(Organization.created_at, Organization.id)
    )
    return [(organization, Role(role)) for organization, role in rows]


async def lock_session(session: AsyncSession, session_id: UUID) -> Session | None:
    await present(session, "session", session_id)
    return await session.scalar(select(Session).where(Session.id == session_id).with_for_update())


class CredentialKind(StrEnum):
    """What a caller shows: the access token of a session, a personal or a service token."""

    SESSION = "session"
    TOKEN = "token"  # noqa: S105 - a kind of secret, not a secret
    SERVICE = "service"


@dataclass(frozen=True)
class Holder:
    """Who holds a credential that is neither revoked nor expired.

    ``scopes`` is None for a session, which has all of them; a service token has no account.
    """

    account_id: UUID | None
    email: str
    is_admin: bool
    places: dict[UUID, Place]
    token_id: UUID | None
    scopes: list[str] | None
    last_used_at: datetime | None


async def find_holder(
    db: Database,
    kind: CredentialKind,
    *,
    token_hash: bytes | None = None,
    row_id: UUID | None = None,
) -> Holder | None:
    """The holder of a credential, by its digest or the id of its row; in one round trip, because
    every request asks."""
    row = await db.fetch_row(
        "SELECT * FROM autodeploy_identify($1, $2, $3)", str(kind), token_hash, row_id
    )
    if row is None:
        return None
    places = {UUID(each): _place(place) for each, place in json.loads(row["places"]).items()}
    return Holder(**{**row, "places": places})


def _place(answered: dict[str, Any]) -> Place:
    limit: list[str] | None = answered["projects"]
    return Place(Role(answered["role"]), None if limit is None else frozenset(map(UUID, limit)))


async def record_token_use(
    session: AsyncSession, kind: CredentialKind, token_id: UUID, now: datetime, before: datetime
) -> None:
    """Note that a token was used, unless another process noted it after ``before``."""
    table = ServiceToken if kind == CredentialKind.SERVICE else ApiToken
    await session.execute(
        update(table)
        .where(
            table.id == token_id,
            or_(table.last_used_at.is_(None), table.last_used_at <= before),
        )
        .values(last_used_at=now)
        .execution_options(synchronize_session=False)
    )


async def list_tokens(
    session: AsyncSession, user_id: UUID, *, limit: int, cursor: str | None
) -> Sequence[ApiToken]:
    """The user's tokens that were not revoked, newest first, one more than ``limit``."""
    statement = select(ApiToken).where(ApiToken.user_id == user_id, ApiToken.revoked_at.is_(None))
    rows = await session.scalars(
        keyset(statement, ApiToken.created_at, ApiToken.id, limit=limit, cursor=cursor)
    )
    return rows.all()


async def revoke_token(session: AsyncSession, user_id: UUID, token_id: UUID) -> ApiToken | None:
    """The token that was revoked; None when the user had no such one that worked."""
    return await session.scalar(
        update(ApiToken)
        .where(ApiToken.id == token_id, ApiToken.user_id == user_id, ApiToken.revoked_at.is_(None))
        .values(revoked_at=func.now())
        .returning(ApiToken)
    )


async def list_service_tokens(
    session: AsyncSession, project_id: UUID, *, limit: int, cursor: str | None
) -> Sequence[ServiceToken]:
    """A project's tokens that were not revoked, newest first, one more than ``limit``."""
    statement = select(ServiceToken).where(
        ServiceToken.project_id == project_id, ServiceToken.revoked_at.is_(None)
    )
    rows = await session.scalars(
        keyset(statement, ServiceToken.created_at, ServiceToken.id, limit=limit, cursor=cursor)
    )
    return rows.all()


async def revoke_service_tokens(
    session: AsyncSession, project_id: UUID, token_id: UUID | None = None
) -> Sequence[ServiceToken]:
    """End a token of the project, or all of them; those that were ended."""
    statement = update(ServiceToken).where(
        ServiceToken.project_id == project_id, ServiceToken.revoked_at.is_(None)
    )
    if token_id is not None:
        statement = statement.where(ServiceToken.id == token_id)
    revoked = await session.scalars(statement.values(revoked_at=func.now()).returning(ServiceToken))
    return revoked.all()


async def revoke_tokens_named(session: AsyncSession, user_id: UUID, name: str) -> None:
    await session.execute(
        update(ApiToken)
        .where(ApiToken.user_id == user_id, ApiToken.name == name, ApiToken.revoked_at.is_(None))
        .values(revoked_at=func.now())
    )
