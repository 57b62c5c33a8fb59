"""Accounts: register, sign in, stay signed in, sign out. The face of the whole auth service."""

from datetime import timedelta
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import Conflict
from autodeploy.kernel.resources import Resources
from autodeploy.services.auth import store
from autodeploy.services.auth.authentication import (
    ACCESS_LIFETIME,
    authenticate,
    issue_access_token,
    issue_ticket,
    redeem_ticket,
)
from autodeploy.services.auth.errors import EmailTaken, SessionEnded, WrongCredentials
from autodeploy.services.auth.models import Session, User
from autodeploy.services.auth.organizations import get_organization, list_organizations
from autodeploy.services.auth.passwords import check_password, hash_password
from autodeploy.services.auth.personal_tokens import (
    create_token,
    ensure_administrator,
    list_tokens,
    revoke_token,
)
from autodeploy.services.auth.principal import Principal
from autodeploy.services.auth.schemas import (
    LoginInput,
    Me,
    Membership,
    RegisterInput,
    SignedIn,
    UserView,
    normal_email,
)
from autodeploy.services.auth.tokens import (
    digest,
    matches,
    new_refresh_token,
    session_of,
)

__all__ = [
    "authenticate",
    "create_token",
    "ensure_administrator",
    "get_me",
    "get_organization",
    "issue_ticket",
    "list_organizations",
    "list_tokens",
    "login",
    "logout",
    "redeem_ticket",
    "refresh",
    "register",
    "revoke_token",
]

SESSION_LIFETIME = timedelta(days=30)


async def register(
    resources: Resources, body: RegisterInput, *, user_agent: str | None, address: str | None
) -> SignedIn:
    """Create an account with its personal organization, and sign it in.

    Raises ``EmailTaken``.
    """
    encrypted = await hash_password(body.password)
    async with resources.db.transaction() as session:
        user = await store.create_user(
            session, email=normal_email(body.email), name=body.name, encrypted_password=encrypted
        )
        if user is None:
            raise EmailTaken(
                "An account with this e-mail address exists.",
                field="email",
                remedy="Sign in, or register with another address.",
            )
        await store.create_organization(session, name=user.name, owner_id=user.id, now=now())
        return _open_session(resources, session, user, user_agent, address)


async def login(
    resources: Resources, body: LoginInput, *, user_agent: str | None, address: str | None
) -> SignedIn:
    """Sign in with e-mail and password. Raises ``WrongCredentials``, not saying which."""
    async with resources.db.transaction() as session:
        user = await store.find_user_by_email(session, normal_email(body.email))
    if not await check_password(body.password, user.encrypted_password if user else None):
        raise WrongCredentials(
            "The e-mail address or the password is wrong.", remedy="Check both and try again."
        )
    assert user is not None
    async with resources.db.transaction() as session:
        await store.act_for(session, user.id)
        return _open_session(resources, session, user, user_agent, address)


async def refresh(resources: Resources, refresh_token: str) -> SignedIn:
    """Exchange a refresh token for the next pair of tokens; each one works once.

    A token that was exchanged before has been copied: the session ends for everyone who holds
    it. Raises ``SessionEnded``.
    """
    async with resources.db.transaction() as session:
        renewed = await _rotate(resources, session, refresh_token)
    if renewed is None:
        raise SessionEnded("The session has ended.", remedy="Sign in again.")
    return renewed


async def _rotate(
    resources: Resources, session: AsyncSession, refresh_token: str
) -> SignedIn | None:
    session_id = session_of(refresh_token)
    row = await store.lock_session(session, session_id) if session_id else None
    if row is None or row.revoked_at is not None or row.expires_at <= now():
        return None
    if not matches(refresh_token, row.refresh_token_hash):
        row.revoked_at = now()
        return None
    successor = new_refresh_token(row.id)
    row.refresh_token_hash = digest(successor)
    row.last_used_at = now()
    row.expires_at = now() + SESSION_LIFETIME
    return _signed_in(resources, await store.get_user(session, row.user_id), row.id, successor)


async def logout(resources: Resources, principal: Principal) -> None:
    """End the caller's session: its access and refresh tokens stop working at once.

    Raises ``Conflict`` for a personal token, which has no session, and ``Forbidden`` for a
    service token, which has no account.
    """
    user_id = principal.user_id
    if principal.session_id is None:
        raise Conflict(
            "A personal token has no session to end.",
            remedy="Revoke it with DELETE /api/v1/auth/tokens/{id}.",
        )
    async with resources.db.transaction() as session:
        row = await store.lock_session(session, principal.session_id)
        if row is not None and row.user_id == user_id and row.revoked_at is None:
            row.revoked_at = now()


async def get_me(resources: Resources, principal: Principal) -> Me:
    """The caller's account and organizations."""
    async with resources.db.transaction() as session:
        user = await store.get_user(session, principal.user_id)
        rows = await store.list_memberships(session, principal.user_id)
    memberships = [
        Membership(id=organization.id, name=organization.name, slug=organization.slug, role=role)
        for organization, role in rows
    ]
    view = UserView.model_validate(user)
    return Me(
        **view.model_dump(exclude={"avatar"}), avatar_url=view.avatar, organizations=memberships
    )


def _open_session(
    resources: Resources,
    session: AsyncSession,
    user: User,
    user_agent: str | None,
    address: str | None,
) -> SignedIn:
    session_id = uuid4()
    token = new_refresh_token(session_id)
    session.add(
        Session(
            id=session_id,
            user_id=user.id,
            refresh_token_hash=digest(token),
            user_agent=user_agent[:500] if user_agent else None,
            address=address,
            expires_at=now() + SESSION_LIFETIME,
        )
    )
    return _signed_in(resources, user, session_id, token)


def _signed_in(resources: Resources, user: User, session_id: UUID, refresh_token: str) -> SignedIn:
    return SignedIn(
        user=UserView.model_validate(user),
        access_token=issue_access_token(resources, user.id, session_id),
        refresh_token=refresh_token,
        expires_in=int(ACCESS_LIFETIME.total_seconds()),
    )
