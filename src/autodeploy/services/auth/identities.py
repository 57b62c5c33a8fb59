"""Which user an account elsewhere signs in. Accounts are followed by their id, never by name.

An e-mail address decides nothing but what a new account is made with: an existing user is never
taken over by whoever shows the same address elsewhere, and links the account when signed in.
"""

import contextlib
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.providers.identity import Account, IdentityProvider, IdentityRefused
from autodeploy.services.auth import audit, store
from autodeploy.services.auth.errors import EmailTaken, IdentityTaken
from autodeploy.services.auth.models import LinkedIdentity, User
from autodeploy.services.auth.principal import Principal
from autodeploy.services.auth.schemas import normal_email


async def find_or_create_user(
    session: AsyncSession, who: audit.Actor, provider: IdentityProvider, account: Account
) -> User:
    """The user whom ``account`` signs in; a new one, with a personal organization, at first.

    Raises ``IdentityRefused`` for a new account without a verified e-mail address, and
    ``EmailTaken`` when another account has it.
    """
    user = await _find_user(session, provider, account)
    if user is not None:
        return user
    if account.email is None:
        raise IdentityRefused(
            f"{provider.title} does not say that it has verified an e-mail address of yours.",
            remedy=f"Verify your address at {provider.title} and allow it to be shown here.",
        )
    user = await store.create_user(
        session,
        email=normal_email(account.email),
        name=account.display_name or account.name or account.email,
        encrypted_password=None,
    )
    if user is None:
        # Another request may have made this very user while we waited for its e-mail address.
        user = await _find_user(session, provider, account)
        if user is not None:
            return user
        raise EmailTaken(
            f"An account with the e-mail address of your {provider.title} account exists.",
            remedy=f"Sign in to it, then connect {provider.title} in your settings.",
        )
    user.avatar_url = account.avatar_url
    user.email_verified_at = now()  # the provider vouches for it
    await session.flush()
    await audit.record(session, who, audit.OwnAction.REGISTER, user, after=audit.snapshot(user))
    await store.create_organization(session, name=user.name, owner_id=user.id, now=now())
    await link(session, who, user.id, provider, account)
    await session.refresh(user)
    return user


async def link(
    session: AsyncSession,
    who: audit.Actor | Principal,
    user_id: UUID,
    provider: IdentityProvider,
    account: Account,
) -> None:
    """Let ``account`` sign this user in, instead of an earlier account of this provider.

    The caller holds the lock of the user's row. Raises ``IdentityTaken`` when it signs in
    another user.
    """
    await _present(session, provider, account)
    earlier = await _find_linked(session, user_id, provider.name)
    before = audit.snapshot(earlier) if earlier else None
    if earlier is not None and (earlier.issuer, earlier.subject) != (
        provider.issuer,
        account.subject,
    ):
        await session.delete(earlier)
        await session.flush()
    statement = insert(LinkedIdentity).values(
        user_id=user_id,
        provider=provider.name,
        issuer=provider.issuer,
        subject=account.subject,
        account_name=account.name,
    )
    linked = await session.scalar(
        statement.on_conflict_do_update(
            index_elements=["provider", "issuer", "subject"],
            set_={"account_name": statement.excluded.account_name, "updated_at": func.now()},
            where=LinkedIdentity.user_id == user_id,
        )
        .returning(LinkedIdentity)
        .execution_options(populate_existing=True)
    )
    if linked is None:
        raise IdentityTaken(
            f"This {provider.title} account signs in another user.",
            remedy=f"Choose another account at {provider.title}, or sign in as that user and "
            "disconnect it there.",
        )
    await audit.record(
        session,
        who,
        audit.OwnAction.IDENTITY_LINK,
        linked,
        before=before,
        after=audit.snapshot(linked),
    )
    if provider.name == "github":
        await _note_github_id(session, user_id, int(account.subject))


async def unlink(session: AsyncSession, who: Principal, provider: str) -> None:
    """End signing in with this provider's account; none is no error."""
    linked = await _find_linked(session, who.user_id, provider)
    if linked is None:
        return
    await audit.record(
        session, who, audit.OwnAction.IDENTITY_UNLINK, linked, before=audit.snapshot(linked)
    )
    await session.delete(linked)
    if provider == "github":
        await session.execute(update(User).where(User.id == who.user_id).values(github_id=None))


async def find(session: AsyncSession, user_id: UUID) -> Sequence[LinkedIdentity]:
    """What the user can sign in with, oldest first."""
    rows = await session.scalars(
        select(LinkedIdentity)
        .where(LinkedIdentity.user_id == user_id)
        .order_by(LinkedIdentity.created_at, LinkedIdentity.id)
    )
    return rows.all()


async def _present(session: AsyncSession, provider: IdentityProvider, account: Account) -> None:
    """Show the transaction the identity that was proven, whosever it is."""
    named = f"{provider.name} {provider.issuer} {account.subject}"
    await store.present(session, "identity", named)


async def _find_linked(
    session: AsyncSession, user_id: UUID, provider: str
) -> LinkedIdentity | None:
    return await session.scalar(
        select(LinkedIdentity).where(
            LinkedIdentity.user_id == user_id, LinkedIdentity.provider == provider
        )
    )


async def _find_user(
    session: AsyncSession, provider: IdentityProvider, account: Account
) -> User | None:
    """The user of an account, for whom the transaction goes on. A changed name is noted."""
    await _present(session, provider, account)
    identity = await session.scalar(
        select(LinkedIdentity).where(
            LinkedIdentity.provider == provider.name,
            LinkedIdentity.issuer == provider.issuer,
            LinkedIdentity.subject == account.subject,
        )
    )
    if identity is None:
        return None
    await store.act_for(session, identity.user_id)
    if account.name != identity.account_name:
        identity.account_name = account.name
    return await store.get_user(session, identity.user_id)


async def _note_github_id(session: AsyncSession, user_id: UUID, github_id: int) -> None:
    """Keep ``users.github_id`` in step, which knows no issuer: where an account of another GitHub
    instance has the same number, it stays empty."""
    with contextlib.suppress(IntegrityError):
        async with session.begin_nested():
            await session.execute(
                update(User).where(User.id == user_id).values(github_id=github_id)
            )
