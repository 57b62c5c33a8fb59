"""Invitations by e-mail. The link is in the mail alone; here is only its token's digest.

An invitation is worth what its sender may still give: with the sender's rights it ends.
"""

from datetime import timedelta
from urllib.parse import urlencode
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.kernel.mail import Mail
from autodeploy.kernel.pagination import split_page
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.schema import Page
from autodeploy.services.auth import audit, membership_store, store
from autodeploy.services.auth.errors import (
    AlreadyMember,
    InvitationForAnother,
    InvitationInvalid,
    TooManyInvitations,
)
from autodeploy.services.auth.models import Invitation, Organization, Role, User
from autodeploy.services.auth.organization_schemas import (
    InvitationInput,
    InvitationOffer,
    InvitationTokenInput,
    InvitationView,
    OrganizationView,
)
from autodeploy.services.auth.organizations import begin_change, organization_view
from autodeploy.services.auth.permissions import ROLE_ACTIONS, Action, require, require_rank
from autodeploy.services.auth.principal import Principal
from autodeploy.services.auth.schemas import normal_email
from autodeploy.services.auth.tokens import digest, new_invitation_token

LIFETIME = timedelta(days=7)
MOST_PENDING = 100


async def invite(
    resources: Resources, principal: Principal, organization_id: UUID, body: InvitationInput
) -> InvitationView:
    """Send an invitation; a second one to the same address renews the first and ends its link.

    It is stored before the mail is sent: where the mail fails, inviting again repeats it.

    Raises:
        AlreadyMember, TooManyInvitations.
        NoMailServer, MailNotSent: nobody was told.
        NotFound; Forbidden for a role above the caller's.
    """
    resources.mail.require_transport()
    email = normal_email(body.email)
    token = new_invitation_token()
    async with resources.db.transaction() as session:
        principal, organization = await begin_change(
            session, principal, organization_id, Action.MEMBER_MANAGE
        )
        require_rank(principal, body.role, organization_id)
        if await membership_store.find_member_by_email(session, organization_id, email):
            raise AlreadyMember(
                f"{email} is a member already.",
                field="email",
                remedy="To change the role: PUT …/members/{userId}, or `autodeploy org role`.",
            )
        earlier = await membership_store.find_pending_invitation(session, organization_id, email)
        if earlier is not None:
            # One that the caller could not have sent is not the caller's to replace.
            require_rank(principal, earlier.role, organization_id)
        elif await _is_full(session, organization_id):
            raise TooManyInvitations(f"{MOST_PENDING} invitations are unanswered.")
        before = audit.snapshot(earlier) if earlier else None
        invitation = await membership_store.renew_invitation(
            session,
            organization_id=organization_id,
            email=email,
            role=body.role,
            token_hash=digest(token),
            invited_by=principal.user_id,
            expires_at=now() + LIFETIME,
        )
        await audit.record(
            session,
            principal,
            Action.MEMBER_MANAGE,
            invitation,
            before=before,
            after=audit.snapshot(invitation),
        )
        sender = await store.get_user(session, principal.user_id)
    await resources.mail.send(_mail(resources.public_url, organization, sender, invitation, token))
    return _view(invitation)


async def list_invitations(
    resources: Resources,
    principal: Principal,
    organization_id: UUID,
    *,
    limit: int,
    cursor: str | None,
) -> Page[InvitationView]:
    """The invitations that wait for an answer, newest first."""
    require(principal, Action.INVITATION_READ, organization_id)
    async with resources.db.transaction() as session:
        rows = await membership_store.list_pending_invitations(
            session, organization_id, limit=limit, cursor=cursor
        )
    page, following = split_page(rows, limit)
    return Page(items=[_view(row) for row in page], next_cursor=following)


async def revoke_invitation(
    resources: Resources, principal: Principal, organization_id: UUID, invitation_id: UUID
) -> None:
    """End an invitation and its link. Raises ``NotFound`` and ``Forbidden``."""
    async with resources.db.transaction() as session:
        principal, _ = await begin_change(session, principal, organization_id, Action.MEMBER_MANAGE)
        invitation = await membership_store.get_pending_invitation(
            session, organization_id, invitation_id
        )
        require_rank(principal, Role(invitation.role), organization_id)
        await audit.record(
            session,
            principal,
            Action.MEMBER_MANAGE,
            invitation,
            before=audit.snapshot(invitation),
        )
        await session.delete(invitation)


async def read_invitation(resources: Resources, body: InvitationTokenInput) -> InvitationOffer:
    """What an invitation is, for whoever holds its link. Raises ``InvitationInvalid``."""
    async with resources.db.transaction() as session:
        invitation = await _find_open(session, body.token)
        organization = await session.get_one(Organization, invitation.organization_id)
        sender = await _valid_sender(session, invitation)
    return InvitationOffer(
        organization=organization.name,
        role=Role(invitation.role),
        invited_by=sender.name,
        expires_at=invitation.expires_at,
    )


async def accept_invitation(
    resources: Resources, principal: Principal, token: str
) -> OrganizationView:
    """Join the organization that an invitation of the caller's address is for.

    Accepting again what was accepted is answered the same way. Only its mailbox got the token, so
    holding it proves the address.

    Raises ``InvitationInvalid`` and ``InvitationForAnother``.
    """
    async with resources.db.transaction() as session:
        invitation = await _hold(session, token)
        user = await store.get_user(session, principal.user_id)
        if user.email != invitation.email:
            raise InvitationForAnother(
                "The invitation is for another e-mail address than yours.",
                remedy="Sign in with the address that it was sent to, or ask for another one.",
            )
        user.email_verified_at = user.email_verified_at or now()
        return await join(session, principal, invitation, user)


async def require_open_invitation(resources: Resources, token: str) -> None:
    """Return when the token could be accepted now. Raises ``InvitationInvalid``."""
    async with resources.db.transaction() as session:
        await _find_open(session, token)


async def hold_open_invitation(session: AsyncSession, token: str) -> Invitation:
    """The invitation of this token, which waits for its answer, held as ``_hold`` says."""
    await _hold(session, token)
    return await _find_open(session, token)


async def _hold(session: AsyncSession, token: str) -> Invitation:
    """The invitation of this token, which nobody else accepts, renews or revokes meanwhile: they
    all hold its organization. It may be accepted. Raises ``InvitationInvalid``."""
    organization_id = (await _find(session, token)).organization_id
    await membership_store.lock_organization(session, organization_id)
    return await _find(session, token)


async def _find_open(session: AsyncSession, token: str) -> Invitation:
    invitation = await _find(session, token)
    if invitation.accepted_at is not None:
        raise _invalid()
    return invitation


async def _find(session: AsyncSession, token: str) -> Invitation:
    """The invitation of this token, accepted or not yet expired."""
    invitation = await membership_store.find_invitation_by_token(session, digest(token))
    if invitation is None or (invitation.accepted_at is None and invitation.expires_at <= now()):
        raise _invalid()
    return invitation


async def join(
    session: AsyncSession, who: Principal | audit.Actor, invitation: Invitation, user: User
) -> OrganizationView:
    """Make the user a member by the invitation, which the caller holds and knows to be the user's.

    Raises ``InvitationInvalid`` where it was accepted and the membership has ended since, or its
    sender may not give the role any more.
    """
    organization = await session.get_one(Organization, invitation.organization_id)
    member = await membership_store.find_member(session, organization.id, user.id)
    if invitation.accepted_at is None:
        await _valid_sender(session, invitation)
        invitation.accepted_at = now()
        if member is None:
            member = await membership_store.add_member(
                session, organization.id, user.id, Role(invitation.role), now()
            )
            assert member is not None  # the organization is held
            await audit.record(
                session,
                who,
                audit.OwnAction.INVITATION_ACCEPT,
                member,
                after=audit.snapshot(member),
            )
    if member is None:
        raise _invalid()
    return organization_view(user.id, organization, Role(member.role))


async def _valid_sender(session: AsyncSession, invitation: Invitation) -> User:
    """Who sent it, while that user may still give its role. Raises ``InvitationInvalid``."""
    sender = None
    if invitation.invited_by is not None:  # else the account is gone
        sender = await membership_store.find_member(
            session, invitation.organization_id, invitation.invited_by
        )
    if sender is None:
        raise _invalid()
    rights = ROLE_ACTIONS[Role(sender.role)]
    if Action.MEMBER_MANAGE not in rights or not ROLE_ACTIONS[Role(invitation.role)] <= rights:
        raise _invalid()
    return await store.get_user(session, sender.user_id)


async def _is_full(session: AsyncSession, organization_id: UUID) -> bool:
    pending = await membership_store.count_pending_invitations(session, organization_id)
    return pending >= MOST_PENDING


def _mail(
    public_url: str, organization: Organization, sender: User, invitation: Invitation, token: str
) -> Mail:
    # Behind the '#', which browsers send to no server: it gets into no log of a proxy.
    link = f"{public_url}/invitations#{urlencode({'token': token})}"
    return Mail(
        recipient=invitation.email,
        subject=f"Join {organization.name} on AutoDeploy",
        text=(
            f"{sender.name} ({sender.email}) invites you to the organization "
            f"{organization.name} on AutoDeploy, as {invitation.role}.\n\n"
            f"Accept until {invitation.expires_at:%Y-%m-%d %H:%M} UTC:\n\n{link}\n\n"
            "On a command line, `autodeploy org accept` takes this link; without an account yet, "
            "add --name and your name.\n\n"
            "If you do not know what this is about, ignore this mail.\n"
        ),
    )


def _invalid() -> InvitationInvalid:
    return InvitationInvalid("This invitation is unknown, used, expired or revoked.")


def _view(invitation: Invitation) -> InvitationView:
    return InvitationView(
        id=invitation.id,
        email=invitation.email,
        role=Role(invitation.role),
        invited_by=invitation.invited_by,
        created_at=invitation.created_at,
        expires_at=invitation.expires_at,
        expired=invitation.expires_at <= now(),
    )
