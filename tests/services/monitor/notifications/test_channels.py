"""Channels: what people read in Slack, Discord and mails, and whom mails go to."""

import json
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from sqlalchemy import delete, update
from tests.kernel.http.servers import Scripted, answer, scripted
from tests.services.auth.accounts import signed_up
from tests.services.deployer.provider import fail_with
from tests.services.monitor.notifications.receivers import Stage

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import DeploymentFailed, InvalidInput
from autodeploy.kernel.http.addresses import AddressRefused
from autodeploy.kernel.mail import Mailer, MailNotSent, NoMailServer
from autodeploy.services.auth.models import OrganizationMember, User
from autodeploy.services.monitor.notifications import channels
from autodeploy.services.monitor.notifications.models import OffReason
from autodeploy.services.monitor.notifications.schemas import WORTH_READING, ChannelUpdate
from autodeploy.services.monitor.notifications.upkeep import keep_notifications

SLACK_OK = answer(200, b"ok")
DISCORD_OK = answer(204, b"")


async def email_of(stage: Stage, *, confirmed: bool = True) -> str:
    """The address of the signed-up user."""
    async with stage.resources.db.transaction() as session:
        user = await session.get_one(User, stage.principal.user_id)
        user.email_verified_at = now() if confirmed else None
        return user.email


async def failed(stage: Stage, message: str = "The build broke.") -> str:
    """A deployment that fails; its id."""
    error = DeploymentFailed(message, remedy="Mend it.")
    stage.platform.provider.at["build"] = fail_with(error)
    return str((await stage.platform.deployed(await stage.platform.project())).id)


def mails(stage: Stage, recipient: str) -> list[EmailMessage]:
    """What was mailed to an address, but for what greets a new account."""
    files = sorted((stage.resources.home / "outbox").glob("*.eml"))
    found = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in files]
    return [
        mail
        for mail in found
        if mail["to"] == recipient and not mail["subject"].startswith("Confirm")
    ]


def text_of(receiver: Scripted, field: str) -> str:
    [seen] = receiver.seen
    text = json.loads(seen.body)[field]
    assert isinstance(text, str)
    return text


async def test_slack_says_what_failed_why_and_where_to_look(stage: Stage) -> None:
    async with scripted(SLACK_OK) as slack:
        await stage.channel("slack", f"{slack.url}/services/T0/B0/XXX")
        deployment_id = await failed(stage)
        await stage.send()

    assert slack.seen[0].target == "/services/T0/B0/XXX"
    lines = text_of(slack, "text").splitlines()
    assert lines[0] == "*shop (production): deployment failed*"
    assert "The build broke. (deployment_failed)" in lines
    assert "Mend it." in lines
    link = f"https://autodeploy.test/api/v1/deployments/{deployment_id}"
    assert lines[-1] == f"<{link}|Open the deployment>"


async def test_nothing_that_users_write_mentions_anybody(stage: Stage) -> None:
    async with scripted(SLACK_OK) as slack, scripted(DISCORD_OK) as discord:
        await stage.channel("slack", f"{slack.url}/x")
        await stage.channel("discord", f"{discord.url}/y")
        await failed(stage, "<!channel> & @everyone")
        await stage.send()

    assert "&lt;!channel&gt; &amp; @everyone" in text_of(slack, "text")
    assert "<!channel> & @everyone" in text_of(discord, "content")
    assert json.loads(discord.seen[0].body)["allowed_mentions"] == {"parse": []}


async def test_message_for_discord_is_no_longer_than_it_takes(stage: Stage) -> None:
    async with scripted(DISCORD_OK) as discord:
        await stage.channel("discord", f"{discord.url}/y")
        await failed(stage, "x" * 5000)
        await stage.send()

    assert len(text_of(discord, "content")) <= 2000


async def test_channel_is_told_by_default_what_somebody_may_have_to_look_at(stage: Stage) -> None:
    async with scripted(DISCORD_OK) as discord:
        channel = await stage.channel("discord", f"{discord.url}/y")
        deployed = await stage.platform.deployed(await stage.platform.project())
        await stage.send()

    assert channel.events == list(WORTH_READING)
    content = text_of(discord, "content")
    assert content.startswith("**shop (production): deployment is live**")
    assert deployed.url is not None
    assert deployed.url in content


@pytest.mark.parametrize("kind", ["slack", "discord"])
async def test_channel_that_was_removed_there_is_switched_off(stage: Stage, kind: str) -> None:
    async with scripted(answer(404, b"no_service")) as receiver:
        channel = await stage.channel(kind, f"{receiver.url}/x")
        await stage.ping(channel.id, of_channel=True)
        await stage.send()

    assert (await stage.row(channel.id)).off_reason == OffReason.GONE


async def test_address_of_a_chat_is_stored_sealed_and_never_shown(stage: Stage) -> None:
    async with scripted(SLACK_OK) as slack:
        address = f"{slack.url}/services/T0/B0/very-secret"
        channel = await stage.channel("slack", address)
        assert channel.target == slack.url.removeprefix("http://")
        await stage.ping(channel.id, of_channel=True)
        await stage.send()

    shown = channel.model_dump_json() + str(await stage.deliveries(channel.id, of_channel=True))
    row = await stage.row(channel.id)
    assert "very-secret" not in shown + str(vars(row))


async def test_address_that_is_left_out_stays_and_another_one_takes_its_place(
    stage: Stage,
) -> None:
    async def change(**body: object) -> None:
        await channels.change_channel(
            stage.resources,
            stage.principal,
            stage.organization_id,
            channel.id,
            ChannelUpdate.model_validate(body),
        )

    async with scripted(SLACK_OK) as before, scripted(SLACK_OK) as after:
        channel = await stage.channel("slack", f"{before.url}/x")
        await change(name="another")
        await stage.ping(channel.id, of_channel=True)
        await stage.send()
        await change(address=f"{after.url}/x")
        await stage.ping(channel.id, of_channel=True)
        await stage.send(after_seconds=1)

    assert (len(before.seen), len(after.seen)) == (1, 1)


async def test_private_address_is_refused(stage: Stage) -> None:
    stage.resources.poster._allow_private = False
    with pytest.raises(AddressRefused):
        await stage.channel("slack", "http://127.0.0.1:9/x")


async def test_member_gets_a_mail(stage: Stage) -> None:
    email = await email_of(stage)
    channel = await stage.channel("email", email.upper())
    deployment_id = await failed(stage)
    await stage.send()

    assert channel.target == email
    [mail] = mails(stage, email)
    assert mail["subject"] == "shop (production): deployment failed - AutoDeploy"
    text = mail.get_content()
    assert "The build broke." in text
    assert f"/deployments/{deployment_id}" in text


async def test_mails_go_to_confirmed_addresses_of_members_alone(stage: Stage) -> None:
    unconfirmed = await email_of(stage, confirmed=False)
    stranger = await signed_up(stage.resources)
    async with stage.resources.db.transaction() as session:
        await session.execute(
            update(User).where(User.id == stranger.user.id).values(email_verified_at=now())
        )
    for address in (unconfirmed, stranger.user.email, "nobody@example.com"):
        with pytest.raises(InvalidInput) as refused:
            await stage.channel("email", address)
        assert refused.value.field == "address"


async def test_who_left_the_organization_gets_no_more_mails(stage: Stage) -> None:
    email = await email_of(stage)
    channel = await stage.channel("email", email)
    await stage.ping(channel.id, of_channel=True)
    async with stage.resources.db.transaction() as session:
        await session.execute(delete(OrganizationMember))
    await stage.send()

    assert mails(stage, email) == []
    assert (await stage.row(channel.id)).off_reason == OffReason.GONE


async def test_without_a_mail_server_there_are_no_mail_channels(stage: Stage) -> None:
    email = await email_of(stage)
    stage.resources = replace(stage.resources, mail=Mailer(None, sender="a@example.com"))
    with pytest.raises(NoMailServer):
        await stage.channel("email", email)


async def test_owners_are_told_once_of_what_the_platform_switched_off(stage: Stage) -> None:
    email = await email_of(stage)
    async with scripted(answer(410, b"")) as receiver:
        webhook = await stage.webhook(receiver)
        await stage.ping(webhook.id)
        await stage.send()
    await keep_notifications(stage.resources)
    await keep_notifications(stage.resources)

    [notice] = mails(stage, email)
    assert "switched off" in notice["subject"]
    assert webhook.url in notice.get_content()


async def test_owners_are_told_later_where_the_mail_server_was_away(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    email = await email_of(stage)
    async with scripted(answer(410, b"")) as receiver:
        webhook = await stage.webhook(receiver)
        await stage.ping(webhook.id)
        await stage.send()
    with monkeypatch.context() as away:
        away.setattr(Mailer, "send", _nobody_takes_it)
        await keep_notifications(stage.resources)
    assert (await stage.row(webhook.id)).owners_told_at is None
    await keep_notifications(stage.resources)

    assert len(mails(stage, email)) == 1


async def test_old_deliveries_go_with_their_events(stage: Stage) -> None:
    async with scripted(SLACK_OK) as receiver:
        webhook = await stage.webhook(receiver)
        await stage.ping(webhook.id)
        await stage.send()
    await keep_notifications(stage.resources)
    assert len(await stage.deliveries(webhook.id)) == 1

    [event] = await stage.events()
    async with stage.resources.db.transaction() as session:
        await session.execute(
            update(type(event)).values(created_at=event.created_at - timedelta(days=31))
        )
    await keep_notifications(stage.resources)

    assert await stage.deliveries(webhook.id) == []


async def _nobody_takes_it(*_: object) -> None:
    raise MailNotSent("The mail server is away.")
