"""One-off commands: their output as it comes, and an end within seconds when that is wanted."""

import asyncio
import contextlib

from autodeploy.kernel.sandbox import Sandbox, SandboxSpec, stream_lines
from autodeploy.providers.commands import (
    COMMAND_GRACE_SECONDS,
    CommandEnd,
    CommandStdin,
    OutputSink,
)


async def run_to_its_end(
    sandbox: Sandbox, spec: SandboxSpec, on_line: OutputSink, *, stdin: CommandStdin | None
) -> CommandEnd:
    """Run ``spec``. When the task is cancelled everything in the sandbox gets SIGTERM, and SIGKILL
    after ``COMMAND_GRACE_SECONDS``; what it prints meanwhile is still passed on."""
    given = asyncio.subprocess.DEVNULL if stdin is None else asyncio.subprocess.PIPE
    process = await sandbox.start(spec, stdin=given)
    tasks = [reading := asyncio.create_task(stream_lines(process, on_line))]
    if stdin is not None and process.outer.stdin is not None:
        tasks.append(asyncio.create_task(_feed(process.outer.stdin, stdin)))
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


async def _feed(pipe: asyncio.StreamWriter, stdin: CommandStdin) -> None:
    """Write what a command is to read, and close the pipe behind it."""
    # Else some would wait here, and count as taken.
    pipe.transport.set_write_buffer_limits(0)
    async with contextlib.aclosing(stdin):
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # nobody reads any more
            async for piece in stdin:
                pipe.write(piece)
                await pipe.drain()
    pipe.close()
