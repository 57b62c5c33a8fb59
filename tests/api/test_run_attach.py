"""The WebSocket that brings a one-off command its input, over a real server."""

import asyncio
import base64
import json
from typing import Any

import httpx
import pytest
from tests.api.conftest import SignUp
from tests.api.deployer import User, deploy_server
from tests.services.deployer.platform import eventually
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from autodeploy.kernel import telemetry
from autodeploy.kernel.resources import Resources
from autodeploy.services.deployer.runs.stdin import PIECE_BYTES, WINDOW_PIECES

SECRET = "pasted-secret"


@pytest.fixture
async def user(client: httpx.AsyncClient, sign_up: SignUp) -> User:
    return User(client, await sign_up())


@pytest.fixture
async def run(user: User, resources: Resources) -> dict[str, Any]:
    """A command that waits for a worker."""
    project_id = await deploy_server(user, resources)
    path = f"/projects/{project_id}/environments/production/runs"
    body = {"command": ["sh"], "stdin": True, "terminal": {"rows": 5, "columns": 6}}
    begun: dict[str, Any] = await user.call("POST", path, body, status=202)
    assert (begun["stdin"], begun["terminal"]) == (True, True)
    return begun


def piece(offset: int, data: bytes) -> str:
    encoded = base64.b64encode(data).decode()
    return json.dumps({"type": "run.stdin", "offset": offset, "data": encoded})


async def closed(socket: ClientConnection) -> tuple[int, str]:
    """The code and the words that the server closes with."""
    with pytest.raises(ConnectionClosed) as caught:
        async with asyncio.timeout(20):
            while True:
                await socket.recv()
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code, caught.value.rcvd.reason


async def test_ends_with_the_command(user: User, sockets: str, run: dict[str, Any]) -> None:
    url = f"{sockets}/runs/{run['id']}/attach"
    async with connect(url, additional_headers=user.headers) as socket:
        await socket.send(piece(0, b"x"))
        await user.call("POST", f"/runs/{run['id']}/cancel", status=202)
        assert (await closed(socket))[0] == 1000
    async with connect(url, additional_headers=user.headers) as socket:
        assert (await closed(socket))[0] == 4409


@pytest.mark.parametrize(
    "message",
    [
        SECRET,
        json.dumps({"type": "run.stdin", "offset": 0, "data": SECRET}),  # no base64
        json.dumps({"type": "run.stdin", "offset": -1, "data": "", "x": SECRET}),
        json.dumps({"type": "run.size", "rows": 0, "columns": 0}),
        json.dumps({"type": SECRET}),
        piece(0, b"x" * (PIECE_BYTES + 10)),
    ],
)
async def test_what_is_no_message_is_refused_without_being_shown(
    user: User,
    sockets: str,
    run: dict[str, Any],
    message: str,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    url = f"{sockets}/runs/{run['id']}/attach"
    async with connect(url, additional_headers=user.headers) as socket:
        await socket.send(message)
        code, reason = await closed(socket)
    assert code == 4422
    said = "".join((reason, caplog.text, *capsys.readouterr()))
    assert SECRET not in said


async def test_who_sends_more_than_is_taken_is_cut_off(
    user: User, sockets: str, run: dict[str, Any]
) -> None:
    url = f"{sockets}/runs/{run['id']}/attach"
    async with connect(url, additional_headers=user.headers) as socket:
        for number in range(WINDOW_PIECES + 2):  # nobody takes any
            await socket.send(piece(number, b"x"))
        code, reason = await closed(socket)
    assert (code, str(WINDOW_PIECES) in reason) == (4422, True)


async def test_client_that_leaves_is_noticed_while_nothing_is_taken(
    user: User, sockets: str, run: dict[str, Any]
) -> None:
    url = f"{sockets}/runs/{run['id']}/attach"
    async with connect(url, additional_headers=user.headers) as socket:
        for number in range(WINDOW_PIECES):
            await socket.send(piece(number, b"x"))
        assert b"autodeploy_websockets 1.0" in telemetry.render()

    async def left() -> bool:
        return b"autodeploy_websockets 0.0" in telemetry.render()

    await eventually(left)


async def test_pages_of_other_sites_are_refused(
    user: User, sockets: str, run: dict[str, Any]
) -> None:
    headers = {**user.headers, "Origin": "https://evil.example"}
    with pytest.raises(InvalidStatus) as refusal:
        async with connect(f"{sockets}/runs/{run['id']}/attach", additional_headers=headers):
            pass
    assert refusal.value.response.status_code == 403
