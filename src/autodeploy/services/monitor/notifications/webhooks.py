"""Webhooks of an organization: signed calls that programs take."""

from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from autodeploy.kernel.clock import now
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.schema import Page
from autodeploy.kernel.vault.columns import place_of
from autodeploy.kernel.versions import ANY_VERSION, IfMatch
from autodeploy.services.auth import audit
from autodeploy.services.auth.permissions import Action
from autodeploy.services.auth.principal import Principal
from autodeploy.services.monitor.notifications.endpoints import (
    WEBHOOKS,
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
    NewWebhook,
    WebhookInput,
    WebhookUpdate,
    WebhookView,
)
from autodeploy.services.monitor.notifications.signing import new_secret

#: How long the secret before a rotation signs, too.
BOTH_SECRETS = timedelta(hours=24)


async def create_webhook(
    resources: Resources, principal: Principal, organization_id: UUID, body: WebhookInput
) -> NewWebhook:
    """A new webhook; the answer is the only one that holds its secret.

    Raises:
        InvalidInput, AddressRefused, HostNotFound: nothing can be sent to the URL.
        Conflict: the organization has as many as it may.
        NotFound, Forbidden.
    """
    require_manager(principal, organization_id)
    await resources.poster.check(body.url)
    secret = new_secret()
    row = Endpoint(
        id=uuid4(),
        organization_id=organization_id,
        kind=EndpointKind.WEBHOOK,
        name=body.name or urlsplit(body.url).netloc,
        target=body.url,
        events=body.events,
        project_ids=body.projects,
    )
    row.encrypted_secret = await _seal(resources, row, secret)
    async with resources.db.transaction() as session:
        await add_endpoint(session, principal, row)
    return NewWebhook(**_view(row).model_dump(), secret=secret)


async def list_webhooks(
    resources: Resources,
    principal: Principal,
    organization_id: UUID,
    *,
    limit: int,
    cursor: str | None = None,
) -> Page[WebhookView]:
    """The webhooks of an organization, newest first."""
    rows, following = await list_endpoints(
        resources, principal, organization_id, WEBHOOKS, limit=limit, cursor=cursor
    )
    return Page(items=[_view(row) for row in rows], next_cursor=following)


async def get_webhook(
    resources: Resources, principal: Principal, organization_id: UUID, webhook_id: UUID
) -> WebhookView:
    """A webhook, without its secret. Raises ``NotFound``, ``Forbidden``."""
    require_manager(principal, organization_id)
    async with resources.db.transaction() as session:
        return _view(await get_endpoint(session, organization_id, webhook_id, WEBHOOKS))


async def change_webhook(
    resources: Resources,
    principal: Principal,
    organization_id: UUID,
    webhook_id: UUID,
    body: WebhookUpdate,
    if_match: IfMatch = ANY_VERSION,
) -> WebhookView:
    """Change a webhook. Raises as ``create_webhook``, and ``PreconditionFailed``."""
    require_manager(principal, organization_id)
    present = await get_webhook(resources, principal, organization_id, webhook_id)
    if body.url is not None and body.url != present.url:
        await resources.poster.check(body.url)
    async with resources.db.transaction() as session:
        row = await get_endpoint(session, organization_id, webhook_id, WEBHOOKS, lock=True)
        if_match.require(_view(row))
        body.require_readonly_same(_view(row))
        address = {} if body.url is None else {"target": body.url}
        await change_endpoint(session, principal, row, body, address)
        return _view(row)


async def delete_webhook(
    resources: Resources,
    principal: Principal,
    organization_id: UUID,
    webhook_id: UUID,
    if_match: IfMatch = ANY_VERSION,
) -> None:
    """Remove a webhook with its deliveries. Raises ``NotFound``, ``Forbidden``,
    ``PreconditionFailed``."""
    require_manager(principal, organization_id)
    async with resources.db.transaction() as session:
        row = await get_endpoint(session, organization_id, webhook_id, WEBHOOKS, lock=True)
        if_match.require(_view(row))
        await remove_endpoint(session, principal, row)


async def rotate_secret(
    resources: Resources, principal: Principal, organization_id: UUID, webhook_id: UUID
) -> NewWebhook:
    """Another secret, in this answer only. For a day the one before it signs as well, so that the
    receiver can be told in between. Raises ``NotFound``, ``Forbidden``."""
    require_manager(principal, organization_id)
    secret = new_secret()
    async with resources.db.transaction() as session:
        row = await get_endpoint(session, organization_id, webhook_id, WEBHOOKS, lock=True)
        before = audit.snapshot(row)
        previous = await _open_newest(resources, row)
        place = place_of(
            Endpoint.encrypted_previous_secret, organization_id=organization_id, id=row.id
        )
        row.encrypted_previous_secret = await resources.vault.encrypt_for(
            place.subject, previous, context=place.context
        )
        row.encrypted_secret = await _seal(resources, row, secret)
        row.previous_secret_until = now() + BOTH_SECRETS
        row.updated_at = now()
        await audit.record(
            session,
            principal,
            Action.NOTIFICATION_MANAGE,
            row,
            before=before,
            after=audit.snapshot(row),
        )
        view = _view(row)
    return NewWebhook(**view.model_dump(), secret=secret)


async def open_secrets(resources: Resources, row: Endpoint, at: datetime) -> list[str]:
    """The secrets that the webhook signs with at that time, the newest first.

    Raises ``VaultError``, ``VaultAway``.
    """
    newest = await _open_newest(resources, row)
    if row.previous_secret_until is None or row.previous_secret_until <= at:
        return [newest]
    place = place_of(
        Endpoint.encrypted_previous_secret, organization_id=row.organization_id, id=row.id
    )
    previous = await resources.vault.decrypt_for(
        place.subject, row.encrypted_previous_secret or "", context=place.context
    )
    return [newest, previous]


async def _open_newest(resources: Resources, row: Endpoint) -> str:
    place = place_of(Endpoint.encrypted_secret, organization_id=row.organization_id, id=row.id)
    return await resources.vault.decrypt_for(
        place.subject, row.encrypted_secret or "", context=place.context
    )


async def _seal(resources: Resources, row: Endpoint, secret: str) -> str:
    place = place_of(Endpoint.encrypted_secret, organization_id=row.organization_id, id=row.id)
    return await resources.vault.encrypt_for(place.subject, secret, context=place.context)


def _view(row: Endpoint) -> WebhookView:
    return WebhookView(
        **view_values(row), url=row.target, previous_secret_until=row.previous_secret_until
    )
