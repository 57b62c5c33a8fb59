"""Accounts: registering, and who I am. The face of the whole auth service."""

from autodeploy.kernel.clock import now
from autodeploy.kernel.resources import Resources
from autodeploy.services.auth import store
from autodeploy.services.auth.addresses import change_email, send_verification, verify_email
from autodeploy.services.auth.authentication import authenticate, issue_ticket, redeem_ticket
from autodeploy.services.auth.errors import EmailTaken
from autodeploy.services.auth.links import new_link
from autodeploy.services.auth.login import login, login_with_second_factor
from autodeploy.services.auth.models import LinkPurpose
from autodeploy.services.auth.organizations import get_organization, list_organizations
from autodeploy.services.auth.password_changes import (
    change_password,
    request_reset,
    reset_password,
)
from autodeploy.services.auth.passwords import hash_password
from autodeploy.services.auth.personal_tokens import (
    create_token,
    ensure_administrator,
    list_tokens,
    revoke_token,
)
from autodeploy.services.auth.principal import Principal
from autodeploy.services.auth.schemas import (
    Me,
    Membership,
    RegisterInput,
    SignedIn,
    UserView,
    normal_email,
)
from autodeploy.services.auth.sessions import (
    end_other_sessions,
    end_session,
    list_sessions,
    logout,
    open_session,
    refresh,
)
from autodeploy.services.auth.setup import issue_setup_token, set_up

__all__ = [
    "authenticate",
    "change_email",
    "change_password",
    "create_token",
    "end_other_sessions",
    "end_session",
    "ensure_administrator",
    "get_me",
    "get_organization",
    "issue_setup_token",
    "issue_ticket",
    "list_organizations",
    "list_sessions",
    "list_tokens",
    "login",
    "login_with_second_factor",
    "logout",
    "redeem_ticket",
    "refresh",
    "register",
    "request_reset",
    "reset_password",
    "revoke_token",
    "send_verification",
    "set_up",
    "verify_email",
]


async def register(
    resources: Resources, body: RegisterInput, *, user_agent: str | None, address: str | None
) -> SignedIn:
    """Create an account with its personal organization, and sign it in.

    A mail with a link that verifies the address follows; the account is there without it.
    Raises ``EmailTaken``: that an address has an account can be learned here, since whoever
    registers is signed in at once; the limit on calls is what slows that down.
    """
    encrypted = await hash_password(body.password)
    async with resources.db.transaction() as session:
        user = await store.create_user(
            session, email=normal_email(body.email), name=body.name, encrypted_password=encrypted
        )
        if user is None:
            raise EmailTaken(
                "An account with this e-mail address exists.",
                field="email",
                remedy="Sign in, or register with another address.",
            )
        await store.create_organization(session, name=user.name, owner_id=user.id, now=now())
        mail = await new_link(resources, session, user, LinkPurpose.VERIFY_EMAIL)
        signed_in = open_session(resources, session, user, user_agent=user_agent, address=address)
    resources.mail.post(mail)
    return signed_in


async def get_me(resources: Resources, principal: Principal) -> Me:
    """The caller's account and organizations."""
    async with resources.db.transaction() as session:
        user = await store.get_user(session, principal.user_id)
        rows = await store.list_memberships(session, principal.user_id)
    memberships = [
        Membership(id=organization.id, name=organization.name, slug=organization.slug, role=role)
        for organization, role in rows
    ]
    view = UserView.model_validate(user)
    return Me(
        **view.model_dump(exclude={"avatar"}), avatar_url=view.avatar, organizations=memberships
    )
