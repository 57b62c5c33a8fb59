"""Queries over users, sessions, personal tokens and organizations."""

import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.pagination import keyset
from autodeploy.services.auth.models import (
    ApiToken,
    Organization,
    OrganizationMember,
    Role,
    Session,
    User,
)

_USE_RECORDED_EVERY = timedelta(minutes=1)


async def find_user_by_email(session: AsyncSession, email: str) -> User | None:
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
    """The new user, or None when another has the e-mail address."""
    values = {
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
    session: AsyncSession, *, name: str, owner_id: UUID, now: datetime
) -> Organization:
    """A new organization with its owner; its slug is made from the name."""
    base = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:80].strip("-") or "organization"
    organization = await _insert_organization(session, name, base)
    while organization is None:
        organization = await _insert_organization(session, name, f"{base}-{secrets.token_hex(4)}")
    session.add(
        OrganizationMember(
            organization_id=organization.id, user_id=owner_id, role=Role.OWNER, joined_at=now
        )
    )
    await session.flush()
    return organization


async def _insert_organization(session: AsyncSession, name: str, slug: str) -> Organization | None:
    statement = insert(Organization).values(name=name, slug=slug)
    return await session.scalar(
        statement.on_conflict_do_nothing(index_elements=["slug"]).returning(Organization)
    )


async def list_roles(session: AsyncSession, user_id: UUID) -> dict[UUID, Role]:
    """The user's role in each organization that was joined."""
    rows = await session.execute(
        select(OrganizationMember.organization_id, OrganizationMember.role).where(
            OrganizationMember.user_id == user_id, OrganizationMember.joined_at.is_not(None)
        )
    )
    return {organization_id: Role(role) for organization_id, role in rows}


async def list_memberships(session: AsyncSession, user_id: UUID) -> list[tuple[Organization, Role]]:
    """The user's organizations with the role in each, oldest first."""
    rows = await session.execute(
        select(Organization, OrganizationMember.role)
        .join(OrganizationMember, OrganizationMember.organization_id == Organization.id)
        .where(OrganizationMember.user_id == user_id, OrganizationMember.joined_at.is_not(None))
        .order_by(Organization.created_at, Organization.id)
    )
    return [(organization, Role(role)) for organization, role in rows]


async def find_live_session(
    session: AsyncSession, session_id: UUID, now: datetime
) -> tuple[Session, User] | None:
    """A session that is neither ended nor expired, with its user."""
    row = await session.execute(
        select(Session, User)
        .join(User, User.id == Session.user_id)
        .where(Session.id == session_id, Session.revoked_at.is_(None), Session.expires_at > now)
    )
    found = row.one_or_none()
    return (found[0], found[1]) if found else None


async def lock_session(session: AsyncSession, session_id: UUID) -> Session | None:
    return await session.scalar(select(Session).where(Session.id == session_id).with_for_update())


async def find_live_token(
    session: AsyncSession,
    *,
    now: datetime,
    token_hash: bytes | None = None,
    token_id: UUID | None = None,
) -> tuple[ApiToken, User] | None:
    """A personal token that is neither revoked nor expired, by its digest or its id."""
    key = ApiToken.id == token_id if token_id else ApiToken.token_hash == token_hash
    row = await session.execute(
        select(ApiToken, User)
        .join(User, User.id == ApiToken.user_id)
        .where(
            key,
            ApiToken.revoked_at.is_(None),
            or_(ApiToken.expires_at.is_(None), ApiToken.expires_at > now),
        )
    )
    found = row.one_or_none()
    return (found[0], found[1]) if found else None


async def record_token_use(session: AsyncSession, token: ApiToken, now: datetime) -> None:
    """Note when the token was used, at most once a minute, so that reads stay reads."""
    if token.last_used_at is not None and now - token.last_used_at < _USE_RECORDED_EVERY:
        return
    await session.execute(
        update(ApiToken)
        .where(
            ApiToken.id == token.id,
            or_(
                ApiToken.last_used_at.is_(None),
                ApiToken.last_used_at < now - _USE_RECORDED_EVERY,
            ),
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


async def revoke_token(session: AsyncSession, user_id: UUID, token_id: UUID) -> bool:
    """Whether the user had such a token that was not revoked before."""
    revoked = await session.scalar(
        update(ApiToken)
        .where(ApiToken.id == token_id, ApiToken.user_id == user_id, ApiToken.revoked_at.is_(None))
        .values(revoked_at=func.now())
        .returning(ApiToken.id)
    )
    return revoked is not None


async def revoke_tokens_named(session: AsyncSession, user_id: UUID, name: str) -> None:
    await session.execute(
        update(ApiToken)
        .where(ApiToken.user_id == user_id, ApiToken.name == name, ApiToken.revoked_at.is_(None))
        .values(revoked_at=func.now())
    )
