"""Accepting an invitation: as who is signed in, or as a newcomer whose account is made with it."""

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import Unauthenticated
from autodeploy.kernel.resources import Resources
from autodeploy.services.auth import audit, store
from autodeploy.services.auth.errors import EmailTaken
from autodeploy.services.auth.invitations import (
    accept_invitation,
    hold_open_invitation,
    join,
    require_open_invitation,
)
from autodeploy.services.auth.organization_schemas import InvitationAcceptance, InvitationAccepted
from autodeploy.services.auth.passwords import hash_password
from autodeploy.services.auth.principal import Principal
from autodeploy.services.auth.sessions import open_session


async def accept(
    resources: Resources,
    principal: Principal | None,
    body: InvitationAcceptance,
    *,
    user_agent: str | None,
    address: str | None,
) -> InvitationAccepted:
    """Join the organization; without a caller an account is made for the invited address.

    Raises:
        InvitationInvalid, InvitationForAnother.
        Unauthenticated: there is neither a caller nor what an account needs.
        EmailTaken: the invited address has an account, which is to sign in.
    """
    if principal is not None:
        return InvitationAccepted(
            organization=await accept_invitation(resources, principal, body.token)
        )
    if body.name is None or body.password is None:
        raise Unauthenticated(
            "Somebody has to accept the invitation.",
            remedy="Sign in and send it again, or send a name and a password for a new account.",
        )
    await require_open_invitation(resources, body.token)
    encrypted = await hash_password(body.password)
    who = audit.Actor.anonymous(address=address, user_agent=user_agent)
    async with resources.db.transaction() as session:
        invitation = await hold_open_invitation(session, body.token)
        user = await store.create_user(
            session, email=invitation.email, name=body.name, encrypted_password=encrypted
        )
        if user is None:
            raise EmailTaken(
                "The invited address has an account.", remedy="Sign in with it, then accept."
            )
        user.email_verified_at = now()  # its mailbox alone got the token
        await session.flush()
        await session.refresh(user)
        await audit.record(session, who, audit.OwnAction.REGISTER, user, after=audit.snapshot(user))
        await store.create_organization(session, name=user.name, owner_id=user.id, now=now())
        organization = await join(session, who, invitation, user)
        signed_in = await open_session(
            resources, session, user, user_agent=user_agent, address=address
        )
    return InvitationAccepted(organization=organization, session=signed_in)
