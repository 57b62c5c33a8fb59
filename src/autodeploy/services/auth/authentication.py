"""From a credential to the caller: access tokens, personal and service tokens, tickets."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import Unauthenticated
from autodeploy.kernel.resources import Resources
from autodeploy.services.auth import store
from autodeploy.services.auth.errors import SessionEnded
from autodeploy.services.auth.models import ApiToken, Role, User
from autodeploy.services.auth.principal import Principal, Scope
from autodeploy.services.auth.schemas import Ticket
from autodeploy.services.auth.tokens import (
    PERSONAL_PREFIX,
    SERVICE_PREFIX,
    digest,
    new_secret,
)

AUDIENCE = "autodeploy-api"
ACCESS_LIFETIME = timedelta(minutes=15)
TICKET_SECONDS = 60


def issue_access_token(resources: Resources, user_id: UUID, session_id: UUID) -> str:
    """A signed access token of a session; ``authenticate`` accepts it while the session lives."""
    issued = now()
    claims = {"sub": str(user_id), "sid": str(session_id), "aud": AUDIENCE}
    return resources.signer.sign({**claims, "iat": issued, "exp": issued + ACCESS_LIFETIME})


async def authenticate(resources: Resources, bearer: str) -> Principal:
    """The caller that holds ``bearer``: a personal, a service or an access token.

    Raises ``Unauthenticated`` when it is wrong, expired or revoked, or its session has ended.
    """
    if bearer.startswith(PERSONAL_PREFIX):
        async with resources.db.transaction() as session:
            return await _principal_of_token(session, token_hash=digest(bearer))
    if bearer.startswith(SERVICE_PREFIX):
        async with resources.db.transaction() as session:
            return await _principal_of_service_token(session, token_hash=digest(bearer))
    claims = resources.signer.verify(bearer, audience=AUDIENCE)
    async with resources.db.transaction() as session:
        return await _principal_of_session(session, UUID(claims["sid"]))


async def issue_ticket(resources: Resources, principal: Principal) -> Ticket:
    """A ticket that opens one WebSocket as ``principal``, within ``TICKET_SECONDS``."""
    ticket = new_secret()
    reference = (
        f"service:{principal.service_token_id}"
        if principal.service_token_id
        else f"token:{principal.token_id}"
        if principal.token_id
        else f"session:{principal.session_id}"
    )
    await resources.cache.put(_ticket_key(ticket), reference.encode(), ttl_seconds=TICKET_SECONDS)
    return Ticket(ticket=ticket, expires_in=TICKET_SECONDS)


async def redeem_ticket(resources: Resources, ticket: str) -> Principal:
    """The caller that a ticket stands for. A second call with it raises ``Unauthenticated``.

    The ticket refers to the credential that it was issued for, so it ends with that one.
    """
    reference = await resources.cache.take(_ticket_key(ticket))
    if reference is None:
        raise Unauthenticated(
            "The ticket is used or expired.", remedy="Ask for another at POST /api/v1/auth/ticket."
        )
    kind, _, id_text = reference.decode().partition(":")
    async with resources.db.transaction() as session:
        if kind == "token":
            return await _principal_of_token(session, token_id=UUID(id_text))
        if kind == "service":
            return await _principal_of_service_token(session, token_id=UUID(id_text))
        return await _principal_of_session(session, UUID(id_text))


def _ticket_key(ticket: str) -> str:
    return f"ticket:{digest(ticket).hex()}"


async def _principal_of_token(
    session: AsyncSession, *, token_hash: bytes | None = None, token_id: UUID | None = None
) -> Principal:
    moment = now()
    found = await store.find_live_token(
        session, now=moment, token_hash=token_hash, token_id=token_id
    )
    if found is None:
        raise Unauthenticated(
            "The personal token is wrong, expired or revoked.", remedy="Create another token."
        )
    token, user = found
    await store.record_token_use(session, token, moment)
    return await _principal(session, user, token=token)


async def _principal_of_service_token(
    session: AsyncSession, *, token_hash: bytes | None = None, token_id: UUID | None = None
) -> Principal:
    """A caller with the rights of a member who is limited to the token's project."""
    moment = now()
    token = await store.find_live_service_token(
        session, now=moment, token_hash=token_hash, token_id=token_id
    )
    if token is None:
        raise Unauthenticated(
            "The service token is wrong, expired or revoked.",
            remedy="Create another token of the project.",
        )
    await store.record_token_use(session, token, moment)
    return Principal(
        account_id=None,
        email="",
        roles={token.organization_id: Role.MEMBER},
        limits={token.organization_id: frozenset({token.project_id})},
        scopes=frozenset(map(Scope, token.scopes)),
        service_token_id=token.id,
    )


async def _principal_of_session(session: AsyncSession, session_id: UUID) -> Principal:
    found = await store.find_live_session(session, session_id, now())
    if found is None:
        raise SessionEnded("The session has ended.", remedy="Sign in again.")
    return await _principal(session, found[1], session_id=session_id)


async def _principal(
    session: AsyncSession,
    user: User,
    *,
    token: ApiToken | None = None,
    session_id: UUID | None = None,
) -> Principal:
    places = await store.list_places(session, user.id)
    return Principal(
        account_id=user.id,
        email=user.email,
        roles={each: place.role for each, place in places.items()},
        limits={
            each: place.projects for each, place in places.items() if place.projects is not None
        },
        scopes=frozenset(map(Scope, token.scopes)) if token else frozenset(Scope),
        token_id=token.id if token else None,
        session_id=session_id,
        is_admin=user.is_admin,
    )
