"""A signed-in caller proves again to be the account's owner, before what an intruder would do."""

from autodeploy.kernel.errors import Conflict
from autodeploy.kernel.resources import Resources
from autodeploy.services.auth import store, throttle
from autodeploy.services.auth.errors import WrongPassword
from autodeploy.services.auth.models import User
from autodeploy.services.auth.passwords import check_password
from autodeploy.services.auth.permissions import require_scope
from autodeploy.services.auth.principal import Principal, Scope


async def require_password(
    resources: Resources, principal: Principal, password: str, *, field: str = "password"
) -> User:
    """The caller's account, when ``password`` is its password.

    Raises ``WrongPassword`` with ``field``, ``TooManyRequests``, ``Forbidden`` for a token without
    the scope admin, and ``Conflict`` for an account that has no password.
    """
    require_scope(principal, Scope.ADMIN)
    async with resources.db.transaction() as session:
        user = await store.get_user(session, principal.user_id)
    if user.encrypted_password is None:
        raise Conflict(
            "This account has no password.",
            remedy="Set one first: POST /api/v1/auth/password-reset sends a link for it.",
        )
    await throttle.count_try(resources, user.email, None)
    if not await check_password(password, user.encrypted_password):
        raise WrongPassword("The password is wrong.", field=field)
    await throttle.forget_tries(resources, user.email)
    return user
