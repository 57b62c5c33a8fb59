"""What is typed or piped to a one-off command, on its way to the worker that runs it.

People paste secrets, so it goes over the bus alone and is written down nowhere. The bus may lose
a message, but tells that it did: each piece says where it begins, the worker says how far it is,
and a piece is sent again until it was taken.
"""

import base64
from collections.abc import AsyncGenerator
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field

from autodeploy.kernel.events import EventBus
from autodeploy.kernel.schema import Input

#: The most that a piece holds.
PIECE_BYTES = 32 * 1024
#: How many pieces a client may send before it hears that the first of them was taken.
WINDOW_PIECES = 16

# More than one piece comes only when it was sent again: then how far we are is asked anew.
_WAITING_MESSAGES = 4


def _decodable(data: str) -> str:
    base64.b64decode(data, validate=True)
    return data


class StdinPiece(Input):
    """Some of what a command is to read, in base64. ``offset`` is how many bytes came before it;
    with ``end`` there is no more behind it."""

    type: Literal["run.stdin"]
    offset: Annotated[int, Field(ge=0, le=2**53)]
    data: Annotated[
        str,
        Field(max_length=4 * PIECE_BYTES // 3 + 4, repr=False),
        AfterValidator(_decodable),
    ]
    end: bool = False

    @property
    def next_offset(self) -> int:
        """How many bytes came before what is behind this piece."""
        return self.offset + len(base64.b64decode(self.data))


def stdin_channel(run_id: UUID) -> str:
    """Where the worker listens for what its command is to read."""
    return f"run.{run_id}.stdin"


def client_channel(run_id: UUID) -> str:
    """Where attached clients hear how far the worker is."""
    return f"run.{run_id}.client"


async def read_stdin(events: EventBus, run_id: UUID) -> AsyncGenerator[bytes]:
    """What a command is to read, in order and once, until its end.

    Asking for more says that what came before was taken: the client sends no faster than that.
    """
    taken, ended = 0, False
    async with events.subscribe(stdin_channel(run_id), limit=_WAITING_MESSAGES) as messages:
        await _tell(events, run_id, taken, ended, anew=True)
        async for message in messages:
            is_piece = message["type"] == "run.stdin"
            if is_piece and message["offset"] == taken:
                data = base64.b64decode(message["data"])
                if data:
                    yield data
                taken, ended = taken + len(data), bool(message["end"])
            await _tell(events, run_id, taken, ended, anew=not is_piece)
            if ended:
                return


async def _tell(events: EventBus, run_id: UUID, taken: int, ended: bool, *, anew: bool) -> None:
    """Say how far we are; ``anew`` because something may not have got here."""
    message = {"type": "run.taken", "offset": taken, "ended": ended, "anew": anew}
    await events.publish(client_channel(run_id), message)
