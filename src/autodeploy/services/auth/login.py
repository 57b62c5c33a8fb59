"""Signing in: by password, and where the account has one by a code of the second factor."""

import hashlib
from uuid import UUID

from autodeploy.kernel.resources import Resources
from autodeploy.services.auth import account_store, store, throttle
from autodeploy.services.auth.errors import ChallengeEnded, WrongCredentials
from autodeploy.services.auth.models import User
from autodeploy.services.auth.passwords import check_password
from autodeploy.services.auth.schemas import (
    Challenge,
    LoginInput,
    SecondFactorLoginInput,
    SecondFactorNeeded,
    SignedIn,
    normal_email,
)
from autodeploy.services.auth.second_factor import require_code
from autodeploy.services.auth.sessions import open_session
from autodeploy.services.auth.tokens import digest, new_secret

CHALLENGE_SECONDS = 300


async def login(
    resources: Resources, body: LoginInput, *, user_agent: str | None, address: str | None
) -> SignedIn | SecondFactorNeeded:
    """Sign in with e-mail and password; with a second factor, a challenge for its code.

    Raises ``WrongCredentials``, not saying which, and ``TooManyRequests``, whether the account
    exists or not and whether the password is right or not.
    """
    email = normal_email(body.email)
    await throttle.count_try(resources, email, address)
    async with resources.db.transaction() as session:
        user = await store.find_user_by_email(session, email)
    if not await check_password(body.password, user.encrypted_password if user else None):
        raise _wrong()
    assert user is not None
    await throttle.forget_tries(resources, email)
    return await sign_in(resources, user, user_agent=user_agent, address=address)


async def sign_in(
    resources: Resources, user: User, *, user_agent: str | None, address: str | None
) -> SignedIn | SecondFactorNeeded:
    """A session for who proved to be ``user``, or a challenge when a code is needed too.

    Raises ``WrongCredentials`` when the account changed since ``user`` was read.
    """
    async with resources.db.transaction() as session:
        # Locked, so that a session of the old password cannot outlive a change of it.
        present = await account_store.lock_user(session, user.id)
        if present is None or _state(present) != _state(user):
            raise _wrong()
        if not await account_store.has_second_factor(session, user.id):
            return open_session(resources, session, present, user_agent=user_agent, address=address)
    challenge = new_secret()
    reference = f"{user.id}:{_state(user)}"
    await resources.cache.put(_key(challenge), reference.encode(), ttl_seconds=CHALLENGE_SECONDS)
    return SecondFactorNeeded(
        second_factor=Challenge(challenge=challenge, expires_in=CHALLENGE_SECONDS)
    )


async def login_with_second_factor(
    resources: Resources,
    body: SecondFactorLoginInput,
    *,
    user_agent: str | None,
    address: str | None,
) -> SignedIn:
    """Complete a login by a code of the app or a recovery code; the challenge works once.

    Raises ``ChallengeEnded``, ``WrongCode`` and ``TooManyRequests``.
    """
    reference = await resources.cache.find(_key(body.challenge))
    if reference is None:
        raise _ended()
    user_id, _, state = reference.decode().partition(":")
    await require_code(resources, UUID(user_id), body.code, address=address)
    if await resources.cache.take(_key(body.challenge)) is None:
        raise _ended()
    async with resources.db.transaction() as session:
        user = await account_store.lock_user(session, UUID(user_id))
        if user is None or _state(user) != state:
            raise _ended()
        return open_session(resources, session, user, user_agent=user_agent, address=address)


def _state(user: User) -> str:
    """What is another after a change of the password: what was proven before counts no more."""
    return hashlib.sha256((user.encrypted_password or "").encode()).hexdigest()


def _key(challenge: str) -> str:
    return f"login:{digest(challenge).hex()}"


def _wrong() -> WrongCredentials:
    return WrongCredentials(
        "The e-mail address or the password is wrong.", remedy="Check both and try again."
    )


def _ended() -> ChallengeEnded:
    return ChallengeEnded("The login was completed, has expired, or the account was changed.")
