"""E-mail addresses of accounts: verified by a link, changed by a link to the new one."""

from sqlalchemy.exc import IntegrityError

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import Conflict
from autodeploy.kernel.resources import Resources
from autodeploy.services.auth import account_store, store, throttle
from autodeploy.services.auth.confirmation import require_password
from autodeploy.services.auth.errors import EmailTaken
from autodeploy.services.auth.links import new_link, take_link
from autodeploy.services.auth.mails import address_in_use_mail, notice_mail
from autodeploy.services.auth.models import LinkPurpose
from autodeploy.services.auth.permissions import require_scope
from autodeploy.services.auth.principal import Principal, Scope
from autodeploy.services.auth.schemas import EmailInput, normal_email


async def send_verification(resources: Resources, principal: Principal) -> None:
    """Send the caller another link that verifies the account's address, at once.

    Raises ``Conflict`` when it is verified, ``TooManyRequests``, and ``MailNotSent`` or
    ``NoMailServer`` when the mail cannot be sent.
    """
    require_scope(principal, Scope.WRITE)
    resources.mail.require_transport()
    async with resources.db.transaction() as session:
        user = await store.get_user(session, principal.user_id)
        if user.email_verified_at is not None:
            raise Conflict("The e-mail address is verified.", remedy="There is nothing to do.")
        await throttle.require_mail(resources, user.email)
        mail = await new_link(resources, session, user, LinkPurpose.VERIFY_EMAIL)
    await resources.mail.send(mail)


async def change_email(resources: Resources, principal: Principal, body: EmailInput) -> None:
    """Send a link to the new address; the account has it when the link is used.

    Whether another account has that address is not told here, but by mail to it. Raises what
    ``require_password`` does, ``TooManyRequests``, ``MailNotSent`` and ``NoMailServer``.
    """
    resources.mail.require_transport()
    user = await require_password(resources, principal, body.password)
    email = normal_email(body.email)
    await throttle.require_mail(resources, email)
    async with resources.db.transaction() as session:
        if await store.find_user_by_email(session, email) is None:
            mail = await new_link(resources, session, user, LinkPurpose.CHANGE_EMAIL, email=email)
        else:
            mail = address_in_use_mail(resources.public_url, email)
    await resources.mail.send(mail)


async def verify_email(resources: Resources, token: str) -> None:
    """Use the link of a mail: its address is the account's, and verified.

    Raises ``LinkEnded``, and ``EmailTaken`` when another account got the address meanwhile.
    """
    async with resources.db.transaction() as session:
        user, link = await take_link(
            session, token, LinkPurpose.VERIFY_EMAIL, LinkPurpose.CHANGE_EMAIL
        )
        before = user.email
        user.email, user.email_verified_at = link.email, now()
        try:
            await session.flush()
        except IntegrityError:
            raise EmailTaken(
                "An account with this e-mail address exists.",
                field="email",
                remedy="Sign in with it, or ask for a link to another address.",
            ) from None
        # What was sent to the former address proves nothing any more.
        await account_store.delete_links(session, user.id)
    if user.email != before:
        what = f"e-mail address was changed to {user.email}"
        resources.mail.post(notice_mail(resources.public_url, before, what))
