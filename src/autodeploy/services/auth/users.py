"""Users, as they see themselves and as people of the same organization see them."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import InvalidInput, NotFound
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.versions import ANY_VERSION, IfMatch
from autodeploy.services.auth import audit, membership_store
from autodeploy.services.auth.models import User
from autodeploy.services.auth.organization_schemas import PersonUpdate, PersonView
from autodeploy.services.auth.permissions import Action, reach_of, require_scope
from autodeploy.services.auth.principal import Principal, Scope


async def get_user(resources: Resources, principal: Principal, user_id: UUID) -> PersonView:
    """The caller, or a person of one of the caller's organizations. Raises ``NotFound``."""
    require_scope(principal, Scope.READ)
    async with resources.db.transaction() as session:
        return PersonView.model_validate(await find_visible_user(session, principal, user_id))


async def update_user(
    resources: Resources,
    principal: Principal,
    user_id: UUID,
    body: PersonUpdate,
    if_match: IfMatch = ANY_VERSION,
) -> PersonView:
    """Change the caller's own name or picture.

    Raises:
        NotFound: for everybody else.
        PreconditionFailed: it was changed since.
        Forbidden, InvalidInput.
    """
    require_scope(principal, Scope.ADMIN)
    if user_id != principal.user_id:
        raise _no_such_user()
    async with resources.db.transaction() as session:
        user = await session.get_one(User, user_id, with_for_update=True)
        present = PersonView.model_validate(user)
        if_match.require(present)
        body.require_readonly_same(present)
        before = audit.snapshot(user)
        if "name" in body.model_fields_set:
            if body.name is None:
                raise InvalidInput("A user has a name.", field="name")
            user.name = body.name
        if "avatar" in body.model_fields_set:
            user.avatar_url = body.avatar
        after = audit.snapshot(user)
        if after != before:
            user.updated_at = now()
            await session.flush()
        await audit.record(
            session, principal, audit.OwnAction.USER_UPDATE, user, before=before, after=after
        )
        return PersonView.model_validate(user)


async def find_visible_user(session: AsyncSession, principal: Principal, user_id: UUID) -> User:
    """The caller, or a person of one of the caller's organizations. Raises ``NotFound``."""
    if user_id != principal.user_id:
        reach = reach_of(principal, Action.MEMBER_READ)
        shared = reach.whole | reach.limited
        if not await membership_store.share_organization(session, user_id, shared):
            raise _no_such_user()
    user = await session.get(User, user_id)
    if user is None:  # gone since, or hidden by row-level security
        raise _no_such_user()
    return user


def _no_such_user() -> NotFound:
    return NotFound("No such user.")
