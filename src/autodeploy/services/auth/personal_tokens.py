"""Personal tokens, for the command line and CI, and the administrator's of the platform."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import Conflict, InvalidInput, NotFound
from autodeploy.kernel.pagination import split_page
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.schema import Page
from autodeploy.services.auth import audit, store
from autodeploy.services.auth.models import ApiToken
from autodeploy.services.auth.permissions import require_scope
from autodeploy.services.auth.principal import Principal, Scope
from autodeploy.services.auth.schemas import NewToken, TokenInput, TokenView, normal_email
from autodeploy.services.auth.tokens import SHOWN_LENGTH, digest, new_personal_token

ADMINISTRATOR_TOKEN_NAME = "autodeploy up"  # noqa: S105 - the name of a token, not a token


async def create_token(resources: Resources, principal: Principal, body: TokenInput) -> NewToken:
    """A new personal token of the caller; the answer is the only one that holds its secret.

    Raises ``Forbidden`` when the caller's own credential lacks the scope admin: a narrower token
    cannot make another that outlives or outranks it.
    """
    require_scope(principal, Scope.ADMIN)
    days = body.expires_in_days
    async with resources.db.transaction() as session:
        row, token = await add_token(
            session,
            principal.user_id,
            name=body.name,
            scopes=sorted(set(body.scopes), key=list(Scope).index),
            expires_at=now() + timedelta(days=days) if days else None,
        )
        await audit.record(
            session, principal, audit.OwnAction.TOKEN_CREATE, row, after=audit.snapshot(row)
        )
    return NewToken(**TokenView.model_validate(row).model_dump(), token=token)


async def list_tokens(
    resources: Resources, principal: Principal, *, limit: int, cursor: str | None
) -> Page[TokenView]:
    """The caller's personal tokens that were not revoked, newest first."""
    require_scope(principal, Scope.READ)
    async with resources.db.transaction() as session:
        rows = await store.list_tokens(session, principal.user_id, limit=limit, cursor=cursor)
    page, next_cursor = split_page(rows, limit)
    return Page(items=[TokenView.model_validate(row) for row in page], next_cursor=next_cursor)


async def revoke_token(resources: Resources, principal: Principal, token_id: UUID) -> None:
    """End a personal token of the caller. A token may always end itself.

    Raises ``NotFound``, and ``Forbidden`` without the scope admin.
    """
    if token_id != principal.token_id:
        require_scope(principal, Scope.ADMIN)
    async with resources.db.transaction() as session:
        row = await store.revoke_token(session, principal.user_id, token_id)
        if row is None:
            raise NotFound("No such token.")
        await audit.record(
            session, principal, audit.OwnAction.TOKEN_REVOKE, row, before=audit.snapshot(row)
        )


async def ensure_administrator(resources: Resources, email: str) -> str:
    """A fresh personal token of the platform's administrator, who is created when missing.

    The tokens that earlier calls returned are revoked: only the last one works.
    """
    email = normal_email(email)
    async with resources.db.transaction() as session:
        user = await store.find_user_by_email(session, email)
        if user is None:
            user = await store.create_user(
                session, email=email, name="Administrator", encrypted_password=None, is_admin=True
            )
            if user is None:
                raise Conflict("The administrator is being created by another process.")
            await audit.record(
                session,
                audit.SYSTEM,
                audit.OwnAction.REGISTER,
                user,
                after=audit.snapshot(user),
            )
            await store.create_organization(session, name=user.name, owner_id=user.id, now=now())
        elif not user.is_admin:
            raise InvalidInput(
                f"The account {email} exists and is no administrator.", field="email"
            )
        await store.revoke_tokens_named(session, user.id, ADMINISTRATOR_TOKEN_NAME)
        row, token = await add_token(
            session,
            user.id,
            name=ADMINISTRATOR_TOKEN_NAME,
            scopes=[Scope.ADMIN],
            expires_at=None,
        )
        await audit.record(
            session, audit.SYSTEM, audit.OwnAction.TOKEN_CREATE, row, after=audit.snapshot(row)
        )
    return token


async def add_token(
    session: AsyncSession,
    user_id: UUID,
    *,
    name: str,
    scopes: list[Scope],
    expires_at: datetime | None,
) -> tuple[ApiToken, str]:
    """A new token of the user: its row, and the secret, which is stored nowhere."""
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
