"""The second factor: an authenticator app, and recovery codes for when it is lost."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import Conflict
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.vault.columns import Place, place_of
from autodeploy.services.auth import account_store, audit, one_time_codes, store, throttle
from autodeploy.services.auth.confirmation import require_password
from autodeploy.services.auth.errors import WrongCode
from autodeploy.services.auth.mails import notice_mail
from autodeploy.services.auth.models import SecondFactor
from autodeploy.services.auth.permissions import require_scope
from autodeploy.services.auth.principal import Principal, Scope
from autodeploy.services.auth.schemas import (
    CodeInput,
    ConfirmedInput,
    EnrolInput,
    Enrolment,
    RecoveryCodes,
    SecondFactorView,
)

ISSUER = "AutoDeploy"


async def get_second_factor(resources: Resources, principal: Principal) -> SecondFactorView:
    """Whether the caller's account has a second factor that counts."""
    require_scope(principal, Scope.READ)
    async with resources.db.transaction() as session:
        factor = await account_store.find_second_factor(session, principal.user_id)
        left = await account_store.count_recovery_codes(session, principal.user_id)
    confirmed_at = factor.confirmed_at if factor else None
    return SecondFactorView(
        enabled=confirmed_at is not None, confirmed_at=confirmed_at, recovery_codes_left=left
    )


async def enrol(resources: Resources, principal: Principal, body: EnrolInput) -> Enrolment:
    """A new secret for an app; it counts when ``confirm`` got a code of it.

    Raises what ``require_password`` does, and ``Conflict`` when a factor counts already.
    """
    user = await require_password(resources, principal, body.password)
    secret = one_time_codes.new_secret()
    place = _place(user.id)
    sealed = await resources.vault.encrypt_for(place.subject, secret, context=place.context)
    async with resources.db.transaction() as session:
        if not await account_store.put_second_factor(session, user.id, sealed):
            raise _on_already()
    uri = one_time_codes.provisioning_uri(secret, account=user.email, issuer=ISSUER)
    return Enrolment(secret=secret, otpauth_uri=uri)


async def confirm(resources: Resources, principal: Principal, body: CodeInput) -> RecoveryCodes:
    """Let the enrolled app count from now on. Raises ``WrongCode``, ``Conflict``."""
    require_scope(principal, Scope.ADMIN)
    await throttle.count_try(resources, account_of(principal.user_id), None)
    async with resources.db.transaction() as session:
        factor = await account_store.find_second_factor(session, principal.user_id)
    if factor is None:
        raise Conflict(
            "There is no app to confirm.", remedy="Begin with POST /api/v1/auth/second-factor."
        )
    secret = await _open(resources, factor)
    async with resources.db.transaction() as session:
        await _accept_step(session, principal.user_id, secret, body.code)
        if not await account_store.confirm_second_factor(
            session, principal.user_id, factor.created_at, now()
        ):
            raise _on_already()
        codes = await _new_recovery_codes(session, principal.user_id)
        await _record(session, principal, audit.OwnAction.SECOND_FACTOR_ENABLE)
    await throttle.forget_tries(resources, account_of(principal.user_id))
    return codes


async def renew_recovery_codes(
    resources: Resources, principal: Principal, body: ConfirmedInput
) -> RecoveryCodes:
    """New recovery codes in the place of the old ones. Raises what ``disable`` does."""
    await require_password(resources, principal, body.password)
    await require_code(resources, principal.user_id, body.code, address=None)
    async with resources.db.transaction() as session:
        if not await account_store.has_second_factor(session, principal.user_id):
            raise _off()
        await _record(session, principal, audit.OwnAction.RECOVERY_CODES_RENEW)
        return await _new_recovery_codes(session, principal.user_id)


async def disable(resources: Resources, principal: Principal, body: ConfirmedInput) -> None:
    """Sign in by password alone from now on.

    Raises what ``require_password`` does, ``WrongCode``, and ``Conflict`` when it is off.
    """
    user = await require_password(resources, principal, body.password)
    await require_code(resources, user.id, body.code, address=None)
    async with resources.db.transaction() as session:
        await account_store.delete_second_factor(session, user.id)
        await _record(session, principal, audit.OwnAction.SECOND_FACTOR_DISABLE)
    what = "second factor was switched off"
    resources.mail.post(notice_mail(resources.public_url, user.email, what))


async def _record(session: AsyncSession, principal: Principal, action: audit.OwnAction) -> None:
    """The factor is the account's: what is written is about the user."""
    await audit.record(session, principal, action, await store.get_user(session, principal.user_id))


async def require_code(
    resources: Resources, user_id: UUID, code: str, *, address: str | None
) -> None:
    """Return when ``code`` is one of the app or a recovery code; it is used up then.

    Raises ``WrongCode``, ``TooManyRequests``, and ``Conflict`` when the account has no factor.
    """
    await throttle.count_try(resources, account_of(user_id), address)
    async with resources.db.transaction() as session:
        await store.act_for(session, user_id)
        factor = await account_store.find_second_factor(session, user_id)
    if factor is None or factor.confirmed_at is None:
        raise _off()
    secret = await _open(resources, factor)
    async with resources.db.transaction() as session:
        await store.act_for(session, user_id)
        recovery = one_time_codes.recovery_digest(code)
        if not await account_store.take_recovery_code(session, user_id, recovery):
            await _accept_step(session, user_id, secret, code)
    await throttle.forget_tries(resources, account_of(user_id))


def account_of(user_id: UUID) -> str:
    """What the tries of the user's codes are counted by: others than those of the password."""
    return f"second factor of {user_id}"


async def _open(resources: Resources, factor: SecondFactor) -> str:
    place = _place(factor.user_id)
    return await resources.vault.decrypt_for(
        place.subject, factor.encrypted_secret, context=place.context
    )


def _place(user_id: UUID) -> Place:
    return place_of(SecondFactor.encrypted_secret, user_id=user_id)


async def _accept_step(session: AsyncSession, user_id: UUID, secret: str, code: str) -> None:
    step = one_time_codes.step_of_code(secret, one_time_codes.normal_code(code), now())
    if step is None or not await account_store.advance_step(session, user_id, step):
        raise WrongCode("The code is wrong, or was used before.", field="code")


async def _new_recovery_codes(session: AsyncSession, user_id: UUID) -> RecoveryCodes:
    codes = one_time_codes.new_recovery_codes()
    await account_store.replace_recovery_codes(
        session, user_id, map(one_time_codes.recovery_digest, codes)
    )
    return RecoveryCodes(recovery_codes=codes)


def _on_already() -> Conflict:
    return Conflict(
        "The account has a second factor.",
        remedy="Switch it off first: POST /api/v1/auth/second-factor/disable.",
    )


def _off() -> Conflict:
    return Conflict("The account has no second factor.", remedy="There is nothing to do.")
