"""Requests over a unix socket."""

import asyncio
from pathlib import Path

import httpx

from autodeploy.kernel.http.sockets import socket_transport


async def answer_with_host(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    host = next(line for line in head.splitlines() if line.lower().startswith("host:"))
    writer.write(f"HTTP/1.0 200 OK\r\n\r\n{host.partition(' ')[2]}".encode())
    writer.close()


async def test_every_host_is_reached_at_the_socket(home: Path) -> None:
    path = home / "agent.sock"
    async with await asyncio.start_unix_server(answer_with_host, path):
        for host in ("runtime", "example.com"):
            async with httpx.AsyncClient(transport=socket_transport(path)) as client:
                assert (await client.get(f"http://{host}/")).text == host
