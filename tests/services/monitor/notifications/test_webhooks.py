"""Webhooks and whom they belong to: secrets, limits, tenants."""

import pytest
from tests.services.auth.accounts import principal
from tests.services.auth.people import personal_organization
from tests.services.monitor.notifications.receivers import Stage

from autodeploy.kernel.errors import Conflict, InvalidInput, NotFound
from autodeploy.kernel.http.addresses import AddressRefused, HostNotFound
from autodeploy.services.monitor.notifications import channels, deliveries, webhooks
from autodeploy.services.monitor.notifications.endpoints import MOST_ENDPOINTS, WEBHOOKS
from autodeploy.services.monitor.notifications.schemas import WebhookInput, WebhookUpdate

URL = "http://127.0.0.1:9/hook"


async def test_secret_is_shown_once_and_stored_sealed(stage: Stage) -> None:
    made = await stage.webhook(URL)

    assert made.secret.startswith("whsec_")
    shown = await webhooks.get_webhook(
        stage.resources, stage.principal, stage.organization_id, made.id
    )
    assert "secret" not in shown.model_dump()
    assert made.secret not in str(vars(await stage.row(made.id)))
    assert made.secret not in repr(made)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/x",
        "https://",
        "https://user:password@example.com/",
        "https://example.com/#part",
        "https://exa mple.com/",
        "https://example.com/\u00e9",
        "https://example.com:0/",
        "https://[::1/",
        "/hook",
    ],
)
async def test_url_that_cannot_be_posted_to_is_refused(stage: Stage, url: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        await stage.webhook(url)
    assert refused.value.field == "url"


@pytest.mark.parametrize(
    "url",
    [
        URL,
        "http://localhost/",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]:80/",
        "http://[::ffff:10.0.0.1]/",
        "http://2130706433/",
        "http://0/",
    ],
)
async def test_address_inside_a_private_network_is_refused(stage: Stage, url: str) -> None:
    stage.resources.poster._allow_private = False
    with pytest.raises(AddressRefused):
        await stage.webhook(url)
    made = await _made_before(stage)
    with pytest.raises(AddressRefused):
        await webhooks.change_webhook(
            stage.resources,
            stage.principal,
            stage.organization_id,
            made,
            WebhookUpdate(url=url),
        )


async def test_host_without_an_address_is_refused(stage: Stage) -> None:
    with pytest.raises(HostNotFound):
        await stage.webhook("https://nothing.invalid/")


async def test_ping_is_no_event_to_ask_for() -> None:
    with pytest.raises(ValueError, match="ping is sent when it is asked for"):
        WebhookInput(url=URL, events=["ping"])


async def test_project_of_others_is_refused(stage: Stage) -> None:
    other = await principal(stage.resources)
    stage.platform.principal, mine = other, stage.platform.principal
    theirs = await stage.platform.project()
    stage.platform.principal = mine

    with pytest.raises(InvalidInput) as refused:
        await stage.webhook(URL, projects=[theirs.id])
    assert refused.value.field == "projects"


async def test_organization_has_a_bounded_number_of_endpoints(stage: Stage) -> None:
    for _ in range(MOST_ENDPOINTS):
        await stage.webhook(URL)
    with pytest.raises(Conflict):
        await stage.webhook(URL)


async def test_other_tenants_have_no_such_webhook(stage: Stage) -> None:
    made = await stage.webhook(URL)
    sent = await stage.ping(made.id)
    other = await principal(stage.resources)
    resources, own = stage.resources, personal_organization(other)

    for organization_id in (own, stage.organization_id):
        at = (resources, other, organization_id, made.id)
        for call in (
            webhooks.get_webhook(*at),
            webhooks.change_webhook(*at, WebhookUpdate(name="mine")),
            webhooks.rotate_secret(*at),
            webhooks.delete_webhook(*at),
            deliveries.ping(*at, WEBHOOKS),
            deliveries.list_deliveries(*at, WEBHOOKS, limit=10),
            deliveries.redeliver(*at, sent.id, WEBHOOKS),
        ):
            with pytest.raises(NotFound):
                await call
    listed = await webhooks.list_webhooks(resources, other, own, limit=10)
    assert listed.items == []


async def test_event_goes_to_receivers_of_its_own_organization_alone(stage: Stage) -> None:
    other = await principal(stage.resources)
    theirs = await webhooks.create_webhook(
        stage.resources, other, personal_organization(other), WebhookInput(url=URL)
    )
    ours = await stage.webhook(URL)
    await stage.platform.deploy(await stage.platform.project())
    stage.resources.poster._timeout_seconds = 0.2
    await stage.send()

    assert len(await stage.deliveries(ours.id)) == 1
    of_theirs = await deliveries.list_deliveries(
        stage.resources, other, personal_organization(other), theirs.id, WEBHOOKS, limit=10
    )
    assert of_theirs.items == []


async def test_delivery_of_another_webhook_is_not_sent_again(stage: Stage) -> None:
    one, other = await stage.webhook(URL), await stage.webhook(URL)
    sent = await stage.ping(one.id)
    with pytest.raises(NotFound):
        await stage.redeliver(other.id, sent.id)


async def test_webhook_is_no_channel_and_a_channel_no_webhook(stage: Stage) -> None:
    webhook = await stage.webhook(URL)
    channel = await stage.channel("slack", URL)
    at = (stage.resources, stage.principal, stage.organization_id)

    with pytest.raises(NotFound):
        await channels.get_channel(*at, webhook.id)
    with pytest.raises(NotFound):
        await webhooks.rotate_secret(*at, channel.id)
    with pytest.raises(NotFound):
        await channels.delete_channel(*at, webhook.id)


async def test_what_is_switched_off_can_be_neither_tried_nor_sent_to_again(stage: Stage) -> None:
    made = await stage.webhook(URL)
    sent = await stage.ping(made.id)
    await webhooks.change_webhook(
        stage.resources,
        stage.principal,
        stage.organization_id,
        made.id,
        WebhookUpdate(active=False),
    )
    with pytest.raises(Conflict):
        await stage.ping(made.id)
    with pytest.raises(Conflict):
        await stage.redeliver(made.id, sent.id)


async def _made_before(stage: Stage):
    """A webhook whose address was allowed once."""
    stage.resources.poster._allow_private = True
    made = await stage.webhook(URL.replace("9", "19"))
    stage.resources.poster._allow_private = False
    return made.id
