"""Notification channels of an organization: messages that people read, in a chat or by mail."""

from urllib.parse import urlsplit
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.errors import InvalidInput
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.schema import Page
from autodeploy.kernel.vault.columns import place_of
from autodeploy.kernel.versions import ANY_VERSION, IfMatch
from autodeploy.services.auth.models import OrganizationMember, User
from autodeploy.services.auth.principal import Principal
from autodeploy.services.monitor.notifications.endpoints import (
    CHANNELS,
    add_endpoint,
    change_endpoint,
    get_endpoint,
    list_endpoints,
    remove_endpoint,
    require_manager,
    view_values,
)
from autodeploy.services.monitor.notifications.models import Endpoint, EndpointKind
from autodeploy.services.monitor.notifications.schemas import (
    ChannelInput,
    ChannelUpdate,
    ChannelView,
)


async def create_channel(
    resources: Resources, principal: Principal, organization_id: UUID, body: ChannelInput
) -> ChannelView:
    """A new channel.

    Raises:
        InvalidInput, AddressRefused, HostNotFound: nothing can be sent to the address.
        Conflict: the organization has as many as it may.
        NoMailServer, NotFound, Forbidden.
    """
    require_manager(principal, organization_id)
    row = Endpoint(
        id=uuid4(),
        organization_id=organization_id,
        kind=body.kind,
        name=body.name,
        events=body.events,
        project_ids=body.projects,
    )
    row.target, row.encrypted_address = await _place(resources, row, body.address)
    async with resources.db.transaction() as session:
        await add_endpoint(session, principal, row)
    return _view(row)


async def list_channels(
    resources: Resources,
    principal: Principal,
    organization_id: UUID,
    *,
    limit: int,
    cursor: str | None = None,
) -> Page[ChannelView]:
    """The channels of an organization, newest first."""
    rows, following = await list_endpoints(
        resources, principal, organization_id, CHANNELS, limit=limit, cursor=cursor
    )
    return Page(items=[_view(row) for row in rows], next_cursor=following)


async def get_channel(
    resources: Resources, principal: Principal, organization_id: UUID, channel_id: UUID
) -> ChannelView:
    """A channel, without the URL that is its secret. Raises ``NotFound``, ``Forbidden``."""
    require_manager(principal, organization_id)
    async with resources.db.transaction() as session:
        return _view(await get_endpoint(session, organization_id, channel_id, CHANNELS))


async def change_channel(
    resources: Resources,
    principal: Principal,
    organization_id: UUID,
    channel_id: UUID,
    body: ChannelUpdate,
    if_match: IfMatch = ANY_VERSION,
) -> ChannelView:
    """Change a channel. Raises as ``create_channel``, and ``PreconditionFailed``."""
    require_manager(principal, organization_id)
    address: dict[str, str | None] = {}
    if body.address is not None:
        async with resources.db.transaction() as session:
            row = await get_endpoint(session, organization_id, channel_id, CHANNELS)
        target, sealed = await _place(resources, row, body.address)
        address = {"target": target, "encrypted_address": sealed}
    async with resources.db.transaction() as session:
        row = await get_endpoint(session, organization_id, channel_id, CHANNELS, lock=True)
        if_match.require(_view(row))
        body.require_readonly_same(_view(row))
        await change_endpoint(session, principal, row, body, address)
        return _view(row)


async def delete_channel(
    resources: Resources,
    principal: Principal,
    organization_id: UUID,
    channel_id: UUID,
    if_match: IfMatch = ANY_VERSION,
) -> None:
    """Remove a channel with its deliveries. Raises ``NotFound``, ``Forbidden``,
    ``PreconditionFailed``."""
    require_manager(principal, organization_id)
    async with resources.db.transaction() as session:
        row = await get_endpoint(session, organization_id, channel_id, CHANNELS, lock=True)
        if_match.require(_view(row))
        await remove_endpoint(session, principal, row)


async def open_address(resources: Resources, row: Endpoint) -> str:
    """The URL of a channel of Slack or Discord. Raises ``VaultError``, ``VaultAway``."""
    place = place_of(Endpoint.encrypted_address, organization_id=row.organization_id, id=row.id)
    return await resources.vault.decrypt_for(
        place.subject, row.encrypted_address or "", context=place.context
    )


async def is_members(session: AsyncSession, organization_id: UUID, email: str) -> bool:
    """Whether it is the confirmed address of a member: others did not ask for mails of ours."""
    found = await session.scalar(
        select(User.id)
        .join(OrganizationMember, OrganizationMember.user_id == User.id)
        .where(
            OrganizationMember.organization_id == organization_id,
            User.email == email,
            User.email_verified_at.is_not(None),
        )
    )
    return found is not None


async def _place(resources: Resources, row: Endpoint, address: str) -> tuple[str, str | None]:
    """What is shown of where a channel is, and what is sealed. Raises as ``create_channel``."""
    if row.kind == EndpointKind.EMAIL:
        return await _require_mailbox(resources, row.organization_id, address), None
    await resources.poster.check(address, field="address")
    place = place_of(Endpoint.encrypted_address, organization_id=row.organization_id, id=row.id)
    sealed = await resources.vault.encrypt_for(place.subject, address, context=place.context)
    return urlsplit(address).netloc, sealed


async def _require_mailbox(resources: Resources, organization_id: UUID, address: str) -> str:
    resources.mail.require_transport()
    email = address.strip().lower()
    async with resources.db.transaction() as session:
        if not await is_members(session, organization_id, email):
            raise InvalidInput(
                "Mails go to members of the organization alone, at an address they confirmed.",
                field="address",
                remedy="Name the address of a member, or invite who is to get them.",
            )
    return email


def _view(row: Endpoint) -> ChannelView:
    return ChannelView(**view_values(row), kind=row.kind, target=row.target)
