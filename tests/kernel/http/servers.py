"""A server that answers what a test scripts, byte by byte, and a time that a test moves."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

DROP = b""  # the connection is closed without an answer
START = datetime(2026, 11, 1, 12, 0, 0, tzinfo=UTC)


@dataclass
class Seen:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Scripted:
    """Answers each request with the next of ``script``, and the last one for ever, ``silent``
    seconds after it came. ``HANG`` in it never answers."""

    script: list[bytes | None] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    url: str = ""
    silent: float = 0.0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                self.seen.append(await _request(reader))
                answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
                if answer is HANG:
                    await asyncio.Event().wait()
                assert answer is not None
                await asyncio.sleep(self.silent)
                writer.write(answer)
                await writer.drain()
                if answer == DROP or b"Connection: close" in answer:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


HANG = None


async def _request(reader: asyncio.StreamReader) -> Seen:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = head[0].split(" ")
    headers = {}
    for line in head[1:]:
        name, _, value = line.partition(":")
        if name:
            headers[name.lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Seen(method, target, headers, body)


@asynccontextmanager
async def scripted(*script: bytes | None) -> AsyncIterator[Scripted]:
    server = Scripted(list(script))
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        await server._serve(reader, writer)

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def answer(status: int = 200, body: object = None, **headers: str) -> bytes:
    """A whole answer; ``retry_after="5"`` becomes the header ``retry-after``."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {"content-length": str(len(data)), **headers}
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return "\r\n".join([f"HTTP/1.1 {status} X", *lines, "", ""]).encode() + data


class MovedTime:
    """Time that passes only while something sleeps; ``slept`` are the waits."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds - 1000)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds
        await asyncio.sleep(0)

    def share(self) -> float:
        return 1.0
