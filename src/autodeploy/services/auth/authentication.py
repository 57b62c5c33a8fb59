"""From a credential to the caller: access tokens, personal and service tokens, tickets."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import select

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import Unauthenticated
from autodeploy.kernel.resources import Resources
from autodeploy.services.auth import store
from autodeploy.services.auth.errors import SessionEnded
from autodeploy.services.auth.models import OrganizationMember, Role, User
from autodeploy.services.auth.principal import Principal, Scope
from autodeploy.services.auth.schemas import Ticket
from autodeploy.services.auth.store import CredentialKind, Holder
from autodeploy.services.auth.tokens import (
    PERSONAL_PREFIX,
    SERVICE_PREFIX,
    digest,
    new_secret,
)

AUDIENCE = "autodeploy-api"
ACCESS_LIFETIME = timedelta(minutes=15)
TICKET_SECONDS = 60

_USE_RECORDED_EVERY = timedelta(minutes=1)


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
        return await _identify(resources, CredentialKind.TOKEN, token_hash=digest(bearer))
    if bearer.startswith(SERVICE_PREFIX):
        return await _identify(resources, CredentialKind.SERVICE, token_hash=digest(bearer))
    claims = resources.signer.verify(bearer, audience=AUDIENCE)
    return await _identify(resources, CredentialKind.SESSION, row_id=UUID(claims["sid"]))


async def issue_ticket(resources: Resources, principal: Principal) -> Ticket:
    """A ticket that opens one WebSocket as ``principal``, within ``TICKET_SECONDS``."""
    ticket = new_secret()
    held = {
        CredentialKind.SERVICE: principal.service_token_id,
        CredentialKind.TOKEN: principal.token_id,
        CredentialKind.SESSION: principal.session_id,
    }
    [reference] = [f"{kind}:{row_id}" for kind, row_id in held.items() if row_id is not None]
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
    return await _identify(resources, CredentialKind(kind), row_id=UUID(id_text))


async def act_as(
    resources: Resources, *, user_id: UUID | None, service_token_id: UUID | None
) -> Principal:
    """Who asked for something that a worker does later, with the rights that they have by then.

    Raises ``Unauthenticated`` when the account or token is gone.
    """
    if service_token_id is not None:
        return await _identify(resources, CredentialKind.SERVICE, row_id=service_token_id)
    async with resources.db.transaction() as session:
        user = await session.get(User, user_id) if user_id else None
        if user is None:
            raise Unauthenticated("The account is deleted.")
        members = (
            await session.scalars(
                select(OrganizationMember).where(
                    OrganizationMember.user_id == user_id,
                    OrganizationMember.joined_at.is_not(None),
                )
            )
        ).all()
    return Principal(
        account_id=user.id,
        email=user.email,
        roles={each.organization_id: Role(each.role) for each in members},
        limits={
            each.organization_id: frozenset(each.project_ids)
            for each in members
            if each.project_ids is not None
        },
        scopes=frozenset(Scope),
    )


def _ticket_key(ticket: str) -> str:
    return f"ticket:{digest(ticket).hex()}"


async def _identify(
    resources: Resources,
    kind: CredentialKind,
    *,
    token_hash: bytes | None = None,
    row_id: UUID | None = None,
) -> Principal:
    """The holder of a credential, by its digest or the id of its row.

    The holder of a service token has the rights of a member who is limited to its project.
    """
    holder = await store.find_holder(resources.db, kind, token_hash=token_hash, row_id=row_id)
    if holder is None:
        raise _refusal(kind)
    limits = {each: place.projects for each, place in holder.places.items()}
    principal = Principal(
        account_id=holder.account_id,
        email=holder.email,
        roles={each: place.role for each, place in holder.places.items()},
        limits={each: projects for each, projects in limits.items() if projects is not None},
        scopes=frozenset(Scope if holder.scopes is None else map(Scope, holder.scopes)),
        token_id=holder.token_id if kind == CredentialKind.TOKEN else None,
        session_id=row_id if kind == CredentialKind.SESSION else None,
        service_token_id=holder.token_id if kind == CredentialKind.SERVICE else None,
        is_admin=holder.is_admin,
    )
    if kind != CredentialKind.SESSION:
        await _record_use(resources.acting_for(principal.tenancy), kind, holder)
    return principal


async def _record_use(resources: Resources, kind: CredentialKind, holder: Holder) -> None:
    """Note when a token was used, at most once a minute, so that reads stay reads."""
    moment = now()
    before = moment - _USE_RECORDED_EVERY
    if holder.token_id and (holder.last_used_at is None or holder.last_used_at <= before):
        async with resources.db.transaction() as session:
            await store.record_token_use(session, kind, holder.token_id, moment, before)


def _refusal(kind: CredentialKind) -> Unauthenticated:
    if kind == CredentialKind.SESSION:
        return SessionEnded("The session has ended.", remedy="Sign in again.")
    if kind == CredentialKind.SERVICE:
        return Unauthenticated(
            "The service token is wrong, expired or revoked.",
            remedy="Create another token of the project.",
        )
    return Unauthenticated(
        "The personal token is wrong, expired or revoked.", remedy="Create another token."
    )
