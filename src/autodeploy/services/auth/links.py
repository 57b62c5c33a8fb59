"""One-use links that are sent by mail: stored as a digest, expiring, the newest of a kind only."""

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.kernel.mail import Mail
from autodeploy.kernel.resources import Resources
from autodeploy.services.auth import account_store
from autodeploy.services.auth.errors import LinkEnded
from autodeploy.services.auth.mails import link_mail
from autodeploy.services.auth.models import AccountLink, LinkPurpose, User
from autodeploy.services.auth.tokens import digest, new_secret

_LIFETIME_HOURS = {
    LinkPurpose.VERIFY_EMAIL: 24,
    LinkPurpose.CHANGE_EMAIL: 24,
    LinkPurpose.RESET_PASSWORD: 1,
}


async def new_link(
    resources: Resources,
    session: AsyncSession,
    user: User,
    purpose: LinkPurpose,
    *,
    email: str | None = None,
) -> Mail:
    """The mail with a new link to ``email`` (the user's own unless given).

    It is to be sent when the transaction is committed: before, the link is not known.
    """
    token, hours = new_secret(), _LIFETIME_HOURS[purpose]
    recipient = email or user.email
    await account_store.put_link(
        session,
        user.id,
        purpose,
        email=recipient,
        token_hash=digest(token),
        expires_at=now() + timedelta(hours=hours),
    )
    return link_mail(resources.public_url, purpose, recipient, token, hours)


async def require_link(session: AsyncSession, token: str, *purposes: LinkPurpose) -> None:
    """Return when the link would work now. Raises ``LinkEnded``."""
    if await account_store.find_link(session, digest(token), purposes, now()) is None:
        raise _ended()


async def take_link(
    session: AsyncSession, token: str, *purposes: LinkPurpose
) -> tuple[User, AccountLink]:
    """Use a link up; the user, locked, and the link, which works again after a rollback.

    Raises ``LinkEnded``.
    """
    # The user is locked first, as everywhere: two orders could wait for each other.
    found = await account_store.find_link(session, digest(token), purposes, now())
    if found is not None:
        user = await account_store.lock_user(session, found.user_id)
        link = await account_store.take_link(session, digest(token), purposes, now())
        if user is not None and link is not None:
            return user, link
    raise _ended()


def _ended() -> LinkEnded:
    return LinkEnded("The link is wrong, used, expired or replaced by a newer one.", field="token")
