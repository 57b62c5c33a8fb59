"""The ``webhooks`` and ``notifications`` commands, against the real API and a worker's sender."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import pytest
from tests.cli.shapes import check, documented
from tests.cli.user.conftest import Person, PersonMaker
from tests.kernel.http.servers import Scripted, answer, scripted

from autodeploy.kernel.resources import Resources
from autodeploy.services.auth.principal import Scope
from autodeploy.services.monitor.notifications.sender import Sender


@pytest.fixture
async def receiver() -> AsyncIterator[Scripted]:
    async with scripted(answer(204, b"")) as receiver:
        yield receiver


@pytest.fixture
async def _sender(resources: Resources) -> AsyncIterator[None]:
    """As a worker runs it."""
    task = asyncio.create_task(Sender(resources).run())
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@pytest.mark.usefixtures("_sender")
async def test_webhook_is_made_tried_sent_again_and_removed(
    ada: Person, receiver: Scripted
) -> None:
    assert "There is no webhook." in (await ada.run("webhooks", "list")).stderr
    made = await ada.run("webhooks", "add", receiver.url, "--name", "ci", "--json")
    webhook = json.loads(made.stdout)
    secret = webhook.pop("secret")
    check(webhook, documented("webhook"))
    assert secret.startswith("whsec_")

    sent = await ada.json("webhooks test", "ci")
    assert (sent["type"], sent["status"], sent["answerStatus"]) == ("ping", "delivered", 204)
    [listed] = (await ada.json("webhooks deliveries", webhook["id"]))["items"]
    assert listed["id"] == sent["id"]
    again = await ada.json("webhooks redeliver", receiver.url, sent["id"])
    assert again["eventId"] == sent["eventId"]
    assert len({seen.headers["webhook-id"] for seen in receiver.seen}) == 1
    table = (await ada.run("webhooks", "deliveries", "ci")).stdout
    assert "delivered" in table

    receiver.script = [answer(500, b"broken")]
    said = await ada.refused("webhooks", "test", "ci")
    assert "ci did not get it: It answered 500. It is tried again later." in said
    assert (await ada.json("webhooks disable", "ci"))["offReason"] == "by_user"
    assert (await ada.json("webhooks enable", "ci"))["active"] is True
    assert "There is no webhook 'cd'" in await ada.refused("webhooks", "rotate", "cd")
    removed = ("webhooks", "remove", "ci")
    assert "nothing was changed" in await ada.refused(*removed, code=2, stdin="no\n")
    assert (await ada.json("webhooks remove", "ci", "--yes"))["removed"] is True


async def test_secret_alone_is_on_standard_output_and_never_listed(
    ada: Person, receiver: Scripted
) -> None:
    made = await ada.run("webhooks", "add", receiver.url, "--name", "ci")
    rotated = await ada.run("webhooks", "rotate", "ci")
    secrets = [made.stdout.strip(), rotated.stdout.strip()]
    assert all(secret.startswith("whsec_") for secret in secrets)
    assert secrets[0] != secrets[1]
    assert "the one before signs, too" in rotated.stderr
    listed = (await ada.json("webhooks list"))["items"]
    assert not any(secret in json.dumps(listed) for secret in secrets)


async def test_webhook_is_told_of_what_was_named(ada: Person, receiver: Scripted) -> None:
    project = await ada.call("POST", "/projects", {"name": "Shop"})
    only = ("--event", "deployment.ready", "--project", "shop")
    made = await ada.run("webhooks", "add", receiver.url, *only, "--json")
    webhook = json.loads(made.stdout)
    assert webhook["events"] == ["deployment.ready"]
    assert webhook["projects"] == [project["id"]]
    wrong = ("webhooks", "add", receiver.url, "--event", "deployment.done")
    assert "deployment.ready" in await ada.refused(*wrong)


@pytest.mark.usefixtures("_sender")
async def test_url_of_a_chat_is_read_from_a_pipe_and_never_shown(
    ada: Person, receiver: Scripted
) -> None:
    address = f"{receiver.url}/services/very-secret"
    made = await ada.run("notifications", "add", "slack", "team", stdin=f"{address}\n")
    assert made.returncode == 0, made.stderr
    sent = await ada.json("notifications test", "team")
    assert sent["status"] == "delivered"
    assert receiver.seen[0].target == "/services/very-secret"
    shown = json.dumps(await ada.json("notifications list"))
    table = (await ada.run("notifications", "list")).stdout
    assert "very-secret" not in made.stdout + made.stderr + shown + table
    await ada.json("notifications disable", "team")
    assert "off (by user)" in (await ada.run("notifications", "list")).stdout
    await ada.json("notifications enable", "team")
    assert (await ada.json("notifications remove", "team", "--yes"))["removed"] is True


async def test_mail_takes_an_address_and_a_chat_none(ada: Person) -> None:
    for arguments in (("email", "x"), ("slack", "x", "--to", "ada@example.com")):
        said = await ada.refused("notifications", "add", *arguments, code=2, stdin="")
        assert "--to" in said
    to = ("notifications", "add", "email", "x", "--to", "nobody@example.com")
    assert "members of the organization" in await ada.refused(*to)


async def test_who_does_not_manage_the_organization_sees_no_webhooks(person: PersonMaker) -> None:
    bob = await person("bob", Scope.WRITE)
    assert "(forbidden)" in await bob.refused("webhooks", "list", code=77)
