"""One-off commands in releases: the protocol of a provider that runs them, and its values."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from autodeploy.providers.base import Provider, ReleaseRequest

# Takes what a command prints as (stream, text); a stream is ``stdout`` or ``stderr``.
OutputSink = Callable[[str, str], Awaitable[None]]

# What a command reads, until its end. Asking for more says that what came before was taken.
CommandStdin = AsyncGenerator[bytes]


@dataclass(frozen=True)
class TerminalSize:
    """In characters."""

    rows: int
    columns: int


class CommandTerminal(Protocol):
    """The terminal that a command is to have: ``kind`` as in ``TERM``, ``size`` at first."""

    kind: str
    size: TerminalSize

    async def show(self, data: bytes) -> None:
        """Take what the command wrote, one piece at a time; returns when there is room for more."""
        ...

    async def resized(self) -> TerminalSize:
        """The next size that it gets."""
        ...


# How long a command that is to stop may take to do so by itself.
COMMAND_GRACE_SECONDS = 2.0


@dataclass(frozen=True)
class CommandEnd:
    """How a one-off command ended; one that was killed has 128 plus its signal."""

    exit_code: int
    out_of_memory: bool = False


@runtime_checkable
class CommandProvider(Provider, Protocol):
    """Runs one-off commands in releases."""

    async def run_command(
        self,
        request: ReleaseRequest,
        argv: Sequence[str],
        on_line: OutputSink,
        *,
        stdin: CommandStdin | None = None,
        terminal: CommandTerminal | None = None,
    ) -> CommandEnd:
        """Run ``argv``, through no shell, beside the release: with its files, limits and user.

        It reads ``stdin``, no faster than it wants to; without one, the end of its input at once.
        With a ``terminal`` it is on one, where ``stdin`` is typed and all that it writes is shown.

        It ends with this process. Cancelling the task asks it to stop, and kills it with all that
        it has started ``COMMAND_GRACE_SECONDS`` later. Raises ``NotFound`` where the release is
        not there.
        """
        ...
