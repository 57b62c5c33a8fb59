"""Archives that come in piece by piece, with a bound."""

import asyncio
from collections.abc import AsyncIterable
from pathlib import Path

from autodeploy.kernel.errors import TooLarge

LIMIT_BYTES = 500 * 1024 * 1024
_BUFFER_BYTES = 1 << 20


async def receive(body: AsyncIterable[bytes], path: Path, *, what: str) -> None:
    """Write what comes in to ``path``; ``what`` begins the sentence that refuses it.

    Raises ``TooLarge`` beyond 500 MiB.
    """
    buffer, received = bytearray(), 0
    async for chunk in body:
        received += len(chunk)
        if received > LIMIT_BYTES:
            raise TooLarge(
                f"{what} is {LIMIT_BYTES >> 20} MiB at most.",
                remedy="Leave large files out; .gitignore names what is not uploaded.",
            )
        buffer += chunk
        if len(buffer) >= _BUFFER_BYTES:
            await asyncio.to_thread(_append, path, bytes(buffer))
            buffer.clear()
    await asyncio.to_thread(_append, path, bytes(buffer))


def _append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)
