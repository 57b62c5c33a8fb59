"""Deleting organizations and accounts. It is decided here because they hold projects.

Nothing that runs is taken down in passing: an organization is empty before it can be deleted, and
an account is deleted once nothing depends on it alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.errors import NotFound
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.tenancy import join
from autodeploy.kernel.versions import ANY_VERSION, IfMatch
from autodeploy.providers.identity import IdentityProviders
from autodeploy.services.auth import (
    account_store,
    audit,
    connections,
    grants,
    membership_store,
    store,
)
from autodeploy.services.auth.errors import (
    AccountInUse,
    NotConfirmed,
    OrganizationInUse,
    PersonalOrganization,
)
from autodeploy.services.auth.models import Organization, OrganizationMember, Role, User
from autodeploy.services.auth.organization_schemas import (
    DeletionPreview,
    Fate,
    OrganizationFate,
    PersonView,
)
from autodeploy.services.auth.organizations import begin_change, organization_view
from autodeploy.services.auth.permissions import Action, require, require_scope
from autodeploy.services.auth.principal import Principal, Scope
from autodeploy.services.deployer.connection_use import describe_uses
from autodeploy.services.deployer.databases.models import ProjectDatabase
from autodeploy.services.deployer.models import Project

_NAMED = 5


async def delete_organization(
    resources: Resources,
    principal: Principal,
    organization_id: UUID,
    *,
    confirm: str,
    if_match: IfMatch = ANY_VERSION,
) -> None:
    """Delete an organization that holds no project and no database.

    Args:
        confirm: its slug.

    Raises:
        NotConfirmed, OrganizationInUse.
        PersonalOrganization: it goes with the account.
        PreconditionFailed: it is of another version than ``if_match`` says.
        NotFound, Forbidden.
    """
    require(principal, Action.ORGANIZATION_DELETE, organization_id)
    async with resources.db.transaction() as session:
        await membership_store.close_organization(session, organization_id)
        principal, organization = await begin_change(
            session, principal, organization_id, Action.ORGANIZATION_DELETE
        )
        role = principal.roles[organization_id]
        if_match.require(organization_view(principal.user_id, organization, role))
        if confirm != organization.slug:
            raise NotConfirmed(
                "Deleting an organization cannot be undone.",
                field="confirm",
                remedy=f"Send ?confirm={organization.slug} to confirm it.",
            )
        if organization.personal_user_id is not None:
            raise PersonalOrganization("This organization belongs to an account.")
        held = await _list_holdings(session, organization_id)
        if held.projects or held.databases:
            raise OrganizationInUse(f"The organization still holds {held}.")
        await _delete_organization(session, principal, organization, Action.ORGANIZATION_DELETE)


async def preview_deletion(
    resources: Resources, principal: Principal, user_id: UUID
) -> DeletionPreview:
    """What deleting the caller's account would do. Raises ``NotFound`` and ``Forbidden``."""
    require_scope(principal, Scope.ADMIN)
    if user_id != principal.user_id:
        raise NotFound("No such user.")
    async with resources.db.transaction() as session:
        user = await _get_user(session, user_id)
        return await _preview(session, user, await _list_organizations(session, user_id))


async def delete_user(
    resources: Resources,
    providers: IdentityProviders,
    principal: Principal,
    user_id: UUID,
    *,
    confirm: str,
    if_match: IfMatch = ANY_VERSION,
) -> None:
    """End what the account was granted at providers, whether or not they answer, and then delete
    it with its sessions, tokens and connections, in one transaction.

    Organizations that nobody else is in go with it; what was written in the audit log stays. A
    repetition finds no such user. A process that dies in between leaves connections whose tokens
    are dead; this goes on when it is called again.

    Args:
        confirm: the account's e-mail address.

    Raises:
        NotConfirmed.
        AccountInUse: it says what has to be settled first.
        PreconditionFailed: it is of another version than ``if_match`` says.
        NotFound, Forbidden.
    """
    _require_may_delete(principal, user_id)
    async with resources.db.transaction() as session:
        await _begin_deletion(session, principal, user_id, confirm, if_match)
    await connections.end_all(resources, providers, user_id)
    async with resources.db.transaction() as session:
        # Decided again under the locks: something may depend on the account since then.
        user, organizations = await _begin_deletion(session, principal, user_id, confirm, if_match)
        for organization, member, fate in organizations:
            if fate == Fate.DELETED:
                await _delete_organization(
                    session, principal, organization, audit.OwnAction.USER_DELETE
                )
            else:
                await audit.record(
                    session,
                    principal,
                    audit.OwnAction.USER_DELETE,
                    member,
                    before=audit.snapshot(member),
                )
        await audit.record(
            session, principal, audit.OwnAction.USER_DELETE, user, before=audit.snapshot(user)
        )
        await session.flush()
        await session.delete(user)


async def _begin_deletion(
    session: AsyncSession, principal: Principal, user_id: UUID, confirm: str, if_match: IfMatch
) -> tuple[User, list[tuple[Organization, OrganizationMember, Fate]]]:
    """The user, locked, and what becomes of each organization. Raises as ``delete_user``."""
    user = await _get_user(session, user_id, lock=True)
    if_match.require(PersonView.model_validate(user))
    if confirm.strip().lower() != user.email:
        raise NotConfirmed(
            "Deleting an account cannot be undone.",
            field="confirm",
            remedy="Send ?confirm= with the account's e-mail address to confirm it.",
        )
    organizations = await _list_organizations(session, user_id, close=True)
    preview = await _preview(session, user, organizations)
    if not preview.possible:
        raise _in_use(principal, user_id, preview)
    fates = [each.fate for each in preview.organizations]
    return user, [(*each, fate) for each, fate in zip(organizations, fates, strict=True)]


def _in_use(principal: Principal, user_id: UUID, preview: DeletionPreview) -> AccountInUse:
    """What stands in the way is told to the user; an administrator sees no tenant's data."""
    if user_id != principal.user_id:
        return AccountInUse(
            f"{len(preview.obstacles)} things depend on this account alone.",
            remedy=f"The user is told which: GET /api/v1/users/{user_id}/deletion.",
        )
    return AccountInUse(
        " ".join(preview.obstacles),
        remedy=f"Settle that first; GET /api/v1/users/{user_id}/deletion lists it.",
    )


@dataclass(frozen=True)
class _Holdings:
    """The names of what an organization holds, and in words."""

    projects: Sequence[str]
    databases: Sequence[str]

    def __str__(self) -> str:
        return " and ".join(
            _counted(kind, names)
            for kind, names in (("project", self.projects), ("database", self.databases))
            if names
        )


def _counted(kind: str, names: Sequence[str]) -> str:
    named = ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
    return f"{len(names)} {kind}{'s' if len(names) > 1 else ''} ({named})"


async def _list_holdings(session: AsyncSession, organization_id: UUID) -> _Holdings:
    projects = await session.scalars(
        select(Project.slug)
        .where(Project.organization_id == organization_id)
        .order_by(Project.slug)
    )
    databases = await session.scalars(
        select(func.concat(ProjectDatabase.name, " of ", Project.slug))
        .join(Project, Project.id == ProjectDatabase.project_id)
        .where(ProjectDatabase.organization_id == organization_id)
        .order_by(Project.slug, ProjectDatabase.name)
    )
    return _Holdings(projects.all(), databases.all())


async def _delete_organization(
    session: AsyncSession,
    principal: Principal,
    organization: Organization,
    action: Action | audit.OwnAction,
) -> None:
    await audit.record(
        session, principal, action, organization, before=audit.snapshot(organization)
    )
    await session.delete(organization)
    await session.flush()


def _require_may_delete(principal: Principal, user_id: UUID) -> None:
    """Everybody may delete the own account, an operator of the platform any."""
    require_scope(principal, Scope.ADMIN)
    if user_id != principal.user_id and not principal.is_admin:
        raise NotFound("No such user.")


async def _get_user(session: AsyncSession, user_id: UUID, *, lock: bool = False) -> User:
    """The user, for whom the transaction goes on: an administrator sees what the user would.

    One that is locked and an administrator is held together with the others: of two that go at
    once, one is the last. Raises ``NotFound``.
    """
    await store.act_for(session, user_id)
    user = await session.get(User, user_id, with_for_update=lock or None)
    if user is None:
        raise NotFound("No such user.")
    if lock and user.is_admin:
        await account_store.lock_setup(session)
    return user


async def _list_organizations(
    session: AsyncSession, user_id: UUID, *, close: bool = False
) -> list[tuple[Organization, OrganizationMember]]:
    """The user's organizations by id, which is the order in which everyone closes several."""
    members = await session.scalars(
        select(OrganizationMember)
        .where(OrganizationMember.user_id == user_id, OrganizationMember.joined_at.is_not(None))
        .order_by(OrganizationMember.organization_id)
    )
    found = []
    for member in members.all():
        await join(session, member.organization_id)
        if close:
            organization = await membership_store.close_organization(
                session, member.organization_id
            )
        else:
            organization = await session.get_one(Organization, member.organization_id)
        found.append((organization, member))
    return found


async def _preview(
    session: AsyncSession,
    user: User,
    organizations: Sequence[tuple[Organization, OrganizationMember]],
) -> DeletionPreview:
    fates = [await _fate(session, *each) for each in organizations]
    obstacles = [text for fate in fates if (text := _obstacle(fate))]
    obstacles += [
        f"The connection to {each.provider} is used by {uses}: move or remove them, or disconnect "
        "it with force."
        for each in await grants.find_all(session, user.id)
        if (uses := await describe_uses(session, each.id))
    ]
    if user.is_admin and await account_store.list_administrators(session) == [user.id]:
        obstacles.append("This is the only administrator of the platform.")
    return DeletionPreview(possible=not obstacles, obstacles=obstacles, organizations=fates)


async def _fate(
    session: AsyncSession, organization: Organization, member: OrganizationMember
) -> OrganizationFate:
    others = await membership_store.count_other_members(session, organization.id, member.user_id)
    owners = await membership_store.count_other_members(
        session, organization.id, member.user_id, role=Role.OWNER
    )
    held = await _list_holdings(session, organization.id)
    if member.role != Role.OWNER or owners:
        fate = Fate.LEFT
    elif others:
        fate = Fate.HAND_OVER_FIRST
    elif held.projects or held.databases:
        fate = Fate.EMPTY_FIRST
    else:
        fate = Fate.DELETED
    return OrganizationFate(
        id=organization.id,
        name=organization.name,
        slug=organization.slug,
        fate=fate,
        other_members=others,
        projects=len(held.projects),
        databases=len(held.databases),
    )


def _obstacle(organization: OrganizationFate) -> str | None:
    if organization.fate == Fate.HAND_OVER_FIRST:
        return f"{organization.slug} has other members and no other owner: hand it over."
    if organization.fate == Fate.EMPTY_FIRST:
        return (
            f"{organization.slug} holds projects ({organization.projects}) and databases "
            f"({organization.databases}): delete them."
        )
    return None
