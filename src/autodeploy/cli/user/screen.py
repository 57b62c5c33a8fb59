"""The terminal that we are started on, while a command on the platform has it."""

import contextlib
import os
import re
import signal
import sys
import termios
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from autodeploy.cli.user.client import Json

_KIND = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
_MOST = 9999


def has_terminal() -> bool:
    """Whether we are in the foreground of a terminal that is both read and written."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()


class Screen:
    """The terminal of standard input and output."""

    def __init__(self) -> None:
        self._typed, self._shown = sys.stdin.fileno(), sys.stdout.fileno()
        self._before: list[Any] = termios.tcgetattr(self._typed)
        self._lock = threading.Lock()
        self._is_over = False

    def size(self) -> Json:
        """As the platform takes it."""
        columns, rows = os.get_terminal_size(self._shown)
        return {"rows": min(max(rows, 1), _MOST), "columns": min(max(columns, 1), _MOST)}

    def described(self) -> Json:
        """With its kind; one without a name is called ``xterm``, as most are."""
        kind = os.environ.get("TERM", "")
        return {"kind": kind if _KIND.fullmatch(kind) else "xterm", **self.size()}

    def hand_over(self) -> None:
        """From here on every key goes to the command, Ctrl-C as well. Idempotent."""
        with self._lock:
            if not self._is_over:
                tty.setraw(self._typed, termios.TCSADRAIN)  # what was typed ahead stays

    def show(self, data: bytes) -> None:
        """Write what the command wrote, as it is."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._shown, rest) :]

    @contextmanager
    def lent(self, resized: Callable[[], None]) -> Iterator[None]:
        """Whatever happens in the block, the terminal is afterwards as it was. ``resized`` is
        called when its window changes."""
        before = signal.signal(signal.SIGWINCH, lambda _number, _frame: resized())
        try:
            yield
        finally:
            signal.signal(signal.SIGWINCH, before)
            with self._lock, contextlib.suppress(termios.error):  # it may be gone
                self._is_over = True
                termios.tcsetattr(self._typed, termios.TCSADRAIN, self._before)
