"""The ``autodeploy`` program: its commands and what becomes of their errors."""

import contextlib
import itertools
import os
import re
import signal
import sys
from pathlib import Path

import typer
from typer.exceptions import TyperException

from autodeploy import __version__
from autodeploy.cli.analyze import analyze
from autodeploy.cli.audit import audit_app
from autodeploy.cli.completion import register as register_completion
from autodeploy.cli.explain import explain
from autodeploy.cli.failures import CommandError, ExitCode, as_failure, report
from autodeploy.cli.foreground import follow_make
from autodeploy.cli.init import init
from autodeploy.cli.operator import register as register_operator
from autodeploy.cli.user.commands import PANEL, TEAM_PANEL
from autodeploy.cli.user.commands import register as register_user
from autodeploy.cli.user.one_off import DASHES

# What other tools call these commands: no spelling is near enough to find them by.
OTHER_NAMES = {
    "delete": "destroy",
    "exec": "run",
    "help": "--help",
    "list": "projects",
    "ls": "projects",
    "ps": "status",
    "remove": "destroy",
    "rm": "destroy",
    "start": "up",
    "stop": "down",
    "tail": "logs --follow",
    "version": "--version",
    "db add": "create",
    "db destroy": "delete",
    "db info": "show",
    "db ls": "list",
    "db rm": "delete",
    "env add": "set",
    "env get": "list",
    "env ls": "list",
    "env remove": "unset",
    "env rm": "unset",
    "env show": "list",
    "org add": "invite",
    "org ls": "list",
    "org new": "create",
    "org rm": "delete",
    "notifications ls": "list",
    "notifications rm": "remove",
    "orgs": "org list",
    "organizations": "org list",
    "team": "org members",
    "tokens ls": "list",
    "tokens new": "create",
    "tokens rm": "revoke",
    "webhooks ls": "list",
    "webhooks rm": "remove",
}
HELP = "AutoDeploy: repository in, live URL out."


def build_app() -> typer.Typer:
    """The command line, with the commands for users first and those for operators after."""
    app = typer.Typer(
        name="autodeploy",
        help=HELP,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def autodeploy(
        show_version: bool = typer.Option(
            False, "--version", is_eager=True, callback=_print_version, help="Show the version."
        ),
    ) -> None:
        """AutoDeploy: repository in, live URL out."""

    app.command(rich_help_panel=PANEL)(init)
    app.command(rich_help_panel=PANEL)(analyze)
    register_user(app)
    app.add_typer(audit_app, rich_help_panel=TEAM_PANEL)
    app.command(rich_help_panel=PANEL)(explain)
    register_operator(app)
    register_completion(app)
    return app


def main() -> None:
    """Run the command that the arguments name; no error ends in a traceback."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _open_closed_streams()
    follow_make()
    code = ExitCode.DONE
    try:
        code = build_app()(prog_name="autodeploy", standalone_mode=False) or ExitCode.DONE
        sys.stdout.flush()
    except typer.Abort as abort:
        # What the prompt was ended with: Ctrl-C, or an input that has no more lines.
        interrupted = isinstance(abort.__context__, KeyboardInterrupt)
        code = ExitCode.INTERRUPTED if interrupted else ExitCode.FAILED
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    except BrokenPipeError:
        code = ExitCode.FAILED
    except Exception as error:
        if os.environ.get("AUTODEPLOY_TRACEBACK"):
            raise
        if isinstance(error, TyperException):
            error = wrong_usage(error)
        report(as_failure(error), as_json="--json" in itertools.takewhile(DASHES.__ne__, sys.argv))
    finally:
        _leave_quietly()
    raise SystemExit(int(code))


def wrong_usage(error: TyperException) -> CommandError:
    """Arguments that the command line does not understand, with what was probably meant."""
    if not error.format_message():
        return CommandError(
            "Which of these commands do you want?",
            remedy="Name one of those above.",
            exit_code=ExitCode.USAGE,
        )
    text = error.format_message().replace("Value error, ", "")
    message, _, meant = text.partition(". Did you mean ")
    possible = getattr(error, "possibilities", None)
    if possible:
        message, meant = error.message, " or ".join(possible)
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "autodeploy"
    meant = meant or _other_name(path, message)
    remedy = f"`{path} --help` shows what it takes."
    if meant:
        remedy = f"Did you mean {meant.replace(chr(39), chr(96)).rstrip('?')}? {remedy}"
    return CommandError(f"{message.rstrip('.')}.", remedy=remedy, exit_code=ExitCode.USAGE)


def _other_name(path: str, message: str) -> str:
    """The command that other tools call by the name which ``message`` says there is none of."""
    typed = re.fullmatch(r"No such command '(.+)'\.?", message)
    group = path.removeprefix("autodeploy").strip()
    known = OTHER_NAMES.get(f"{group} {typed[1]}".strip()) if typed else None
    return f"'{known}'" if known else ""


def _open_closed_streams() -> None:
    """Whoever starts us with a closed stream (``>&-``) wants nothing from it; Python has None."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115


def _leave_quietly() -> None:
    """Write what waits. A reader that is gone, such as ``head``, is no failure; of a full disk
    the user has been told."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            with contextlib.suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"autodeploy {__version__}")
        raise typer.Exit
