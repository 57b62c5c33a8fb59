"""A pseudo-terminal: a command in a sandbox has one end of it, and we the other."""

import asyncio
import fcntl
import os
import pty
import struct
import termios
from collections.abc import Callable
from typing import Self

_READ_BYTES = 32 * 1024


class Terminal:
    """Our end. ``command_end`` is the descriptor that a command is started with, as all three of
    its streams; ``release`` lets go of it then, else the command's end would not be seen."""

    def __init__(self, ours: int, command_end: int):
        self._ours = ours
        self.command_end = command_end
        os.set_blocking(ours, False)

    @classmethod
    def open(cls, rows: int, columns: int) -> Self:
        """A new one as it is at a login: lines are edited and echoed, Ctrl-C interrupts."""
        terminal = cls(*pty.openpty())
        terminal.resize(rows, columns)
        return terminal

    def resize(self, rows: int, columns: int) -> None:
        """Change its size, in characters; who is in the foreground gets SIGWINCH."""
        window = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, window)

    async def read(self) -> bytes:
        """What the command wrote; nothing once all that had the other end have ended."""
        while True:
            try:
                return os.read(self._ours, _READ_BYTES)
            except BlockingIOError:
                loop = asyncio.get_running_loop()
                await _until(self._ours, loop.add_reader, loop.remove_reader)
            except OSError:  # EIO: nobody has it open any more
                return b""

    async def write(self, data: bytes) -> None:
        """What is typed. Waits while the command reads none of it."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._ours, rest) :]
            except BlockingIOError:
                loop = asyncio.get_running_loop()
                await _until(self._ours, loop.add_writer, loop.remove_writer)

    def release(self) -> None:
        """Let go of the command's end. Idempotent."""
        if self.command_end >= 0:
            os.close(self.command_end)
            self.command_end = -1

    def close(self) -> None:
        """Hang up."""
        self.release()
        os.close(self._ours)


async def _until(
    descriptor: int,
    add: Callable[[int, Callable[[], None]], None],
    remove: Callable[[int], bool],
) -> None:
    ready = asyncio.Event()
    add(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        remove(descriptor)
