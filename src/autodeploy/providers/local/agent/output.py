"""The last lines that an instance wrote, for readers that come and go."""

import asyncio
import time
from collections import deque
from uuid import uuid4

from autodeploy.providers.base import RuntimeLines

KEEP_LINES = 2000
READ_LINES = 500


class Output:
    """A bounded list of lines with numbers. A cursor of an earlier life starts from the front."""

    def __init__(self, keep: int = KEEP_LINES):
        self._life = uuid4().hex[:12]
        self._lines: deque[tuple[int, float, str, str]] = deque(maxlen=keep)
        self._count = 0
        self._more = asyncio.Event()

    def append(self, stream: str, text: str) -> None:
        """Add a line and wake the readers."""
        self._count += 1
        self._lines.append((self._count, time.time(), stream, text))
        self._more.set()
        self._more = asyncio.Event()

    def tail(self, count: int) -> list[str]:
        """The text of the last lines."""
        return [line[3] for line in list(self._lines)[-count:]]

    async def read(self, cursor: str | None, wait_seconds: float) -> RuntimeLines:
        """Lines after ``cursor``, waiting up to ``wait_seconds`` for the first of them."""
        after = self._position(cursor)
        if after >= self._count and wait_seconds > 0:
            more = self._more
            try:
                async with asyncio.timeout(wait_seconds):
                    await more.wait()
            except TimeoutError:
                return RuntimeLines(f"{self._life}:{after}", ())
        new = [line for line in self._lines if line[0] > after][:READ_LINES]
        last = new[-1][0] if new else after
        return RuntimeLines(f"{self._life}:{last}", tuple(line[1:] for line in new))

    def _position(self, cursor: str | None) -> int:
        life, _, number = (cursor or "").partition(":")
        return int(number) if life == self._life and number.isdigit() else 0
