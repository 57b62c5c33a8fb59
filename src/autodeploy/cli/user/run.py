"""``run``: a command in the live release of an environment, attached to this terminal."""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx
import typer

from autodeploy.cli.failures import PASSING, CommandError, ExitCode
from autodeploy.cli.terminal import print_json, printable, say
from autodeploy.cli.times import duration_seconds
from autodeploy.cli.user.attachment import Attachment, StdinRefused
from autodeploy.cli.user.client import Api, Json, segment
from autodeploy.cli.user.projects import get_project
from autodeploy.cli.user.screen import Screen, has_terminal

WAIT_SECONDS = 20
# So that a command which prints without end is asked for some thousand times an hour, not more.
PAUSE_SECONDS = 0.2
PATIENCE_SECONDS = 60.0
STOP_SECONDS = 10.0
_HANG_UPS = (signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class RunOptions:
    """The arguments of ``autodeploy run``. ``terminal`` None: where we have one."""

    project: str | None
    environment: str
    command: Sequence[str]
    timeout: str
    terminal: bool | None = None
    as_json: bool = False


def run(options: RunOptions) -> None:
    """Run the command, show what it prints, and leave with its exit code."""
    timeout_seconds = duration_seconds(options.timeout, "--timeout")
    screen = _screen(options)
    api = Api.connect()
    project = get_project(api, options.project)
    where = f"/projects/{project['id']}/environments/{segment(options.environment)}/runs"
    has_stdin = _has_stdin()
    body = {
        "command": list(options.command),
        "timeoutSeconds": timeout_seconds,
        "stdin": has_stdin,
        "terminal": screen.described() if screen else None,
    }
    with _interrupts_held() as held:
        begun = _begin(api, where, body)
    attachment = Attachment(api, begun["id"], sys.stdin.fileno(), screen) if has_stdin else None
    watch = _Watch(api, begun["id"], attachment, as_json=options.as_json)
    with _hang_up_as_interrupt(), ExitStack() as attached:
        if attachment and screen:
            attached.enter_context(screen.lent(attachment.resized))
        if attachment:
            attached.enter_context(attachment.sending())
        try:
            if held:
                raise KeyboardInterrupt
            watch.until_ended()
        except (KeyboardInterrupt, BrokenPipeError, StdinRefused):
            _stop(api, watch)
            raise
    _leave(api.get(f"/runs/{begun['id']}"), options.as_json)


def _screen(options: RunOptions) -> Screen | None:
    """The terminal that the command is to have. Raises ``CommandError`` where there is none."""
    is_possible = has_terminal() and not options.as_json
    if options.terminal and not is_possible:
        raise CommandError(
            "There is no terminal that the command could have.",
            remedy="--tty needs standard input and output to be one, and goes without --json.",
            exit_code=ExitCode.USAGE,
        )
    return Screen() if is_possible and options.terminal is not False else None


def _has_stdin() -> bool:
    """Whether there may be something to read: without a stream of its own a process has the null
    device."""
    return not os.path.samestat(os.fstat(sys.stdin.fileno()), Path(os.devnull).stat())


def _begin(api: Api, where: str, body: Json) -> Json:
    """The run. Where the answer is lost it is asked for once more: nobody would watch it else."""
    key = str(uuid4())
    try:
        return api.post(where, body, key=key)
    except CommandError as failure:
        came_through = not isinstance(failure.__cause__, httpx.ConnectError)
        if failure.exit_code is not ExitCode.UNREACHABLE or not came_through:
            raise
        say(f"{failure.message} Asking again …")
        return api.post(where, body, key=key)


class _Watch:
    """What is printed of a command. With ``as_json`` all of it goes to standard error."""

    def __init__(self, api: Api, run_id: str, attachment: Attachment | None, *, as_json: bool):
        self.run_id = run_id
        self._api = api
        self._attachment = attachment
        self._as_json = as_json
        self._after = 0

    def until_ended(self, deadline: float | None = None) -> None:
        """Show lines as they come, until the last one or ``deadline`` of the monotonic clock. A
        platform that is away is waited for; one that refuses our input is not."""
        away_since: float | None = None
        while deadline is None or time.monotonic() < deadline:
            try:
                output = self._api.get(
                    f"/runs/{self.run_id}/logs",
                    after=self._after,
                    wait=WAIT_SECONDS if deadline is None else 1,
                )
            except CommandError as problem:
                if problem.exit_code not in PASSING:
                    raise
                if away_since is None:
                    away_since = time.monotonic()
                    say(f"{problem.message} Trying again …")
                elif time.monotonic() - away_since > PATIENCE_SECONDS:
                    raise
                time.sleep(1)
                continue
            away_since = None
            for line in output["items"]:
                # First counted, then shown: an interrupt comes at any moment.
                self._after = line["sequence"]
                self._show(line)
            if output["ended"]:
                return
            if deadline is None and self._attachment and self._attachment.problem:
                raise self._attachment.problem
            time.sleep(PAUSE_SECONDS)

    def _show(self, line: Json) -> None:
        to_error = self._as_json or line["stream"] != "stdout"
        typer.echo(printable(line["message"]), err=to_error)


def _stop(api: Api, watch: _Watch) -> None:
    """Stop the command, and show what it says to that."""
    try:
        api.post(f"/runs/{watch.run_id}/cancel")
    except CommandError as failure:
        if failure.code == "run_ended":
            return
        say(f"It could not be stopped: {failure.message} It runs until its time limit.")
        return
    with contextlib.suppress(CommandError, BrokenPipeError):
        watch.until_ended(time.monotonic() + STOP_SECONDS)


@contextlib.contextmanager
def _interrupts_held() -> Iterator[list[int]]:
    """Ctrl-C waits: a command whose id is not known yet could not be stopped. Gives those that
    came."""
    held: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: held.append(number))
    try:
        yield held
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _hang_up_as_interrupt() -> Iterator[None]:
    """What ends us ends the command too: a terminal that is closed is like Ctrl-C."""
    before = {each: signal.signal(each, signal.default_int_handler) for each in _HANG_UPS}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _leave(ended: Json, as_json: bool) -> None:
    if as_json:
        print_json(ended)
    if ended["exitCode"] is not None:
        raise typer.Exit(ended["exitCode"])
    if ended["error"] is not None:
        error = ended["error"]
        raise CommandError(
            error["message"], remedy=error["remedy"], code=error["code"], told=as_json
        )
    say("The command was cancelled.")
    raise typer.Exit(ExitCode.INTERRUPTED)
