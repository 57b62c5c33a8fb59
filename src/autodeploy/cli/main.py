"""The ``autodeploy`` program: its commands and what becomes of their errors."""

import os
import signal
import sys

import typer

from autodeploy import __version__
from autodeploy.cli.failures import as_failure, report
from autodeploy.cli.foreground import follow_make
from autodeploy.cli.operator import register as register_operator
from autodeploy.cli.user.commands import register as register_user

HELP = "AutoDeploy: repository in, live URL out."


def build_app() -> typer.Typer:
    """The command line, with the commands for users first and those for operators after."""
    app = typer.Typer(
        name="autodeploy",
        help=HELP,
        no_args_is_help=True,
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

    register_user(app)
    register_operator(app)
    return app


def main() -> None:
    """Run the command that the arguments name; no error ends in a traceback."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    follow_make()
    try:
        build_app()(prog_name="autodeploy")
    except Exception as error:
        if os.environ.get("AUTODEPLOY_TRACEBACK"):
            raise
        report(as_failure(error), as_json="--json" in sys.argv)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"autodeploy {__version__}")
        raise typer.Exit
