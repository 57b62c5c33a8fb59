"""One try to deliver an event to an endpoint, and what came of it."""

from dataclasses import dataclass
from datetime import datetime

import structlog

from autodeploy.kernel.errors import AutoDeployError
from autodeploy.kernel.faults import fault_point
from autodeploy.kernel.http.posting import Posted
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.vault.errors import VaultAway, VaultRefused
from autodeploy.services.auth.models import OrganizationEvent
from autodeploy.services.monitor.notifications.channels import is_members, open_address
from autodeploy.services.monitor.notifications.models import Endpoint, EndpointKind
from autodeploy.services.monitor.notifications.rendering import (
    as_discord,
    as_json,
    as_mail,
    as_slack,
    message_of,
)
from autodeploy.services.monitor.notifications.signing import signed_headers
from autodeploy.services.monitor.notifications.webhooks import open_secrets

# What says that nobody will ever take this: of Standard Webhooks 410, of Slack and Discord also
# the answers for a webhook or a channel that was removed.
_GONE = {
    EndpointKind.WEBHOOK: frozenset({410}),
    EndpointKind.SLACK: frozenset({404, 410}),
    EndpointKind.DISCORD: frozenset({404, 410}),
}
_JSON = {"Content-Type": "application/json"}

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a try. ``error`` is None when it was delivered; ``gone`` when there will never
    be a success; ``not_tried`` when the fault is ours, so that the try does not count."""

    error: str | None = None
    gone: bool = False
    not_tried: bool = False
    answer_status: int | None = None
    answer: str | None = None
    wait_seconds: float | None = None


async def try_to_send(
    resources: Resources, endpoint: Endpoint, event: OrganizationEvent, at: datetime
) -> Outcome:
    """Send the event once. Raises nothing: what goes wrong is the outcome."""
    try:
        return await _send(resources, endpoint, event, at)
    except (VaultAway, VaultRefused) as error:
        return Outcome(error=error.message, not_tried=True)
    except AutoDeployError as error:
        return Outcome(error=error.message)
    except Exception as error:
        _log.exception("notification.failed", endpoint_id=str(endpoint.id))
        return Outcome(error=f"It failed inside ({type(error).__name__}).")


@fault_point("notifications.send")
async def _send(
    resources: Resources, endpoint: Endpoint, event: OrganizationEvent, at: datetime
) -> Outcome:
    if endpoint.kind == EndpointKind.EMAIL:
        return await _mail(resources, endpoint, event)
    if endpoint.kind == EndpointKind.WEBHOOK:
        url, body = endpoint.target, as_json(event)
        secrets = await open_secrets(resources, endpoint, at)
        headers = _JSON | signed_headers(str(event.id), at, body, secrets)
    else:
        url, headers = await open_address(resources, endpoint), _JSON
        render = as_slack if endpoint.kind == EndpointKind.SLACK else as_discord
        body = render(message_of(event, resources.public_url))
    posted = await resources.poster.post(url, service=endpoint.kind, body=body, headers=headers)
    return _judge(endpoint.kind, posted)


def _judge(kind: EndpointKind, posted: Posted) -> Outcome:
    error = None
    if 300 <= posted.status < 400:
        error = f"It answered {posted.status}, a redirect, which is not followed."
    elif not 200 <= posted.status < 300:
        error = f"It answered {posted.status}."
    return Outcome(
        error=error,
        gone=posted.status in _GONE[kind],
        answer_status=posted.status,
        answer=posted.excerpt,
        wait_seconds=posted.retry_after_seconds,
    )


async def _mail(resources: Resources, endpoint: Endpoint, event: OrganizationEvent) -> Outcome:
    async with resources.db.transaction() as session:
        if not await is_members(session, endpoint.organization_id, endpoint.target):
            return Outcome(error="The address is not that of a member any more.", gone=True)
    message = message_of(event, resources.public_url)
    await resources.mail.send(as_mail(message, endpoint.target, resources.public_url))
    return Outcome()
