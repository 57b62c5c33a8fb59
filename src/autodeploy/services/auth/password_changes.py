"""Another password: by the present one, or by a link for who does not know it."""

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import Conflict
from autodeploy.kernel.mail import Mail
from autodeploy.kernel.resources import Resources
from autodeploy.services.auth import account_store, store, throttle
from autodeploy.services.auth.confirmation import require_password
from autodeploy.services.auth.links import new_link, require_link, take_link
from autodeploy.services.auth.mails import notice_mail
from autodeploy.services.auth.models import LinkPurpose
from autodeploy.services.auth.passwords import hash_password
from autodeploy.services.auth.principal import Principal
from autodeploy.services.auth.schemas import PasswordInput, ResetInput, normal_email

_CHANGED = "password was changed"


async def request_reset(resources: Resources, email: str, *, address: str | None) -> None:
    """Send a link for a new password to ``email``, if an account has it.

    All that depends on whether one does happens after the answer. Raises ``NoMailServer`` and
    ``TooManyRequests``, alike for every address.
    """
    resources.mail.require_transport()
    await throttle.count_request_for_mail(resources, address)
    resources.mail.post(_reset_mail(resources, normal_email(email)))


async def _reset_mail(resources: Resources, email: str) -> Mail | None:
    async with resources.db.transaction() as session:
        user = await store.find_user_by_email(session, email)
        if user is None or not await throttle.may_have_mail(resources, email):
            return None
        return await new_link(resources, session, user, LinkPurpose.RESET_PASSWORD)


async def reset_password(resources: Resources, body: ResetInput) -> None:
    """Set the password by a link, which ends every session and every other link of the account.

    The link proves the address. A second factor stays. Raises ``LinkEnded``.
    """
    async with resources.db.transaction() as session:
        await require_link(session, body.token, LinkPurpose.RESET_PASSWORD)
    encrypted = await hash_password(body.password)
    async with resources.db.transaction() as session:
        user, _ = await take_link(session, body.token, LinkPurpose.RESET_PASSWORD)
        user.encrypted_password = encrypted
        user.email_verified_at = user.email_verified_at or now()
        await account_store.end_sessions(session, user.id, except_for=None)
        await account_store.delete_links(session, user.id)
    await throttle.forget_tries(resources, user.email)
    resources.mail.post(notice_mail(resources.public_url, user.email, _CHANGED))


async def change_password(resources: Resources, principal: Principal, body: PasswordInput) -> None:
    """Set the password of the caller, which ends the caller's other sessions and links.

    Raises what ``require_password`` does, and ``Conflict`` when it changed in the meantime.
    """
    known = await require_password(
        resources, principal, body.current_password, field="currentPassword"
    )
    encrypted = await hash_password(body.new_password)
    async with resources.db.transaction() as session:
        user = await account_store.lock_user(session, principal.user_id)
        if user is None or user.encrypted_password != known.encrypted_password:
            raise Conflict("The password was changed in the meantime.", remedy="Sign in again.")
        user.encrypted_password = encrypted
        await account_store.end_sessions(session, user.id, except_for=principal.session_id)
        await account_store.delete_links(session, user.id)
    resources.mail.post(notice_mail(resources.public_url, user.email, _CHANGED))
