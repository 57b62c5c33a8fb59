"""How a part of the platform is asked whether it is there."""

import asyncio

import pytest

from autodeploy.cli.operator.parts import http_status


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.0 200 OK\r\n\r\n")
    writer.close()


async def test_a_cancellation_that_comes_with_the_answer_is_not_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = await asyncio.start_server(_answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    readline = asyncio.StreamReader.readline

    async def cancelled(reader: asyncio.StreamReader) -> bytes:
        line = await readline(reader)
        asking.cancel()
        return line

    monkeypatch.setattr(asyncio.StreamReader, "readline", cancelled)

    async def ask() -> None:
        assert await http_status(port, "/readyz") == 200
        await asyncio.Event().wait()

    asking = asyncio.create_task(ask())
    async with server:
        done, _ = await asyncio.wait([asking], timeout=5)
    assert done == {asking}
    assert asking.cancelled()
