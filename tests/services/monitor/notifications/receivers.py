"""An organization with a project, receivers on this machine, and a sender in a time of its own."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from standardwebhooks import Webhook
from tests.kernel.http.servers import Scripted, Seen
from tests.services.deployer.platform import Platform

from autodeploy.kernel import clock
from autodeploy.services.auth.models import OrganizationEvent
from autodeploy.services.monitor.notifications import channels, deliveries, webhooks
from autodeploy.services.monitor.notifications.endpoints import CHANNELS, WEBHOOKS
from autodeploy.services.monitor.notifications.models import Endpoint
from autodeploy.services.monitor.notifications.schemas import (
    ChannelInput,
    ChannelView,
    DeliveryView,
    NewWebhook,
    WebhookInput,
)
from autodeploy.services.monitor.notifications.sender import Sender


class LaterTime:
    """The time of this machine, which a test can set forward."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def monotonic(self) -> float:
        return self.now().timestamp()

    def now(self) -> datetime:
        return clock.now() + self._ahead

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("tests call what is due")

    def share(self) -> float:
        return 0.0

    def pass_by(self, seconds: float) -> None:
        self._ahead += timedelta(seconds=seconds)


class Stage:
    """What tests of notifications begin with."""

    def __init__(self, platform: Platform):
        self.platform = platform
        self.resources = platform.resources
        self.principal = platform.principal
        (self.organization_id,) = platform.principal.roles
        self.time = LaterTime()
        self.sender = self.another_sender()

    def another_sender(self) -> Sender:
        """As another worker has one."""
        return Sender(self.resources, timing=self.time)

    async def webhook(self, receiver: Scripted | str, **body: Any) -> NewWebhook:
        url = receiver if isinstance(receiver, str) else f"{receiver.url}/hook"
        return await webhooks.create_webhook(
            self.resources, self.principal, self.organization_id, WebhookInput(url=url, **body)
        )

    async def channel(self, kind: str, address: str, **body: Any) -> ChannelView:
        return await channels.create_channel(
            self.resources,
            self.principal,
            self.organization_id,
            ChannelInput.model_validate(
                {"kind": kind, "name": "the team", "address": address, **body}
            ),
        )

    async def ping(self, endpoint_id: UUID, *, of_channel: bool = False) -> DeliveryView:
        kinds = CHANNELS if of_channel else WEBHOOKS
        return await deliveries.ping(
            self.resources, self.principal, self.organization_id, endpoint_id, kinds
        )

    async def send(self, *, after_seconds: float = 0.0) -> None:
        """Send all that is due then."""
        self.time.pass_by(after_seconds)
        await self.sender.tick()
        await self.sender.settle()

    async def deliveries(
        self, endpoint_id: UUID, *, of_channel: bool = False
    ) -> list[DeliveryView]:
        page = await deliveries.list_deliveries(
            self.resources,
            self.principal,
            self.organization_id,
            endpoint_id,
            CHANNELS if of_channel else WEBHOOKS,
            limit=100,
        )
        return page.items

    async def delivery(self, endpoint_id: UUID, *, of_channel: bool = False) -> DeliveryView:
        [delivery] = await self.deliveries(endpoint_id, of_channel=of_channel)
        return delivery

    async def redeliver(self, webhook_id: UUID, delivery_id: UUID) -> DeliveryView:
        return await deliveries.redeliver(
            self.resources,
            self.principal,
            self.organization_id,
            webhook_id,
            delivery_id,
            WEBHOOKS,
        )

    async def row(self, endpoint_id: UUID) -> Endpoint:
        async with self.resources.db.transaction() as session:
            return await session.get_one(Endpoint, endpoint_id)

    async def events(self) -> list[OrganizationEvent]:
        """What happened, in order."""
        async with self.resources.db.transaction() as session:
            rows = await session.scalars(
                select(OrganizationEvent).order_by(OrganizationEvent.created_at)
            )
            return list(rows)


def verified(secret: str, seen: Seen) -> Any:
    """The body, as the standard's own library accepts it. Raises ``WebhookVerificationError``."""
    return Webhook(secret).verify(seen.body, seen.headers)
