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


def ask_unseen(question: str, *, remedy: str) -> str:
    """A secret: typed unseen at a terminal, else a line of standard input.

    Raises:
        CommandError: the input ended; ``remedy`` is how to give it.
    """
    if sys.stdin.isatty():
        typed: str = typer.prompt(question, hide_input=True, err=True)
        return typed
    line = sys.stdin.readline()
    if not line:
        raise CommandError(
            f"There is no value for {question}.", remedy=remedy, exit_code=ExitCode.USAGE
        )
    return line.rstrip("\r\n")


def require_typed(expected: str, kind: str) -> None:
    """Return when the user types ``expected``, before something that cannot be undone.

    Raises:
        CommandError: it was something else; ``kind`` says what was wanted.
    """
    if ask(f"Type the {kind} to go on", remedy="Give --yes to go without.") != expected:
        raise CommandError(
            f"That is not the {kind}: nothing was changed.",
            remedy=f"Type {expected} as it is written.",
            exit_code=ExitCode.USAGE,
        )
