"""Asking the user."""

import sys

import typer

from autodeploy.cli.failures import CommandError, ExitCode
from autodeploy.cli.terminal import say


def ask(question: str, *, remedy: str) -> str:
    """What the user answers, at a terminal or as a line of standard input. The question is on
    standard error, which `typer.prompt` does not manage without a blank on standard output.

    Raises:
        CommandError: the input ended; ``remedy`` is how to do without a question.
    """
    typer.echo(f"{question}: ", nl=False, err=True)
    line = sys.stdin.readline()
    if not line:
        say("")
        raise CommandError(
            "The input ended without an answer.", remedy=remedy, exit_code=ExitCode.USAGE
        )
    return line.strip()
