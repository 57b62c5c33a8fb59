"""People in organizations, and the mail they get, for tests."""

import re
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from uuid import UUID

from sqlalchemy import select
from tests.services.auth.accounts import principal

from autodeploy.kernel.clock import now
from autodeploy.kernel.resources import Resources
from autodeploy.services.auth import membership_store
from autodeploy.services.auth.models import AuditEntry, Role
from autodeploy.services.auth.organization_schemas import OrganizationInput
from autodeploy.services.auth.organizations import create_organization, with_present_roles
from autodeploy.services.auth.principal import Principal


@dataclass(frozen=True)
class Team:
    """An organization that ``owner`` made; others join it with ``joined``."""

    resources: Resources
    id: UUID
    owner: Principal

    async def joined(self, role: Role) -> Principal:
        """A new person with that role."""
        return await self.joined_by(await principal(self.resources), role)

    async def joined_by(self, person: Principal, role: Role) -> Principal:
        async with self.resources.db.transaction() as session:
            await membership_store.add_member(session, self.id, person.user_id, role, now())
        return await refreshed(self.resources, person)

    async def roles(self) -> dict[UUID, Role]:
        """The role of each member."""
        async with self.resources.db.transaction() as session:
            members = await membership_store.list_members(session, self.id, limit=100, cursor=None)
        return {member.user_id: Role(member.role) for member in members}


async def team(resources: Resources, name: str = "Acme") -> Team:
    owner = await principal(resources)
    view = await create_organization(resources, owner, OrganizationInput(name=name))
    return Team(resources, view.id, await refreshed(resources, owner))


async def refreshed(resources: Resources, person: Principal) -> Principal:
    """The person with the roles of now."""
    async with resources.db.transaction() as session:
        return await with_present_roles(session, person)


def personal_organization(person: Principal) -> UUID:
    """The organization that was made with the account of somebody who is in no other."""
    (organization_id,) = person.roles
    return organization_id


def mails_to(resources: Resources, address: str) -> list[EmailMessage]:
    """The mails that invite an address, oldest first."""
    files = sorted((resources.home / "outbox").glob("*.eml"))
    mails = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in files]
    return [mail for mail in mails if mail["To"] == address and mail["Subject"].startswith("Join ")]


def invitation_token(mail: EmailMessage) -> str:
    found = re.search(r"/invitations#token=(\S+)", mail.get_content())
    assert found is not None
    return found[1]


async def entries(resources: Resources, action: str | None = None) -> list[AuditEntry]:
    """The audit log, oldest first."""
    statement = select(AuditEntry).order_by(AuditEntry.created_at)
    if action is not None:
        statement = statement.where(AuditEntry.action == action)
    async with resources.db.transaction() as session:
        return list(await session.scalars(statement))
