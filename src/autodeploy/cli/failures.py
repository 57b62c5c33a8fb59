"""How a command fails: a message, what to do next, and an exit code that scripts can rely on."""

import contextlib
from collections.abc import Sequence
from enum import IntEnum
from http import HTTPStatus
from typing import NoReturn

import typer

from autodeploy.cli.pages import find_page
from autodeploy.cli.terminal import paint, print_json, printable
from autodeploy.kernel.disk import DiskFull, is_full
from autodeploy.kernel.errors import AutoDeployError


class ExitCode(IntEnum):
    """The exit codes of every command; 64 and above are those of ``sysexits.h``."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 69
    TRY_AGAIN = 75
    NOT_PERMITTED = 77
    INTERRUPTED = 130


# What a failure is called that has no more particular name.
CODES = {
    ExitCode.USAGE: "wrong_usage",
    ExitCode.UNREACHABLE: "platform_unreachable",
    ExitCode.TRY_AGAIN: "unavailable",
    ExitCode.NOT_PERMITTED: "not_signed_in",
}
OTHERWISE = "command_failed"


class CommandError(Exception):
    """A command ends here. ``code`` is stable and has a page; ``log_tail`` holds the lines that
    explain it; ``told`` is whether a program that reads the output has been told already."""

    def __init__(
        self,
        message: str,
        *,
        cause: str | None = None,
        remedy: str | None = None,
        code: str | None = None,
        log_tail: Sequence[str] = (),
        exit_code: ExitCode = ExitCode.FAILED,
        told: bool = False,
    ):
        super().__init__(message)
        self.message = message
        self.cause = cause
        self.remedy = remedy
        self.code = code or CODES.get(exit_code, OTHERWISE)
        self.log_tail = list(log_tail)
        self.exit_code = exit_code
        self.told = told


EXIT_CODES = {
    HTTPStatus.UNAUTHORIZED: ExitCode.NOT_PERMITTED,
    HTTPStatus.FORBIDDEN: ExitCode.NOT_PERMITTED,
    HTTPStatus.TOO_MANY_REQUESTS: ExitCode.TRY_AGAIN,
    HTTPStatus.BAD_GATEWAY: ExitCode.TRY_AGAIN,
    HTTPStatus.SERVICE_UNAVAILABLE: ExitCode.TRY_AGAIN,
    HTTPStatus.GATEWAY_TIMEOUT: ExitCode.TRY_AGAIN,
}

# What may be over in a moment: worth waiting for while a deployment is watched.
PASSING = frozenset({ExitCode.UNREACHABLE, ExitCode.TRY_AGAIN})


def exit_code_of(status: int) -> ExitCode:
    """The exit code for an answer with this HTTP status."""
    return next((code for known, code in EXIT_CODES.items() if known == status), ExitCode.FAILED)


def as_failure(error: BaseException) -> CommandError:
    """Whatever a command raised, as something to tell the user."""
    if isinstance(error, CommandError):
        return error
    if isinstance(error, AutoDeployError):
        return CommandError(
            error.message,
            cause=getattr(error, "cause", None),
            remedy=error.remedy,
            code=error.code,
            log_tail=getattr(error, "log_tail", ()),
            exit_code=exit_code_of(error.status),
        )
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return CommandError(
            f"{place}{error.strerror or error}.",
            code=DiskFull.code if is_full(error) else None,
            remedy=DiskFull.usual_remedy
            if is_full(error)
            else "Check that it is there, and that you may read and write it.",
        )
    if isinstance(error, RuntimeError) and "home directory" in str(error):
        # What pathlib and platformdirs say of a user without an entry in the system's list.
        return CommandError(
            "There is no home folder for this user.",
            remedy="Set HOME to a folder that you may write to; for the platform AUTODEPLOY_HOME.",
        )
    return CommandError(
        f"Something went wrong inside AutoDeploy: {type(error).__name__}: {error}",
        code=AutoDeployError.code,
        remedy="Run it again with AUTODEPLOY_TRACEBACK=1 and report what it prints.",
    )


def report(failure: CommandError, *, as_json: bool = False) -> NoReturn:
    """Print what happened, the lines that matter, what to do and where more is said, and leave.

    With ``as_json`` a program that reads standard output finds the same there.
    """
    if as_json and not failure.told:
        error = {
            "code": failure.code,
            "message": failure.message,
            "cause": failure.cause,
            "remedy": failure.remedy,
            "logTail": failure.log_tail,
        }
        with contextlib.suppress(OSError):  # standard output may be what failed
            print_json({"error": error})
    with contextlib.suppress(OSError):
        _tell(failure)
    raise SystemExit(int(failure.exit_code))


def _tell(failure: CommandError) -> None:
    paint(f"Error: {printable(failure.message)} ({failure.code})", colour="red", err=True)
    for line in failure.log_tail:
        paint(f"  | {printable(line)}", dim=True, err=True)
    if failure.cause:
        typer.echo(f"Cause: {printable(failure.cause)}", err=True)
    if failure.remedy:
        typer.echo(f"Next: {printable(failure.remedy)}", err=True)
    if failure.code != CODES[ExitCode.USAGE] and find_page(failure.code):
        typer.echo(f"More: autodeploy explain {failure.code}", err=True)
