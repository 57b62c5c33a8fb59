"""``/api/v1/organizations/{id}/webhooks``: signed calls that tell programs what happens."""

from uuid import UUID

from fastapi import APIRouter, Request, Response, status

from autodeploy.api.deps import PageDep, PrincipalDep, ResourcesDep
from autodeploy.api.etags import IfMatchDep, tagged
from autodeploy.api.pagination import link_next
from autodeploy.kernel.schema import Page
from autodeploy.services.monitor.notifications import deliveries, webhooks
from autodeploy.services.monitor.notifications.endpoints import WEBHOOKS
from autodeploy.services.monitor.notifications.schemas import (
    DeliveryView,
    NewWebhook,
    WebhookInput,
    WebhookUpdate,
    WebhookView,
)

router = APIRouter(prefix="/api/v1/organizations/{organization_id}/webhooks", tags=["webhooks"])


@router.get("", operation_id="listWebhooks")
async def list_webhooks(
    request: Request,
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    page: PageDep,
    organization_id: UUID,
) -> Page[WebhookView]:
    """The webhooks of an organization, newest first."""
    answer = await webhooks.list_webhooks(
        resources, principal, organization_id, limit=page.limit, cursor=page.cursor
    )
    link_next(request, response, answer.next_cursor)
    return answer


@router.post("", status_code=status.HTTP_201_CREATED, operation_id="createWebhook")
async def create_webhook(
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    organization_id: UUID,
    body: WebhookInput,
) -> NewWebhook:
    """A new webhook; the secret that it signs with is in this answer only."""
    made = await webhooks.create_webhook(resources, principal, organization_id, body)
    response.headers["Location"] = f"/api/v1/organizations/{organization_id}/webhooks/{made.id}"
    return made


@router.get("/{webhook_id}", operation_id="getWebhook")
async def get_webhook(
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    organization_id: UUID,
    webhook_id: UUID,
) -> WebhookView:
    """One webhook, without its secret."""
    view = await webhooks.get_webhook(resources, principal, organization_id, webhook_id)
    return tagged(response, view)


@router.put("/{webhook_id}", operation_id="updateWebhook")
async def update_webhook(
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    organization_id: UUID,
    webhook_id: UUID,
    body: WebhookUpdate,
    if_match: IfMatchDep,
) -> WebhookView:
    """Change a webhook; what is left out stays. ``active`` switches it off and on."""
    view = await webhooks.change_webhook(
        resources, principal, organization_id, webhook_id, body, if_match
    )
    return tagged(response, view)


@router.delete(
    "/{webhook_id}", status_code=status.HTTP_204_NO_CONTENT, operation_id="deleteWebhook"
)
async def delete_webhook(
    resources: ResourcesDep,
    principal: PrincipalDep,
    organization_id: UUID,
    webhook_id: UUID,
    if_match: IfMatchDep,
) -> None:
    """Remove a webhook with its deliveries."""
    await webhooks.delete_webhook(resources, principal, organization_id, webhook_id, if_match)


@router.post("/{webhook_id}/rotate", operation_id="rotateWebhookSecret")
async def rotate_webhook_secret(
    resources: ResourcesDep, principal: PrincipalDep, organization_id: UUID, webhook_id: UUID
) -> NewWebhook:
    """Another secret, in this answer only; for a day the one before it signs as well."""
    return await webhooks.rotate_secret(resources, principal, organization_id, webhook_id)


@router.post("/{webhook_id}/ping", status_code=status.HTTP_202_ACCEPTED, operation_id="pingWebhook")
async def ping_webhook(
    resources: ResourcesDep, principal: PrincipalDep, organization_id: UUID, webhook_id: UUID
) -> DeliveryView:
    """Send the event ``ping``, to try the webhook out; its delivery says how that went."""
    return await deliveries.ping(resources, principal, organization_id, webhook_id, WEBHOOKS)


@router.get("/{webhook_id}/deliveries", operation_id="listWebhookDeliveries")
async def list_deliveries(
    request: Request,
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    page: PageDep,
    organization_id: UUID,
    webhook_id: UUID,
) -> Page[DeliveryView]:
    """What was and is to be sent, newest first; it stays for 30 days."""
    answer = await deliveries.list_deliveries(
        resources,
        principal,
        organization_id,
        webhook_id,
        WEBHOOKS,
        limit=page.limit,
        cursor=page.cursor,
    )
    link_next(request, response, answer.next_cursor)
    return answer


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/redeliver",
    status_code=status.HTTP_202_ACCEPTED,
    operation_id="redeliverWebhook",
)
async def redeliver(
    resources: ResourcesDep,
    principal: PrincipalDep,
    organization_id: UUID,
    webhook_id: UUID,
    delivery_id: UUID,
) -> DeliveryView:
    """Send an event again, with the same ``webhook-id``."""
    return await deliveries.redeliver(
        resources, principal, organization_id, webhook_id, delivery_id, WEBHOOKS
    )
