"""Deliveries: signed, repeated, given up, sent again; and nobody waits for a slow receiver."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from itertools import accumulate

import pytest
from standardwebhooks import WebhookVerificationError
from tests.kernel.http.servers import DROP, HANG, Scripted, answer, scripted
from tests.services.auth.people import entries
from tests.services.deployer.platform import eventually
from tests.services.monitor.notifications.receivers import Stage, verified

from autodeploy.kernel.vault.errors import VaultAway
from autodeploy.kernel.vault.vault import Vault
from autodeploy.services.monitor.notifications import sender as sender_module
from autodeploy.services.monitor.notifications import webhooks
from autodeploy.services.monitor.notifications.models import OffReason
from autodeploy.services.monitor.notifications.outbox import (
    FAILING_FOR,
    TRIED_FOR,
    WAITS_SECONDS,
    claim,
    note,
)
from autodeploy.services.monitor.notifications.schemas import WebhookUpdate
from autodeploy.services.monitor.notifications.sending import Outcome

OK = answer(204, b"")
DEPLOYED = ["deployment.queued", "deployment.building", "deployment.deploying", "deployment.ready"]


def ids(receiver: Scripted) -> list[str]:
    return [seen.headers["webhook-id"] for seen in receiver.seen]


def bodies(receiver: Scripted) -> list[str]:
    return [json.loads(seen.body)["type"] for seen in receiver.seen]


async def test_deployment_is_sent_signed_and_each_event_once(stage: Stage) -> None:
    async with scripted(OK) as receiver:
        webhook = await stage.webhook(receiver)
        await stage.platform.deployed(await stage.platform.project())
        await stage.send()
        await stage.send()

    received = [verified(webhook.secret, seen) for seen in receiver.seen]
    assert sorted(each["type"] for each in received) == sorted(DEPLOYED)
    assert len(set(ids(receiver))) == len(DEPLOYED)
    for seen in receiver.seen:
        assert (seen.method, seen.target) == ("POST", "/hook")
        assert seen.headers["content-type"] == "application/json"
        assert seen.headers["host"] == receiver.url.removeprefix("http://")
    assert {each.status for each in await stage.deliveries(webhook.id)} == {"delivered"}


async def test_body_that_was_changed_or_another_secret_does_not_verify(stage: Stage) -> None:
    async with scripted(OK) as receiver:
        webhook = await stage.webhook(receiver)
        other = await stage.webhook(receiver)
        await stage.ping(webhook.id)
        await stage.send()

    [seen] = receiver.seen
    verified(webhook.secret, seen)
    with pytest.raises(WebhookVerificationError):
        verified(other.secret, seen)
    seen.body += b" "
    with pytest.raises(WebhookVerificationError):
        verified(webhook.secret, seen)


async def test_webhook_is_told_only_of_its_events_and_projects(stage: Stage) -> None:
    async with scripted(OK) as receiver, scripted(OK) as other:
        shop = await stage.platform.project()
        await stage.webhook(receiver, events=["deployment.ready"], projects=[shop.id])
        await stage.webhook(other, projects=[(await stage.platform.project(name="other")).id])
        await stage.platform.deployed(shop)
        await stage.send()

    assert bodies(receiver) == ["deployment.ready"]
    assert other.seen == []


async def test_events_that_nobody_is_told_of_are_removed(stage: Stage) -> None:
    await stage.platform.deploy(await stage.platform.project())
    assert await stage.events()

    await stage.send()

    assert await stage.events() == []


@pytest.mark.parametrize(
    "failure", [answer(500, b"broken \x00\n inside"), DROP], ids=["500", "reset"]
)
async def test_failure_is_tried_again_with_the_same_id_and_body(
    stage: Stage, failure: bytes
) -> None:
    async with scripted(failure, OK) as receiver:
        webhook = await stage.webhook(receiver)
        await stage.ping(webhook.id)
        await stage.send()
        waiting = await stage.delivery(webhook.id)
        await stage.send()
        assert len(receiver.seen) == 1, "it is not due yet"
        await stage.send(after_seconds=WAITS_SECONDS[0])

    assert (waiting.status, waiting.attempts) == ("pending", 1)
    assert waiting.error is not None
    if failure is not DROP:
        assert (waiting.answer_status, waiting.answer) == (500, "broken inside")
    first, second = receiver.seen
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]
    verified(webhook.secret, second)
    delivered = await stage.delivery(webhook.id)
    assert (delivered.status, delivered.attempts, delivered.error) == ("delivered", 2, None)


async def test_receiver_that_does_not_answer_in_time_is_tried_again(stage: Stage) -> None:
    stage.resources.poster._timeout_seconds = 0.2
    async with scripted(HANG) as receiver:
        webhook = await stage.webhook(receiver)
        await stage.ping(webhook.id)
        await stage.send()

    waiting = await stage.delivery(webhook.id)
    assert (waiting.status, waiting.attempts) == ("pending", 1)
    assert waiting.error == "The receiver does not answer: no answer within 0.2 s."


async def test_redirect_is_not_followed(stage: Stage) -> None:
    async with scripted(OK) as elsewhere:
        async with scripted(answer(307, b"", location=f"{elsewhere.url}/x")) as receiver:
            webhook = await stage.webhook(receiver)
            await stage.ping(webhook.id)
            await stage.send()

        waiting = await stage.delivery(webhook.id)
        assert "redirect" in (waiting.error or "")
        assert elsewhere.seen == []


async def test_receiver_that_asks_for_a_longer_wait_gets_it(stage: Stage) -> None:
    async with scripted(answer(429, b"", retry_after="90"), OK) as receiver:
        webhook = await stage.webhook(receiver)
        await stage.ping(webhook.id)
        await stage.send()
        await stage.send(after_seconds=80)
        assert len(receiver.seen) == 1
        await stage.send(after_seconds=11)

    assert len(receiver.seen) == 2


async def test_answer_without_an_end_is_cut_off_and_counts(stage: Stage) -> None:
    head = b"HTTP/1.1 200 X\r\ncontent-length: 1000000000\r\n\r\n"
    async with scripted(head + b"x" * 5000) as receiver:
        webhook = await stage.webhook(receiver)
        await stage.ping(webhook.id)
        await stage.send()

    delivered = await stage.delivery(webhook.id)
    assert (delivered.status, delivered.answer) == ("delivered", "x" * 500)


async def test_delivery_is_given_up_after_about_a_day(stage: Stage) -> None:
    async with scripted(answer(500, b"")) as receiver:
        webhook = await stage.webhook(receiver)
        await stage.ping(webhook.id)
        await stage.send()
        for seconds in WAITS_SECONDS:
            assert (await stage.delivery(webhook.id)).status == "pending"
            await stage.send(after_seconds=seconds)
        await stage.send(after_seconds=10 * 3600)

    given_up = await stage.delivery(webhook.id)
    assert (given_up.status, given_up.next_attempt_at) == ("failed", None)
    assert len(receiver.seen) == given_up.attempts == len(WAITS_SECONDS) + 1
    assert 24 * 3600 < list(accumulate(WAITS_SECONDS))[-1] < 30 * 3600
    assert (await stage.row(webhook.id)).off_reason is None, "one day is not days"


async def test_endpoint_that_is_gone_is_switched_off_at_once(stage: Stage) -> None:
    async with scripted(answer(500, b""), answer(410, b"")) as receiver:
        webhook = await stage.webhook(receiver)
        first = await stage.ping(webhook.id)
        await stage.send()
        second = await stage.ping(webhook.id)
        await stage.send()
        await stage.platform.deploy(await stage.platform.project())
        await stage.send(after_seconds=3600)

    assert len(receiver.seen) == 2
    assert (await stage.row(webhook.id)).off_reason == OffReason.GONE
    found = {each.id: each for each in await stage.deliveries(webhook.id)}
    assert found.keys() == {first.id, second.id}
    assert found[first.id].error == "The endpoint was switched off."
    assert found[second.id].error == "It answered 410."
    entry = (await entries(stage.resources, "notification.manage"))[-1]
    assert (entry.actor, entry.object_id) == ("system", str(webhook.id))
    assert entry.changes == {"off_reason": {"before": None, "after": "gone"}}


async def test_endpoint_that_fails_for_days_is_switched_off_and_a_success_forgives(
    stage: Stage,
) -> None:
    async with scripted(answer(500, b"")) as receiver:
        webhook = await stage.webhook(receiver)

        async def give_up() -> None:
            await stage.ping(webhook.id)
            stage.time.pass_by(1)  # what was asked for by now is due
            await stage.send()
            for seconds in WAITS_SECONDS:
                await stage.send(after_seconds=seconds)

        await give_up()
        receiver.script = [OK]
        await stage.ping(webhook.id)
        await stage.send(after_seconds=FAILING_FOR.total_seconds())
        assert (await stage.row(webhook.id)).failing_since is None
        receiver.script = [answer(500, b"")]
        await give_up()
        assert (await stage.row(webhook.id)).off_reason is None
        await give_up()
        assert (await stage.row(webhook.id)).off_reason is None
        stage.time.pass_by(24 * 3600)
        await give_up()

        assert (await stage.row(webhook.id)).off_reason == OffReason.FAILING


async def test_process_that_dies_before_it_notes_the_end_sends_it_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    async with scripted(OK) as receiver:
        webhook = await stage.webhook(receiver)
        await stage.ping(webhook.id)
        with monkeypatch.context() as dying:
            dying.setattr(sender_module, "note", never)
            await stage.sender.tick()
            await eventually(_has_seen(receiver, 1))
            await stage.sender.close()

        stage.sender = stage.another_sender()
        await stage.send()
        assert len(receiver.seen) == 1, "the other worker may be about to note it"
        await stage.send(after_seconds=TRIED_FOR.total_seconds() + 1)

    assert len(receiver.seen) == 2
    assert len(set(ids(receiver))) == 1
    delivered = await stage.delivery(webhook.id)
    assert (delivered.status, delivered.attempts) == ("delivered", 2)


async def test_worker_that_was_taken_for_dead_notes_nothing_over_its_successor(
    stage: Stage,
) -> None:
    webhook = await stage.webhook("http://127.0.0.1:9/")
    await stage.ping(webhook.id)
    db = stage.resources.db
    first = await claim(db, webhook.id, stage.time.now())
    stage.time.pass_by(TRIED_FOR.total_seconds() + 1)
    second = await claim(db, webhook.id, stage.time.now())
    assert first is not None
    assert second is not None

    await note(db, first, Outcome(error="late"), stage.time.now(), 0.0)
    assert (await stage.delivery(webhook.id)).error is None
    await note(db, second, Outcome(answer_status=200), stage.time.now(), 0.0)
    await note(db, first, Outcome(error="later still"), stage.time.now(), 0.0)

    delivered = await stage.delivery(webhook.id)
    assert (delivered.status, delivered.error) == ("delivered", None)


async def test_two_workers_send_everything_once(stage: Stage) -> None:
    async with scripted(OK) as receiver:
        webhook = await stage.webhook(receiver)
        for _ in range(12):
            await stage.ping(webhook.id)
        others = [stage.another_sender() for _ in range(2)]
        await asyncio.gather(*(each.tick() for each in (stage.sender, *others)))
        await asyncio.gather(*(each.settle() for each in (stage.sender, *others)))

    assert len(receiver.seen) == len(set(ids(receiver))) == 12


async def test_slow_receiver_holds_up_nobody_else(stage: Stage) -> None:
    async with scripted(HANG) as slow, scripted(OK) as quick:
        of_slow = await stage.webhook(slow)
        await stage.webhook(quick)
        for _ in range(20):
            await stage.ping(of_slow.id)
        for _ in range(8):
            await stage.sender.tick()
        await eventually(_has_seen(slow, 1))
        await stage.platform.deploy(await stage.platform.project())
        await stage.sender.tick()
        await eventually(_has_seen(quick, 1))
        await stage.sender.tick()

        assert len(slow.seen) <= sender_module.MOST_PER_ENDPOINT
        assert bodies(quick) == ["deployment.queued"]
        await stage.sender.close()


async def test_redelivery_sends_the_same_event_with_its_id_again(stage: Stage) -> None:
    async with scripted(OK) as receiver:
        webhook = await stage.webhook(receiver)
        sent = await stage.ping(webhook.id)
        await stage.send()
        again = await stage.redeliver(webhook.id, sent.id)
        assert (again.id, again.status, again.attempts) == (sent.id, "pending", 0)
        assert again.answer_status is None
        await stage.send(after_seconds=1)

    first, second = receiver.seen
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == str(sent.event_id)
    assert first.body == second.body
    assert (await stage.delivery(webhook.id)).status == "delivered"


async def test_both_secrets_sign_for_a_day_after_a_rotation(stage: Stage) -> None:
    async with scripted(OK) as receiver:
        old = await stage.webhook(receiver)
        new = await webhooks.rotate_secret(
            stage.resources, stage.principal, stage.organization_id, old.id
        )
        assert new.secret != old.secret
        await stage.ping(old.id)
        await stage.send()
        verified(old.secret, receiver.seen[0])
        verified(new.secret, receiver.seen[0])

        await stage.ping(old.id)
        await stage.send(after_seconds=webhooks.BOTH_SECRETS.total_seconds() + 1)

    assert len(receiver.seen[1].headers["webhook-signature"].split()) == 1


async def test_private_address_is_not_connected_to_whatever_it_was_when_it_was_made(
    stage: Stage,
) -> None:
    async with scripted(OK) as receiver:
        webhook = await stage.webhook(receiver)
        await stage.ping(webhook.id)
        stage.resources.poster._allow_private = False
        await stage.send()

    assert receiver.seen == []
    waiting = await stage.delivery(webhook.id)
    assert "private network" in (waiting.error or "")


async def test_endpoint_that_was_switched_off_gets_nothing_until_it_is_on(stage: Stage) -> None:
    async def switch(*, active: bool) -> None:
        await webhooks.change_webhook(
            stage.resources,
            stage.principal,
            stage.organization_id,
            webhook.id,
            WebhookUpdate(active=active),
        )

    async with scripted(OK) as receiver:
        webhook = await stage.webhook(receiver)
        await stage.ping(webhook.id)
        await switch(active=False)
        await stage.send()
        assert receiver.seen == []
        await switch(active=True)
        await stage.ping(webhook.id)
        await stage.send(after_seconds=1)

    assert bodies(receiver) == ["ping"]


async def test_vault_that_is_away_costs_no_try(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> str:
        raise VaultAway("It is sealed.")

    async with scripted(OK) as receiver:
        webhook = await stage.webhook(receiver)
        await stage.ping(webhook.id)
        with monkeypatch.context() as sealed:
            sealed.setattr(Vault, "decrypt_for", away)
            await stage.send()
        waiting = await stage.delivery(webhook.id)
        assert (waiting.status, waiting.attempts, waiting.error) == ("pending", 0, "It is sealed.")
        await stage.send(after_seconds=TRIED_FOR.total_seconds() + 1)

    assert bodies(receiver) == ["ping"]


def _has_seen(receiver: Scripted, number: int) -> Callable[[], Awaitable[bool]]:
    async def seen() -> bool:
        return len(receiver.seen) >= number

    return seen
