"""What is done to one account touches no other: each query of accounts names its user."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.kernel.db import Database
from autodeploy.services.auth import account_store
from autodeploy.services.auth.models import (
    AccountLink,
    LinkPurpose,
    RecoveryCode,
    SecondFactor,
    User,
)

ENROLLED = now() - timedelta(minutes=5)
CODE = b"c" * 32


@pytest.fixture
async def accounts(database: Database) -> tuple[UUID, UUID]:
    """Ada and Bob, who have the same of everything; Bob's row comes first."""
    bob, ada = uuid4(), uuid4()
    async with database.transaction() as session:
        for user_id in (bob, ada):
            session.add(User(id=user_id, email=f"{user_id}@example.com", name="x"))
            await session.flush()
            session.add_all(
                [
                    SecondFactor(user_id=user_id, encrypted_secret="s", created_at=ENROLLED),
                    AccountLink(
                        user_id=user_id, purpose=LinkPurpose.VERIFY_EMAIL, email="x",
                        token_hash=user_id.bytes, expires_at=now() + timedelta(days=1),
                    ),
                ]
            )  # fmt: skip
            await session.flush()
            session.add(RecoveryCode(user_id=user_id, code_hash=CODE))
    return ada, bob


async def count(session: AsyncSession, model: type, user_id: UUID) -> int | None:
    query = select(func.count()).select_from(model).where(model.user_id == user_id)
    return await session.scalar(query)


async def test_links_and_factors_and_codes_of_others_stay(
    database: Database, accounts: tuple[UUID, UUID]
) -> None:
    ada, bob = accounts
    async with database.transaction() as session:
        await account_store.delete_links(session, ada)
        await account_store.replace_recovery_codes(session, ada, [b"n" * 32, b"m" * 32])
        assert await account_store.count_recovery_codes(session, ada) == 2
        assert await account_store.count_recovery_codes(session, bob) == 1
        await account_store.delete_second_factor(session, ada)
        for model in (AccountLink, RecoveryCode, SecondFactor):
            assert await count(session, model, ada) == 0
            assert await count(session, model, bob) == 1


async def test_recovery_code_of_another_is_not_taken(
    database: Database, accounts: tuple[UUID, UUID]
) -> None:
    ada, bob = accounts
    async with database.transaction() as session:
        assert await account_store.take_recovery_code(session, ada, CODE)
        assert not await account_store.take_recovery_code(session, ada, CODE)
        assert await count(session, RecoveryCode, bob) == 1


async def test_factor_is_confirmed_and_used_for_its_user_alone(
    database: Database, accounts: tuple[UUID, UUID]
) -> None:
    ada, bob = accounts
    async with database.transaction() as session:
        assert await account_store.confirm_second_factor(session, ada, ENROLLED, now())
        assert await account_store.has_second_factor(session, ada)
        assert not await account_store.has_second_factor(session, bob)
        assert await account_store.advance_step(session, ada, 7)
        assert not await account_store.advance_step(session, ada, 7)
        assert await account_store.advance_step(session, bob, 7)
