"""Subscribers of a stream in a process of their own, which do nothing but note when bytes come.

``python -m bench.subscribers`` takes one line of JSON: ``count``, ``address`` (a host and a port,
or the path of a unix socket), ``greeting`` (what each sends first) and ``kind`` (``websocket`` or
``redis``). It prints a line when all were greeted back, waits for one and until nothing comes any
more, and prints what came: of each subscriber the numbers and the delays of its lines.

A line's message begins with its number and the moment that it was written (``monotonic_ns``), so
that delays need no clock but the machine's. Frames are read when all is over: a client that read
them at once would be measured too.
"""

import asyncio
import json
import re
import sys
from bisect import bisect_left
from collections.abc import Iterator
from time import monotonic_ns
from typing import cast

_LINE = re.compile(rb'"message":\s*"(\d+) (\d+) ')
_GREETED = {"websocket": b"\r\n\r\n", "redis": b":1\r\n"}
_LENGTHS = {126: 2, 127: 8}
# All has come when nothing came for so long.
_QUIET_NS = 5_000_000_000


class Subscriber(asyncio.Protocol):
    """One connection; what came, and when which byte of it had come."""

    def __init__(self, kind: str, greeting: bytes):
        self.greeted = asyncio.Event()
        self._kind = kind
        self._greeting = greeting
        self._received = bytearray()
        self._begin = 0
        self._ends: list[int] = []
        self._moments: list[int] = []

    @property
    def latest(self) -> int:
        """When bytes came last."""
        return self._moments[-1]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.WriteTransport, transport).write(self._greeting)

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._ends.append(len(self._received))
        self._moments.append(monotonic_ns())
        if not self.greeted.is_set() and (mark := _GREETED[self._kind]) in self._received:
            self._begin = self._received.index(mark) + len(mark)
            self.greeted.set()

    def lines(self) -> list[tuple[int, float]]:
        """Number and delay, in milliseconds, of each line."""
        read = _websocket_frames if self._kind == "websocket" else _redis_messages
        return [
            (int(line[1]), (self._moment_of(end) - int(line[2])) / 1e6)
            for begin, end in read(bytes(self._received), self._begin)
            for line in _LINE.finditer(self._received, begin, end)
        ]

    def _moment_of(self, end: int) -> int:
        return self._moments[bisect_left(self._ends, end)]


def _websocket_frames(data: bytes, place: int) -> Iterator[tuple[int, int]]:
    """Where the content of each whole frame begins and ends (RFC 6455; servers do not mask)."""
    while place + 2 <= len(data):
        length, place = data[place + 1], place + 2
        if size := _LENGTHS.get(length):
            length, place = int.from_bytes(data[place : place + size]), place + size
        if place + length > len(data):
            return
        yield place, place + length
        place += length


def _redis_messages(data: bytes, place: int) -> Iterator[tuple[int, int]]:
    """The same for the messages of pub/sub: a kind, a channel and a content (RESP 2)."""
    while True:
        for part in range(-1, 3):
            end = data.find(b"\r\n", place)
            if end < 0:
                return
            length, place = int(data[place + 1 : end]), end + 2
            if part < 0:  # the head says how many parts follow
                continue
            if place + length + 2 > len(data):
                return
            if part == 2:
                yield place, place + length
            place += length + 2


async def _subscribe(count: int, address: list[object] | str, greeting: str, kind: str) -> None:
    loop = asyncio.get_running_loop()
    subscribers = []
    for _ in range(count):
        make = lambda: Subscriber(kind, greeting.encode())  # noqa: E731
        if isinstance(address, str):
            _, made = await loop.create_unix_connection(make, address)
        else:
            host, port = address
            _, made = await loop.create_connection(make, str(host), int(str(port)))
        async with asyncio.timeout(30):
            await made.greeted.wait()
        subscribers.append(made)
    print("subscribed", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    while monotonic_ns() - max(subscriber.latest for subscriber in subscribers) < _QUIET_NS:
        await asyncio.sleep(_QUIET_NS / 1e9)
    print(json.dumps([subscriber.lines() for subscriber in subscribers]), flush=True)


if __name__ == "__main__":
    import uvloop

    uvloop.run(_subscribe(**json.loads(sys.stdin.readline())))
