"""``/api/v1/organizations/{id}/notification-channels``: who reads what happens, and where."""

from uuid import UUID

from fastapi import APIRouter, Request, Response, status

from autodeploy.api.deps import PageDep, PrincipalDep, ResourcesDep
from autodeploy.api.etags import IfMatchDep, tagged
from autodeploy.api.pagination import link_next
from autodeploy.kernel.schema import Page
from autodeploy.services.monitor.notifications import channels, deliveries
from autodeploy.services.monitor.notifications.endpoints import CHANNELS
from autodeploy.services.monitor.notifications.schemas import (
    ChannelInput,
    ChannelUpdate,
    ChannelView,
    DeliveryView,
)

router = APIRouter(
    prefix="/api/v1/organizations/{organization_id}/notification-channels",
    tags=["notification channels"],
)


@router.get("", operation_id="listNotificationChannels")
async def list_channels(
    request: Request,
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    page: PageDep,
    organization_id: UUID,
) -> Page[ChannelView]:
    """The channels of an organization, newest first."""
    answer = await channels.list_channels(
        resources, principal, organization_id, limit=page.limit, cursor=page.cursor
    )
    link_next(request, response, answer.next_cursor)
    return answer


@router.post("", status_code=status.HTTP_201_CREATED, operation_id="createNotificationChannel")
async def create_channel(
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    organization_id: UUID,
    body: ChannelInput,
) -> ChannelView:
    """Have what happens said in a channel of Slack or Discord, or mailed to a member."""
    view = await channels.create_channel(resources, principal, organization_id, body)
    response.headers["Location"] = (
        f"/api/v1/organizations/{organization_id}/notification-channels/{view.id}"
    )
    return tagged(response, view)


@router.get("/{channel_id}", operation_id="getNotificationChannel")
async def get_channel(
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    organization_id: UUID,
    channel_id: UUID,
) -> ChannelView:
    """One channel, without the URL that is its secret."""
    view = await channels.get_channel(resources, principal, organization_id, channel_id)
    return tagged(response, view)


@router.put("/{channel_id}", operation_id="updateNotificationChannel")
async def update_channel(
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    organization_id: UUID,
    channel_id: UUID,
    body: ChannelUpdate,
    if_match: IfMatchDep,
) -> ChannelView:
    """Change a channel; what is left out stays, also its address."""
    view = await channels.change_channel(
        resources, principal, organization_id, channel_id, body, if_match
    )
    return tagged(response, view)


@router.delete(
    "/{channel_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    operation_id="deleteNotificationChannel",
)
async def delete_channel(
    resources: ResourcesDep,
    principal: PrincipalDep,
    organization_id: UUID,
    channel_id: UUID,
    if_match: IfMatchDep,
) -> None:
    """Remove a channel."""
    await channels.delete_channel(resources, principal, organization_id, channel_id, if_match)


@router.post(
    "/{channel_id}/test",
    status_code=status.HTTP_202_ACCEPTED,
    operation_id="testNotificationChannel",
)
async def test_channel(
    resources: ResourcesDep, principal: PrincipalDep, organization_id: UUID, channel_id: UUID
) -> DeliveryView:
    """Send a message to try the channel out; its delivery says how that went."""
    return await deliveries.ping(resources, principal, organization_id, channel_id, CHANNELS)


@router.get("/{channel_id}/deliveries", operation_id="listNotificationDeliveries")
async def list_deliveries(
    request: Request,
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    page: PageDep,
    organization_id: UUID,
    channel_id: UUID,
) -> Page[DeliveryView]:
    """What was and is to be said, newest first; it stays for 30 days."""
    answer = await deliveries.list_deliveries(
        resources,
        principal,
        organization_id,
        channel_id,
        CHANNELS,
        limit=page.limit,
        cursor=page.cursor,
    )
    link_next(request, response, answer.next_cursor)
    return answer
