"""Sessions: opened by signing in, renewed by rotating refresh tokens, listed and ended."""

from datetime import timedelta
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import Conflict, NotFound
from autodeploy.kernel.pagination import split_page
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.schema import Page
from autodeploy.services.auth import account_store, audit, store
from autodeploy.services.auth.authentication import ACCESS_LIFETIME, issue_access_token
from autodeploy.services.auth.errors import SessionEnded
from autodeploy.services.auth.models import Session, User
from autodeploy.services.auth.permissions import require_scope
from autodeploy.services.auth.principal import Principal, Scope, no_account
from autodeploy.services.auth.schemas import SessionView, SignedIn, UserView
from autodeploy.services.auth.tokens import digest, matches, new_refresh_token, session_of

SESSION_LIFETIME = timedelta(days=30)


async def open_session(
    resources: Resources,
    session: AsyncSession,
    user: User,
    *,
    user_agent: str | None,
    address: str | None,
) -> SignedIn:
    """A new session of the user, who has proven everything that is asked for."""
    session_id = uuid4()
    token = new_refresh_token(session_id)
    row = Session(
        id=session_id,
        user_id=user.id,
        refresh_token_hash=digest(token),
        user_agent=user_agent[:500] if user_agent else None,
        address=address,
        expires_at=now() + SESSION_LIFETIME,
    )
    session.add(row)
    who = audit.Actor(
        kind=audit.ActorKind.USER, user_id=user.id, address=address, user_agent=user_agent
    )
    await audit.record(session, who, audit.OwnAction.LOGIN, row)
    return _signed_in(resources, user, session_id, token)


async def refresh(
    resources: Resources,
    refresh_token: str,
    *,
    user_agent: str | None = None,
    address: str | None = None,
) -> SignedIn:
    """Exchange a refresh token for the next pair of tokens; each one works once.

    A token that was exchanged before has been copied: the session ends for everyone who holds
    it. There is no grace: of several exchanges at the same time one gets an answer, and the next
    one ends the session. Raises ``SessionEnded``.
    """
    async with resources.db.transaction() as session:
        who = audit.Actor.anonymous(address=address, user_agent=user_agent)
        renewed = await _rotate(resources, session, refresh_token, who)
    if renewed is None:
        raise SessionEnded("The session has ended.", remedy="Sign in again.")
    return renewed


async def _rotate(
    resources: Resources, session: AsyncSession, refresh_token: str, who: audit.Actor
) -> SignedIn | None:
    session_id = session_of(refresh_token)
    row = await store.lock_session(session, session_id) if session_id else None
    if row is None or row.revoked_at is not None or row.expires_at <= now():
        return None
    if not matches(refresh_token, row.refresh_token_hash):
        row.revoked_at = now()
        await audit.record(session, who, audit.OwnAction.SESSION_REUSED, row)
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
        raise (
            no_account()
            if principal.account_id is None
            else Conflict(
                "A personal token has no session to end.",
                remedy="Revoke it with DELETE /api/v1/auth/tokens/{id}.",
            )
        )
    async with resources.db.transaction() as session:
        if await account_store.end_session(session, user_id, principal.session_id):
            await _record(session, principal, principal.session_id, audit.OwnAction.LOGOUT)


async def list_sessions(
    resources: Resources, principal: Principal, *, limit: int, cursor: str | None
) -> Page[SessionView]:
    """Where the caller is signed in, newest first."""
    require_scope(principal, Scope.READ)
    async with resources.db.transaction() as session:
        rows = await account_store.list_sessions(
            session, principal.user_id, now(), limit=limit, cursor=cursor
        )
    page, next_cursor = split_page(rows, limit)
    items = [
        SessionView(
            id=row.id,
            user_agent=row.user_agent,
            address=row.address,
            created_at=row.created_at,
            last_used_at=row.last_used_at,
            expires_at=row.expires_at,
            current=row.id == principal.session_id,
        )
        for row in page
    ]
    return Page(items=items, next_cursor=next_cursor)


async def end_session(resources: Resources, principal: Principal, session_id: UUID) -> None:
    """Sign out one session of the caller. Raises ``NotFound``, and ``Forbidden`` without admin."""
    require_scope(principal, Scope.ADMIN)
    async with resources.db.transaction() as session:
        if not await account_store.end_session(session, principal.user_id, session_id):
            raise NotFound("No such session.", remedy="GET /api/v1/auth/sessions lists yours.")
        await _record(session, principal, session_id, audit.OwnAction.SESSION_END)


async def end_other_sessions(resources: Resources, principal: Principal) -> None:
    """Sign the caller out everywhere else; a personal token signs out every session."""
    require_scope(principal, Scope.ADMIN)
    async with resources.db.transaction() as session:
        await account_store.end_sessions(
            session, principal.user_id, except_for=principal.session_id
        )
        user = await store.get_user(session, principal.user_id)
        await audit.record(session, principal, audit.OwnAction.SESSIONS_END, user)


async def _record(
    session: AsyncSession, principal: Principal, session_id: UUID, action: audit.OwnAction
) -> None:
    await audit.record(session, principal, action, await session.get_one(Session, session_id))


def _signed_in(resources: Resources, user: User, session_id: UUID, refresh_token: str) -> SignedIn:
    return SignedIn(
        user=UserView.model_validate(user),
        access_token=issue_access_token(resources, user.id, session_id),
        refresh_token=refresh_token,
        expires_in=int(ACCESS_LIFETIME.total_seconds()),
    )
