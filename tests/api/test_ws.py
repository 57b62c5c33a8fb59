"""Both WebSockets over a real server."""

import asyncio
import json
from urllib.parse import quote, urlsplit
from uuid import UUID

import httpx
import pytest
from sqlalchemy import update
from tests.api.conftest import SignUp
from tests.api.deployer import User, make_runner
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from autodeploy.kernel import telemetry
from autodeploy.kernel.clock import now
from autodeploy.kernel.resources import Resources
from autodeploy.services.deployer.log_archiving import archive_next
from autodeploy.services.deployer.models import Environment


@pytest.fixture
async def user(client: httpx.AsyncClient, sign_up: SignUp) -> User:
    return User(client, await sign_up())


@pytest.fixture
def server(sockets: str) -> str:
    return f"{sockets}/deployments"


async def read_all(socket: ClientConnection) -> tuple[list[dict[str, object]], int]:
    """Every message until the server closes, and its close code."""
    messages = []
    try:
        async with asyncio.timeout(20):
            while True:
                messages.append(json.loads(await socket.recv()))
    except ConnectionClosed as closed:
        assert closed.rcvd is not None
        return messages, closed.rcvd.code


def sequences(messages: list[dict[str, object]]) -> list[object]:
    return [line["sequence"] for each in messages for line in each.get("lines", [each])]


async def test_both_streams_give_everything_and_close(
    user: User, server: str, resources: Resources
) -> None:
    made = await user.deployment(await user.project())
    async with (
        connect(f"{server}/{made['id']}/logs/stream", additional_headers=user.headers) as logs,
        connect(f"{server}/{made['id']}/status/stream", additional_headers=user.headers) as status,
    ):
        reading = asyncio.gather(read_all(logs), read_all(status))
        assert b"autodeploy_websockets 2.0" in telemetry.render()
        await make_runner(resources).run(UUID(made["id"]))
        (lines, log_code), (events, status_code) = await reading
    assert log_code == status_code == 1000
    stored = (await user.call("GET", f"/deployments/{made['id']}/logs", status=200))["items"]
    assert sequences(lines) == [line["sequence"] for line in stored]
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["status"] == "ready"
    async with connect(
        f"{server}/{made['id']}/logs/stream?after=2", additional_headers=user.headers
    ) as socket:
        rest, code = await read_all(socket)
    assert code == 1000
    assert sequences(rest) == sequences(lines)[2:]


async def test_streams_resume_in_archived_lines(
    user: User, server: str, resources: Resources
) -> None:
    made = await user.deployment(await user.project())
    await make_runner(resources).run(UUID(made["id"]))
    path, url = f"/deployments/{made['id']}/logs", f"{server}/{made['id']}/logs/stream"
    stored = (await user.call("GET", path, status=200))["items"]
    async with resources.db.transaction() as session:
        await session.execute(update(Environment).values(live_deployment_id=None))
    assert await archive_next(resources, UUID(made["id"]), now())
    assert (await user.call("GET", path, status=200))["items"] == stored
    for after in range(len(stored)):
        async with connect(f"{url}?after={after}", additional_headers=user.headers) as socket:
            lines, code = await read_all(socket)
        assert sequences(lines) == [line["sequence"] for line in stored[after:]]
        assert code == 1000
    query = quote(stored[1]["message"].upper())
    found = (await user.call("GET", f"{path}?q={query}", status=200))["items"]
    assert stored[1] in found
    async with connect(f"{url}?q={query}", additional_headers=user.headers) as socket:
        assert sequences((await read_all(socket))[0]) == [line["sequence"] for line in found]
    # A file in its own place cannot be opened: the store does not answer.
    [archived] = (resources.home / "objects" / "logs").rglob("*.zst")
    archived.unlink()
    archived.symlink_to(archived)
    assert (await user.call("GET", path, status=503))["code"] == "unavailable"
    async with connect(url, additional_headers=user.headers) as socket:
        assert await read_all(socket) == ([], 1013)
    archived.unlink()
    [line] = (await user.call("GET", path, status=200))["items"]
    assert "missing" in line["message"]


async def test_ticket_opens_one_stream(user: User, server: str) -> None:
    made = await user.deployment(await user.project())
    await user.call("POST", f"/deployments/{made['id']}/cancel", status=202)
    ticket = (await user.call("POST", "/auth/ticket", status=200))["ticket"]
    protocol = Subprotocol(f"autodeploy.ticket.{ticket}")
    url = f"{server}/{made['id']}/status/stream"
    async with connect(url, subprotocols=[protocol]) as socket:
        assert socket.subprotocol == protocol
        messages, code = await read_all(socket)
    assert (messages[-1]["status"], code) == ("cancelled", 1000)
    with pytest.raises((InvalidStatus, ConnectionClosed)):
        async with connect(url, subprotocols=[protocol]) as socket:
            await socket.recv()


async def test_stream_of_others_closes_as_not_found(
    user: User, server: str, client: httpx.AsyncClient, sign_up: SignUp
) -> None:
    made = await user.deployment(await user.project())
    url = f"{server}/{made['id']}/logs/stream"
    async with connect(url, additional_headers=await sign_up()) as socket:
        assert await read_all(socket) == ([], 4404)


async def test_stream_without_credential_is_refused(user: User, server: str) -> None:
    made = await user.deployment(await user.project())
    with pytest.raises(InvalidStatus) as refusal:
        await connect(f"{server}/{made['id']}/logs/stream")
    assert refusal.value.response.status_code in (401, 403)


async def test_page_of_another_site_is_refused(user: User, server: str) -> None:
    made = await user.deployment(await user.project())
    host = urlsplit(server).netloc
    foreign = ("https://evil.example", "null", f"https://{host}.evil.example", "http://localhost")
    for stream in ("logs", "status"):
        for origin in foreign:
            headers = {**user.headers, "Origin": origin}
            with pytest.raises(InvalidStatus) as refusal:
                await connect(f"{server}/{made['id']}/{stream}/stream", additional_headers=headers)
            assert refusal.value.response.status_code == 403, origin


async def test_page_of_this_host_or_of_an_allowed_origin_opens_a_stream(
    user: User, server: str
) -> None:
    made = await user.deployment(await user.project())
    for origin in (f"http://{urlsplit(server).netloc}", "http://localhost:3000"):
        headers = {**user.headers, "Origin": origin}
        async with connect(f"{server}/{made['id']}/status/stream", additional_headers=headers):
            pass
