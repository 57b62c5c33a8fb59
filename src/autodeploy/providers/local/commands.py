"""One-off commands: their output as it comes, and an end within seconds when that is wanted."""

import asyncio

from autodeploy.kernel.sandbox import Sandbox, SandboxSpec, stream_lines
from autodeploy.providers.commands import COMMAND_GRACE_SECONDS, CommandEnd, OutputSink


async def run_to_its_end(sandbox: Sandbox, spec: SandboxSpec, on_line: OutputSink) -> CommandEnd:
    """Run ``spec``. When the task is cancelled everything in the sandbox gets SIGTERM, and SIGKILL
    after ``COMMAND_GRACE_SECONDS``; what it prints meanwhile is still passed on."""
    process = await sandbox.start(spec)
    reading = asyncio.create_task(stream_lines(process, on_line))
    try:
        # Shielded: what a command says when it is told to stop is to be seen, too.
        await asyncio.shield(reading)
        outcome = await process.wait()
    except asyncio.CancelledError:
        await process.stop(grace_seconds=COMMAND_GRACE_SECONDS)
        await asyncio.wait([reading], timeout=COMMAND_GRACE_SECONDS)
        raise
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await process.destroy()
    return CommandEnd(outcome.exit_code, outcome.out_of_memory)
