"""What GitHub sends: who may send it, how much, and how often it counts."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select
from tests.api.conftest import app_over, client_of
from tests.fakes.github_hooks import signed
from tests.services.deployer.platform import eventually
from tests.services.deployer.pushes.hub import Hub, stream

from autodeploy.kernel.errors import InvalidInput, TooLarge, Unauthenticated
from autodeploy.kernel.locks import held_alone
from autodeploy.kernel.questions import Question
from autodeploy.services.deployer import reconciler
from autodeploy.services.deployer.pushes.deliveries import (
    LIMIT_BYTES,
    is_called,
    receive_delivery,
)
from autodeploy.services.deployer.pushes.models import GitHubDelivery
from autodeploy.services.deployer.reconciler import Reconciler

PUSH = json.dumps({"ref": "refs/heads/main"}).encode()
DELIVERY = {"event": "push", "guid": "5f0c2b1e-0000-4000-8000-000000000001"}


@pytest.fixture
async def called(hub: Hub) -> tuple[UUID, str]:
    """The id and the secret of a webhook."""
    await hub.switch_on()
    await hub.follow()
    [(hook_id, hook)] = hub.repo.hooks.items()
    return UUID(hook["config"]["url"].rpartition("/")[2]), hub.repo.secrets[hook_id]


async def _stored(hub: Hub) -> int:
    async with hub.platform.resources.db.transaction() as session:
        return await session.scalar(select(func.count()).select_from(GitHubDelivery)) or 0


async def test_a_signed_delivery_is_stored_once(hub, called):
    webhook_id, secret = called
    headers = signed(secret, DELIVERY, PUSH)
    for _ in range(3):
        await receive_delivery(hub.platform.resources, webhook_id, headers, stream(PUSH))
    assert await _stored(hub) == 1
    await hub.follow()
    await receive_delivery(hub.platform.resources, webhook_id, headers, stream(PUSH))
    assert await _stored(hub) == 1
    [webhook] = await hub.webhooks()
    assert webhook.delivered_at is not None


@pytest.mark.parametrize(
    "wrong",
    [
        {"x-hub-signature-256": ""},
        {"x-hub-signature-256": "sha256=" + "0" * 64},
        {"x-hub-signature-256": "sha256=" + "é" * 64},
        {"x-hub-signature-256": "sha1=" + "0" * 40},
    ],
)
async def test_a_delivery_that_is_not_signed_is_refused(hub, called, wrong):
    webhook_id, secret = called
    headers = {**signed(secret, DELIVERY, PUSH), **wrong}
    with pytest.raises(Unauthenticated) as refused:
        await receive_delivery(hub.platform.resources, webhook_id, headers, stream(PUSH))
    assert secret not in str(refused.value)
    assert await _stored(hub) == 0


async def test_a_delivery_of_other_bytes_or_to_no_webhook_is_refused_alike(hub, called):
    webhook_id, secret = called
    headers = signed(secret, DELIVERY, PUSH)
    for target, body in ((webhook_id, PUSH + b" "), (uuid4(), PUSH)):
        with pytest.raises(Unauthenticated):
            await receive_delivery(hub.platform.resources, target, headers, stream(body))


async def test_the_body_of_who_has_no_signature_is_not_read(hub, called):
    async def never() -> AsyncIterator[bytes]:
        pytest.fail("it was read")
        yield b""

    with pytest.raises(Unauthenticated):
        await receive_delivery(hub.platform.resources, called[0], {}, never())


async def test_a_body_over_the_limit_is_refused_while_it_comes(hub, called):
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1 << 20
            yield b"x" * (1 << 20)

    webhook_id, secret = called
    with pytest.raises(TooLarge):
        await receive_delivery(
            hub.platform.resources, webhook_id, signed(secret, DELIVERY, b""), endless()
        )
    assert sent <= LIMIT_BYTES + (1 << 20)


@pytest.mark.parametrize("body", [b"", b"not json", b"[" * 100_000, b"payload=%7B%7D"])
async def test_a_signed_body_that_is_no_json_is_refused(hub, called, body):
    webhook_id, secret = called
    headers = signed(secret, DELIVERY, body)
    with pytest.raises(InvalidInput):
        await receive_delivery(hub.platform.resources, webhook_id, headers, stream(body))


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("ping", {"zen": "…"}),
        ("push", {"ref": "refs/tags/v1"}),
        ("push", {"ref": None}),
        ("push", {"ref": "refs/heads/a\x00b"}),
        ("pull_request", {"number": 2**40}),
        ("pull_request", {"number": "many"}),
        ("issues", [1]),
    ],
)
async def test_a_signed_delivery_of_any_content_does_no_harm(hub, called, event, payload):
    webhook_id, secret = called
    body = json.dumps(payload).encode()
    headers = signed(secret, {**DELIVERY, "event": event}, body)
    try:
        await receive_delivery(hub.platform.resources, webhook_id, headers, stream(body))
    except InvalidInput:
        assert payload == {"ref": None} or payload == {"number": "many"}
    await hub.follow()
    assert len(await hub.deployments()) == 1


async def test_a_worker_follows_as_soon_as_github_has_called(hub, called):
    sha = hub.push("second")
    listening = asyncio.create_task(Reconciler(hub.platform.engine).listen())

    async def is_deployed() -> bool:
        await hub.deliver()
        return sha in await hub.commits()

    await eventually(is_deployed)
    listening.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await listening


async def test_what_comes_while_another_worker_follows_waits_for_that_one_alone(
    hub: Hub, called: tuple[UUID, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    db, tried = hub.platform.resources.db, asyncio.Event()

    @contextlib.asynccontextmanager
    async def noted(*lock: Any) -> AsyncIterator[bool]:
        async with held_alone(*lock) as mine:
            yield mine
        tried.set()

    async def is_deployed() -> bool:
        return sha in await hub.commits()

    monkeypatch.setattr(reconciler, "held_alone", noted)
    # Between its passes there is so long that the next one is no help.
    listening = asyncio.create_task(
        reconciler.Reconciler(hub.platform.engine, interval_seconds=60).listen()
    )
    async with held_alone(db, reconciler._LOCKS, 17):
        sha = hub.push("second")
        while not tried.is_set():
            await hub.deliver()
            await asyncio.sleep(0.01)
    await eventually(is_deployed)
    listening.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await listening


async def test_a_delivery_calls_until_it_is_dealt_with(hub: Hub, called: tuple[UUID, str]) -> None:
    db, is_waiting = hub.platform.resources.db, Question(is_called())
    hub.push("second")
    assert not await is_waiting.holds(db)
    await hub.deliver()
    assert await is_waiting.holds(db)
    await hub.follow()
    assert not await is_waiting.holds(db)


async def test_a_call_that_is_not_signed_learns_nothing_over_http(hub, called):
    webhook_id, secret = called
    app = app_over(hub.platform.resources.home, hub.platform.resources)
    path = f"/api/v1/webhooks/github/{webhook_id}"
    headers = {"Content-Type": "application/json"}
    async with client_of(app) as client:
        accepted = await client.post(
            path, content=PUSH, headers={**headers, **signed(secret, DELIVERY, PUSH)}
        )
        refused = [
            await client.post(address, content=body, headers={**headers, **given})
            for address, body, given in (
                (path, PUSH, {}),
                (path, b"no json", signed("another", DELIVERY, b"no json")),
                (path.replace(str(webhook_id), str(uuid4())), PUSH, signed(secret, DELIVERY, PUSH)),
            )
        ]
    assert accepted.status_code == 204
    assert {each.status_code for each in refused} == {401}
    assert len({each.json()["detail"] for each in refused}) == 1
