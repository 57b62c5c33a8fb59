"""Queries over accounts: their sessions, one-use links, second factors and recovery codes."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.pagination import keyset
from autodeploy.services.auth.models import (
    AccountLink,
    LinkPurpose,
    RecoveryCode,
    SecondFactor,
    Session,
    User,
)
from autodeploy.services.auth.store import present


async def lock_user(session: AsyncSession, user_id: UUID) -> User | None:
    """The user, whom no other transaction changes until this one ends; None when it is gone."""
    return await session.get(User, user_id, with_for_update=True, populate_existing=True)


async def put_link(
    session: AsyncSession,
    user_id: UUID,
    purpose: LinkPurpose,
    *,
    email: str,
    token_hash: bytes,
    expires_at: datetime,
) -> None:
    """Store a link; the user's earlier one of that purpose no longer works."""
    values = {"email": email, "token_hash": token_hash, "expires_at": expires_at}
    await session.execute(
        insert(AccountLink)
        .values(user_id=user_id, purpose=purpose, **values)
        .on_conflict_do_update(
            index_elements=["user_id", "purpose"], set_={**values, "created_at": func.now()}
        )
    )


async def find_link(
    session: AsyncSession, token_hash: bytes, purposes: Collection[LinkPurpose], now: datetime
) -> AccountLink | None:
    await present(session, "token", token_hash.hex())
    return await session.scalar(select(AccountLink).where(*_live(token_hash, purposes, now)))


async def take_link(
    session: AsyncSession, token_hash: bytes, purposes: Collection[LinkPurpose], now: datetime
) -> AccountLink | None:
    """The link of this token, removed: of several transactions one gets it."""
    return await session.scalar(
        delete(AccountLink).where(*_live(token_hash, purposes, now)).returning(AccountLink)
    )


def _live(
    token_hash: bytes, purposes: Collection[LinkPurpose], now: datetime
) -> tuple[ColumnElement[bool], ...]:
    return (
        AccountLink.token_hash == token_hash,
        AccountLink.purpose.in_(purposes),
        AccountLink.expires_at > now,
    )


async def delete_links(session: AsyncSession, user_id: UUID) -> None:
    await session.execute(delete(AccountLink).where(AccountLink.user_id == user_id))


async def list_sessions(
    session: AsyncSession, user_id: UUID, now: datetime, *, limit: int, cursor: str | None
) -> Sequence[Session]:
    """The user's live sessions, newest first, one more than ``limit``."""
    statement = select(Session).where(
        Session.user_id == user_id, Session.revoked_at.is_(None), Session.expires_at > now
    )
    rows = await session.scalars(
        keyset(statement, Session.created_at, Session.id, limit=limit, cursor=cursor)
    )
    return rows.all()


async def end_session(session: AsyncSession, user_id: UUID, session_id: UUID) -> bool:
    """Whether the user had such a session that was not ended before."""
    ended = await session.scalar(
        update(Session)
        .where(Session.id == session_id, Session.user_id == user_id, Session.revoked_at.is_(None))
        .values(revoked_at=func.now())
        .returning(Session.id)
    )
    return ended is not None


async def end_sessions(session: AsyncSession, user_id: UUID, *, except_for: UUID | None) -> None:
    """End the user's sessions, all of them or all but one."""
    statement = update(Session).where(Session.user_id == user_id, Session.revoked_at.is_(None))
    if except_for is not None:
        statement = statement.where(Session.id != except_for)
    await session.execute(statement.values(revoked_at=func.now()))


async def find_second_factor(session: AsyncSession, user_id: UUID) -> SecondFactor | None:
    """The user's second factor, confirmed or not."""
    return await session.get(SecondFactor, user_id)


async def has_second_factor(session: AsyncSession, user_id: UUID) -> bool:
    """Whether signing in as the user needs a code."""
    found = await session.scalar(
        select(SecondFactor.user_id).where(
            SecondFactor.user_id == user_id, SecondFactor.confirmed_at.is_not(None)
        )
    )
    return found is not None


async def put_second_factor(session: AsyncSession, user_id: UUID, encrypted_secret: str) -> bool:
    """Store a factor to be confirmed in the place of an unconfirmed one; False when one counts."""
    values = {"encrypted_secret": encrypted_secret, "created_at": func.now()}
    stored = await session.scalar(
        insert(SecondFactor)
        .values(user_id=user_id, **values)
        .on_conflict_do_update(
            index_elements=["user_id"], set_=values, where=SecondFactor.confirmed_at.is_(None)
        )
        .returning(SecondFactor.user_id)
    )
    return stored is not None


async def advance_step(session: AsyncSession, user_id: UUID, step: int) -> bool:
    """Note that a code of this time step was used; False when it or a later one was before."""
    advanced = await session.scalar(
        update(SecondFactor)
        .where(SecondFactor.user_id == user_id, SecondFactor.last_step < step)
        .values(last_step=step)
        .returning(SecondFactor.user_id)
        .execution_options(synchronize_session=False)
    )
    return advanced is not None


async def confirm_second_factor(
    session: AsyncSession, user_id: UUID, enrolled_at: datetime, now: datetime
) -> bool:
    """Let the factor count from now on; False when one does already, or another was enrolled."""
    confirmed = await session.scalar(
        update(SecondFactor)
        .where(
            SecondFactor.user_id == user_id,
            SecondFactor.created_at == enrolled_at,
            SecondFactor.confirmed_at.is_(None),
        )
        .values(confirmed_at=now)
        .returning(SecondFactor.user_id)
        .execution_options(synchronize_session=False)
    )
    return confirmed is not None


async def delete_second_factor(session: AsyncSession, user_id: UUID) -> None:
    await session.execute(delete(SecondFactor).where(SecondFactor.user_id == user_id))


async def replace_recovery_codes(
    session: AsyncSession, user_id: UUID, hashes: Iterable[bytes]
) -> None:
    await session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    session.add_all(RecoveryCode(user_id=user_id, code_hash=each) for each in hashes)


async def take_recovery_code(session: AsyncSession, user_id: UUID, code_hash: bytes) -> bool:
    """Whether the user had this code; it is gone then."""
    taken = await session.scalar(
        delete(RecoveryCode)
        .where(RecoveryCode.user_id == user_id, RecoveryCode.code_hash == code_hash)
        .returning(RecoveryCode.user_id)
    )
    return taken is not None


async def count_recovery_codes(session: AsyncSession, user_id: UUID) -> int:
    counted = await session.scalar(
        select(func.count()).select_from(RecoveryCode).where(RecoveryCode.user_id == user_id)
    )
    return counted or 0


async def list_administrators(session: AsyncSession) -> list[UUID]:
    """The ids of the platform's administrators, also of those whose rows the caller cannot see."""
    return list(await session.scalars(select(func.autodeploy_administrators())))


async def has_administrator(session: AsyncSession) -> bool:
    return bool(await list_administrators(session))


async def lock_setup(session: AsyncSession) -> None:
    """Let one transaction at a time decide whether there is an administrator."""
    await session.execute(text("SELECT pg_advisory_xact_lock(hashtext('autodeploy.setup'))"))
