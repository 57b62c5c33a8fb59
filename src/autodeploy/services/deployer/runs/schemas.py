"""The shapes of one-off commands and of what they print."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field

from autodeploy.kernel.schema import Input, Schema
from autodeploy.services.deployer.runs.models import RunStatus
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


class RunInput(Input):
    """``command`` is the program and its arguments, which no shell reads; for one name it:
    ``["sh", "-c", "…"]``. After ``timeout_seconds`` it is stopped. With ``stdin`` it reads what a
    WebSocket brings, else the end of its input at once."""

    command: Annotated[
        list[str],
        Field(min_length=1, max_length=MOST_ARGUMENTS, repr=False),
        AfterValidator(_usable),
    ]
    timeout_seconds: Annotated[int, Field(ge=1, le=LONGEST_TIMEOUT_SECONDS)] = (
        DEFAULT_TIMEOUT_SECONDS
    )
    stdin: bool = False


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
