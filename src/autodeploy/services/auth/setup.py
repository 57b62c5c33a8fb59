"""The first administrator, made by whoever holds the token that the server printed."""

from autodeploy.kernel.clock import now
from autodeploy.kernel.resources import Resources
from autodeploy.services.auth import account_store, store
from autodeploy.services.auth.errors import EmailTaken, SetupRefused
from autodeploy.services.auth.passwords import hash_password
from autodeploy.services.auth.schemas import SetupInput, SignedIn, normal_email
from autodeploy.services.auth.sessions import open_session
from autodeploy.services.auth.tokens import digest, new_secret

SETUP_SECONDS = 3600


async def issue_setup_token(resources: Resources) -> str | None:
    """A token that makes the first administrator, for ``SETUP_SECONDS``; None if there is one."""
    async with resources.db.transaction() as session:
        if await account_store.has_administrator(session):
            return None
    token = new_secret()
    await resources.cache.put(_key(token), b"1", ttl_seconds=SETUP_SECONDS)
    return token


async def set_up(
    resources: Resources, body: SetupInput, *, user_agent: str | None, address: str | None
) -> SignedIn:
    """Create the first administrator and sign it in; then no set-up token works any more.

    Raises ``SetupRefused``, and ``EmailTaken`` when somebody registered with that address.
    """
    if await resources.cache.find(_key(body.token)) is None:
        raise _refused()
    encrypted = await hash_password(body.password)
    async with resources.db.transaction() as session:
        await account_store.lock_setup(session)
        if await account_store.has_administrator(session):
            raise _refused()
        user = await store.create_user(
            session,
            email=normal_email(body.email),
            name=body.name,
            encrypted_password=encrypted,
            is_admin=True,
        )
        if user is None:
            raise EmailTaken(
                "An account with this e-mail address exists.",
                field="email",
                remedy="Name another address for the administrator.",
            )
        await store.create_organization(session, name=user.name, owner_id=user.id, now=now())
        signed_in = open_session(resources, session, user, user_agent=user_agent, address=address)
    await resources.cache.take(_key(body.token))
    return signed_in


def _key(token: str) -> str:
    return f"setup:{digest(token).hex()}"


def _refused() -> SetupRefused:
    return SetupRefused(
        "The set-up token is wrong or expired, or there is an administrator already.",
        field="token",
    )
