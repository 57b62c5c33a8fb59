"""The shapes of one-off commands and of what they print."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, model_validator

from autodeploy.kernel.schema import Input, Schema
from autodeploy.services.deployer.runs.models import RunStatus
from autodeploy.services.deployer.runs.terminal import Extent
from autodeploy.services.deployer.schemas import CreatorView

DEFAULT_TIMEOUT_SECONDS = 3600
LONGEST_TIMEOUT_SECONDS = 24 * 3600
MOST_ARGUMENTS = 1000
# Of all arguments together; the system allows 128 KiB for one alone (MAX_ARG_STRLEN).
MOST_CHARACTERS = 64 * 1024


def _usable(command: list[str]) -> list[str]:
    if not command[0].strip():
        raise ValueError("the first argument names the program, so it is not empty")
    if any("\x00" in argument for argument in command):
        raise ValueError("an argument holds no NUL character")
    if sum(map(len, command)) > MOST_CHARACTERS:
        raise ValueError(f"it has at most {MOST_CHARACTERS} characters in all")
    return command


class TerminalInput(Input):
    """A terminal: its ``kind`` as in the variable ``TERM``, its size in characters."""

    kind: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$")] = "xterm"
    rows: Extent = 24
    columns: Extent = 80


class RunInput(Input):
    """``command`` is the program and its arguments, which no shell reads; for one name it:
    ``["sh", "-c", "…"]``. After ``timeout_seconds`` it is stopped. With ``stdin`` it reads what a
    WebSocket brings, else the end of its input at once. With ``terminal`` it is on a terminal
    where that is typed, and the WebSocket shows all that it writes: none of it is in the log."""

    command: Annotated[
        list[str],
        Field(min_length=1, max_length=MOST_ARGUMENTS, repr=False),
        AfterValidator(_usable),
    ]
    timeout_seconds: Annotated[int, Field(ge=1, le=LONGEST_TIMEOUT_SECONDS)] = (
        DEFAULT_TIMEOUT_SECONDS
    )
    stdin: bool = False
    terminal: TerminalInput | None = None

    @model_validator(mode="after")
    def _terminal_takes_input(self) -> "RunInput":
        if self.terminal is not None and not self.stdin:
            raise ValueError("a terminal is typed at: send stdin=true with it")
        return self


class RunErrorView(Schema):
    code: str
    message: str
    remedy: str | None


class RunView(Schema):
    """A one-off command. ``exit_code`` is null where it did not end by itself, and ``error`` says
    why; ``deployment_id`` is the release that it ran in."""

    id: UUID
    project_id: UUID
    environment: str
    deployment_id: UUID | None
    command: list[str]
    timeout_seconds: int
    stdin: bool
    terminal: bool
    status: RunStatus
    exit_code: int | None
    error: RunErrorView | None
    created_by: CreatorView | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None


class RunLineView(Schema):
    """``stream`` is ``stdout``, ``stderr``, or ``autodeploy`` for what the platform says of it."""

    sequence: int
    timestamp: datetime
    stream: str
    message: str


class RunOutputView(Schema):
    """Lines in order. ``next`` is the ``after`` of the following call; ``ended`` is true when the
    command has ended and these are its last lines."""

    items: list[RunLineView]
    next: int
    ended: bool
