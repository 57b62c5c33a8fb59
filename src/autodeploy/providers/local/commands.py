"""One-off commands: their output as it comes, and an end within seconds when that is wanted."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any

from autodeploy.kernel.sandbox import (
    Sandbox,
    SandboxProcess,
    SandboxSpec,
    Terminal,
    stream_lines,
)
from autodeploy.providers.commands import (
    COMMAND_GRACE_SECONDS,
    CommandEnd,
    CommandStdin,
    CommandTerminal,
    OutputSink,
)


@dataclass(frozen=True)
class _Begun:
    """A command that runs: what passes its output on to the end, and what goes on beside that."""

    process: SandboxProcess
    output: Coroutine[Any, Any, None]
    beside: tuple[Coroutine[Any, Any, None], ...]


async def run_to_its_end(
    sandbox: Sandbox,
    spec: SandboxSpec,
    on_line: OutputSink,
    *,
    stdin: CommandStdin | None,
    terminal: CommandTerminal | None,
) -> CommandEnd:
    """Run ``spec``. When the task is cancelled everything in the sandbox gets SIGTERM, and SIGKILL
    after ``COMMAND_GRACE_SECONDS``; what it prints meanwhile is still passed on."""
    async with contextlib.AsyncExitStack() as stack:
        if terminal is None:
            begun = await _begin(sandbox, spec, on_line, stdin)
        else:
            ours = Terminal.open(terminal.size.rows, terminal.size.columns)
            stack.callback(ours.close)
            begun = await _begin_on_terminal(sandbox, spec, stdin, ours, terminal)
        return await _see_through(begun)


async def _begin(
    sandbox: Sandbox, spec: SandboxSpec, on_line: OutputSink, stdin: CommandStdin | None
) -> _Begun:
    given = asyncio.subprocess.DEVNULL if stdin is None else asyncio.subprocess.PIPE
    process = await sandbox.start(spec, stdin=given)
    pipe = process.outer.stdin
    beside = () if stdin is None or pipe is None else (_feed_pipe(stdin, pipe),)
    return _Begun(process, stream_lines(process, on_line), beside)


async def _begin_on_terminal(
    sandbox: Sandbox,
    spec: SandboxSpec,
    stdin: CommandStdin | None,
    ours: Terminal,
    theirs: CommandTerminal,
) -> _Begun:
    environment = {**spec.environment, "TERM": theirs.kind}
    end = ours.command_end
    process = await sandbox.start(
        replace(spec, environment=environment, terminal=True), stdin=end, stdout=end, stderr=end
    )
    ours.release()
    typing = () if stdin is None else (_feed(stdin, ours.write),)
    return _Begun(process, _show(ours, theirs), (_resize(ours, theirs), *typing))


async def _see_through(begun: _Begun) -> CommandEnd:
    process = begun.process
    reading = asyncio.create_task(begun.output)
    tasks = [reading, *map(asyncio.create_task, begun.beside)]
    try:
        # Shielded: what a command says when it is told to stop is to be seen, too.
        await asyncio.shield(reading)
        outcome = await process.wait()
    except asyncio.CancelledError:
        await process.stop(grace_seconds=COMMAND_GRACE_SECONDS)
        await asyncio.wait([reading], timeout=COMMAND_GRACE_SECONDS)
        raise
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await process.destroy()
    return CommandEnd(outcome.exit_code, outcome.out_of_memory)


async def _feed_pipe(stdin: CommandStdin, pipe: asyncio.StreamWriter) -> None:
    """Write what a command is to read, and close the pipe behind it."""
    # Else some would wait here, and count as taken.
    pipe.transport.set_write_buffer_limits(0)

    async def write(piece: bytes) -> None:
        pipe.write(piece)
        await pipe.drain()

    await _feed(stdin, write)
    pipe.close()


async def _feed(stdin: CommandStdin, write: Callable[[bytes], Awaitable[None]]) -> None:
    async with contextlib.aclosing(stdin):
        with contextlib.suppress(OSError):  # nobody reads any more
            async for piece in stdin:
                await write(piece)


async def _show(ours: Terminal, theirs: CommandTerminal) -> None:
    while data := await ours.read():
        await theirs.show(data)


async def _resize(ours: Terminal, theirs: CommandTerminal) -> None:
    while True:
        size = await theirs.resized()
        ours.resize(size.rows, size.columns)
