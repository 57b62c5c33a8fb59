"""Load on an app's public address, on kept and on fresh connections, every answer counted.

Half of the connections post to ``/slow``: so there are requests under way at any moment, of a kind
that no proxy may send a second time.

A kept connection that the server closes between two requests is no failure; one that ends in the
middle of an answer is, like every answer that is not 200.
"""

import asyncio
import threading
from collections import Counter
from dataclasses import dataclass, field
from types import TracebackType

_TIMEOUT_SECONDS = 15.0


@dataclass
class Answers:
    """What came back: texts with how often they did, and what went wrong."""

    texts: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        return self.texts.total() + self.failures.total()


class Load:
    """Asks for pages of ``host`` at ``port``, from a thread of its own, while the block runs."""

    def __init__(self, port: int, host: str, *, kept: int = 8, fresh: int = 4):
        self.kept, self.fresh = Answers(), Answers()
        self._port = port
        self._requests = [
            f"{line} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n".encode()
            for line in ("GET /", "POST /slow")
        ]
        self._connections = (kept, fresh)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def saw(self, text: str) -> bool:
        """Whether both kinds of connections have been answered with ``text``."""
        return self.kept.texts[text] > 0 and self.fresh.texts[text] > 0

    async def _run(self) -> None:
        kept, fresh = self._connections
        await asyncio.gather(
            *(self._keep_asking(self._requests[number % 2]) for number in range(kept)),
            *(self._ask_anew(self._requests[number % 2]) for number in range(fresh)),
        )

    async def _keep_asking(self, request: bytes) -> None:
        while not self._stop.is_set():
            try:
                await self._ask_until_closed(request)
            except (OSError, EOFError, ValueError, TimeoutError) as error:
                self.kept.failures[repr(error)] += 1

    async def _ask_until_closed(self, request: bytes) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            while not self._stop.is_set() and not reader.at_eof():
                writer.write(request + b"\r\n")
                await self._read(reader, self.kept)
        finally:
            writer.close()

    async def _ask_anew(self, request: bytes) -> None:
        while not self._stop.is_set():
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                try:
                    writer.write(request + b"Connection: close\r\n\r\n")
                    await self._read(reader, self.fresh)
                finally:
                    writer.close()
            except (OSError, EOFError, ValueError, TimeoutError) as error:
                self.fresh.failures[repr(error)] += 1

    async def _read(self, reader: asyncio.StreamReader, answers: Answers) -> None:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
            fields = dict(line.split(": ", 1) for line in head[1:] if line)
            body = (await reader.readexactly(int(fields["content-length"]))).decode()
        status = head[0].split()[1]
        if status == "200":
            answers.texts[body] += 1
        else:
            answers.failures[f"HTTP {status}"] += 1
