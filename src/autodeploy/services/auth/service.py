"""Accounts: register, sign in, stay signed in, sign out; personal tokens; organizations."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import Conflict, InvalidInput, NotFound
from autodeploy.kernel.pagination import split_page
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.schema import Page
from autodeploy.services.auth import store
from autodeploy.services.auth.authentication import (
    ACCESS_LIFETIME,
    authenticate,
    issue_access_token,
    issue_ticket,
    redeem_ticket,
)
from autodeploy.services.auth.errors import EmailTaken, SessionEnded, WrongCredentials
from autodeploy.services.auth.models import ApiToken, Organization, Role, Session, User
from autodeploy.services.auth.passwords import check_password, hash_password
from autodeploy.services.auth.permissions import Action, require, require_scope
from autodeploy.services.auth.principal import Principal, Scope
from autodeploy.services.auth.schemas import (
    LoginInput,
    Me,
    Membership,
    NewToken,
    OrganizationView,
    RegisterInput,
    SignedIn,
    TokenInput,
    TokenView,
    UserView,
)
from autodeploy.services.auth.tokens import (
    SHOWN_LENGTH,
    digest,
    matches,
    new_personal_token,
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
ADMINISTRATOR_TOKEN_NAME = "autodeploy up"  # noqa: S105 - the name of a token, not a token


async def register(
    resources: Resources, body: RegisterInput, *, user_agent: str | None, address: str | None
) -> SignedIn:
    """Create an account with its personal organization, and sign it in.

    Raises ``EmailTaken``.
    """
    encrypted = await hash_password(body.password)
    async with resources.db.transaction() as session:
        user = await store.create_user(
            session, email=_normal(body.email), name=body.name, encrypted_password=encrypted
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
        user = await store.find_user_by_email(session, _normal(body.email))
    if not await check_password(body.password, user.encrypted_password if user else None):
        raise WrongCredentials(
            "The e-mail address or the password is wrong.", remedy="Check both and try again."
        )
    assert user is not None
    async with resources.db.transaction() as session:
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
    row.previous_token_hash = row.refresh_token_hash
    row.refresh_token_hash = digest(successor)
    row.last_used_at = now()
    row.expires_at = now() + SESSION_LIFETIME
    return _signed_in(resources, await store.get_user(session, row.user_id), row.id, successor)


async def logout(resources: Resources, principal: Principal) -> None:
    """End the caller's session: its access and refresh tokens stop working at once.

    Raises ``Conflict`` for a personal token, which has no session.
    """
    if principal.session_id is None:
        raise Conflict(
            "A personal token has no session to end.",
            remedy="Revoke it with DELETE /api/v1/auth/tokens/{id}.",
        )
    async with resources.db.transaction() as session:
        row = await store.lock_session(session, principal.session_id)
        if row is not None and row.revoked_at is None:
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


async def create_token(resources: Resources, principal: Principal, body: TokenInput) -> NewToken:
    """A new personal token of the caller; the answer is the only one that holds its secret.

    Raises ``Forbidden`` when the caller's own credential lacks the scope admin: a narrower token
    cannot make another that outlives or outranks it.
    """
    require_scope(principal, Scope.ADMIN)
    days = body.expires_in_days
    async with resources.db.transaction() as session:
        row, token = await _add_token(
            session,
            principal.user_id,
            name=body.name,
            scopes=sorted(set(body.scopes), key=list(Scope).index),
            expires_at=now() + timedelta(days=days) if days else None,
        )
    return NewToken(**TokenView.model_validate(row).model_dump(), token=token)


async def list_tokens(
    resources: Resources, principal: Principal, *, limit: int, cursor: str | None
) -> Page[TokenView]:
    """The caller's personal tokens that were not revoked, newest first."""
    require_scope(principal, Scope.READ)
    async with resources.db.transaction() as session:
        rows = await store.list_tokens(session, principal.user_id, limit=limit, cursor=cursor)
    page, next_cursor = split_page(rows, limit, lambda row: (row.created_at, row.id))
    return Page(items=[TokenView.model_validate(row) for row in page], next_cursor=next_cursor)


async def revoke_token(resources: Resources, principal: Principal, token_id: UUID) -> None:
    """End a personal token of the caller. A token may always end itself.

    Raises ``NotFound``, and ``Forbidden`` without the scope admin.
    """
    if token_id != principal.token_id:
        require_scope(principal, Scope.ADMIN)
    async with resources.db.transaction() as session:
        if not await store.revoke_token(session, principal.user_id, token_id):
            raise NotFound("No such token.")


async def list_organizations(resources: Resources, principal: Principal) -> Page[OrganizationView]:
    """The caller's organizations, oldest first: all of them in one page."""
    require_scope(principal, Scope.READ)
    async with resources.db.transaction() as session:
        rows = await store.list_memberships(session, principal.user_id)
    return Page(items=[_organization_view(organization, role) for organization, role in rows])


async def get_organization(
    resources: Resources, principal: Principal, organization_id: UUID
) -> OrganizationView:
    """One organization of the caller. Raises ``NotFound`` for any other."""
    require(principal, Action.ORGANIZATION_READ, organization_id)
    async with resources.db.transaction() as session:
        for organization, role in await store.list_memberships(session, principal.user_id):
            if organization.id == organization_id:
                return _organization_view(organization, role)
    raise NotFound("No such organization.")


async def ensure_administrator(resources: Resources, email: str) -> str:
    """A fresh personal token of the platform's administrator, who is created when missing.

    The tokens that earlier calls returned are revoked: only the last one works.
    """
    email = _normal(email)
    async with resources.db.transaction() as session:
        user = await store.find_user_by_email(session, email)
        if user is None:
            user = await store.create_user(
                session, email=email, name="Administrator", encrypted_password=None, is_admin=True
            )
            if user is None:
                raise Conflict("The administrator is being created by another process.")
            await store.create_organization(session, name=user.name, owner_id=user.id, now=now())
        elif not user.is_admin:
            raise InvalidInput(
                f"The account {email} exists and is no administrator.", field="email"
            )
        await store.revoke_tokens_named(session, user.id, ADMINISTRATOR_TOKEN_NAME)
        _, token = await _add_token(
            session,
            user.id,
            name=ADMINISTRATOR_TOKEN_NAME,
            scopes=[Scope.ADMIN],
            expires_at=None,
        )
    return token


def _normal(email: str) -> str:
    return email.strip().lower()


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


async def _add_token(
    session: AsyncSession,
    user_id: UUID,
    *,
    name: str,
    scopes: list[Scope],
    expires_at: datetime | None,
) -> tuple[ApiToken, str]:
    token = new_personal_token()
    row = ApiToken(
        user_id=user_id,
        name=name,
        token_hash=digest(token),
        prefix=token[:SHOWN_LENGTH],
        scopes=[str(scope) for scope in scopes],
        expires_at=expires_at,
    )
    session.add(row)
    await session.flush()
    await session.refresh(row)
    return row, token


def _organization_view(organization: Organization, role: Role) -> OrganizationView:
    return OrganizationView(
        id=organization.id,
        name=organization.name,
        slug=organization.slug,
        role=role,
        plan=organization.plan,
        created_at=organization.created_at,
        updated_at=organization.updated_at,
    )
