"""Owners are told of endpoints that the platform switched off, and what is old is removed."""

from datetime import timedelta

import structlog
from sqlalchemy import delete, select

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import AutoDeployError
from autodeploy.kernel.mail import Mail, NoMailServer
from autodeploy.kernel.resources import Resources
from autodeploy.services.auth.models import (
    Organization,
    OrganizationEvent,
    OrganizationMember,
    Role,
    User,
)
from autodeploy.services.monitor.notifications.models import Endpoint, EndpointKind, OffReason

#: How long events and their deliveries are kept.
KEPT_FOR = timedelta(days=30)

_WHY = {
    OffReason.GONE: "it said that it is gone for good",
    OffReason.FAILING: "nothing could be delivered there for days",
}

_log = structlog.get_logger(__name__)


async def keep_notifications(resources: Resources) -> None:
    """One pass."""
    async with resources.db.transaction() as session:
        await session.execute(
            delete(OrganizationEvent).where(OrganizationEvent.created_at < now() - KEPT_FOR)
        )
        unknown = await session.scalars(
            select(Endpoint).where(Endpoint.off_reason.in_(_WHY), Endpoint.owners_told_at.is_(None))
        )
    for endpoint in unknown:
        try:
            await _tell_owners(resources, endpoint)
        except AutoDeployError as error:
            # The next passes try again.
            _log.warning(
                "notification.owners_not_told", endpoint_id=str(endpoint.id), error=error.code
            )


async def _tell_owners(resources: Resources, endpoint: Endpoint) -> None:
    """Mail the owners, and write it down afterwards: rather twice than never. Raises
    ``MailNotSent``. Without a mail server the list of endpoints is what tells."""
    async with resources.db.transaction() as session:
        organization = await session.get_one(Organization, endpoint.organization_id)
        owners = await session.scalars(
            select(User.email)
            .join(OrganizationMember, OrganizationMember.user_id == User.id)
            .where(
                OrganizationMember.organization_id == endpoint.organization_id,
                OrganizationMember.role == Role.OWNER,
            )
        )
    for owner in owners:
        try:
            await resources.mail.send(_notice(resources.public_url, owner, organization, endpoint))
        except NoMailServer:
            break
    async with resources.db.transaction() as session:
        row = await session.get(Endpoint, endpoint.id, with_for_update=True)
        if row is not None and row.off_reason == endpoint.off_reason:
            row.owners_told_at = now()


def _notice(public_url: str, owner: str, organization: Organization, endpoint: Endpoint) -> Mail:
    is_webhook = endpoint.kind == EndpointKind.WEBHOOK
    what = "webhook" if is_webhook else "notification channel"
    command = "webhooks" if is_webhook else "notifications"
    why = _WHY[endpoint.off_reason or OffReason.FAILING]
    text = (
        f"The {what} {endpoint.name} ({endpoint.target}) of {organization.name} was switched off:\n"
        f"{why}. Nothing is sent there any more.\n\n"
        f"When it works again, switch it on: autodeploy {command} enable {endpoint.id}\n\n"
        f"AutoDeploy at {public_url}\n"
    )
    return Mail(owner, f"A {what} was switched off - AutoDeploy", text)
