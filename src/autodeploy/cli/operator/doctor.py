"""`autodeploy doctor`: what is missing on this machine, and how to get it."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from autodeploy.cli.failures import ExitCode
from autodeploy.cli.operator.configuration import read_settings
from autodeploy.cli.terminal import print_json, printable

if TYPE_CHECKING:
    from autodeploy.cli.operator.checks import Check

_COLOURS = {"ok": "green", "advice": "yellow", "missing": "red"}


def doctor(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on standard output.")
    ] = False,
) -> None:
    """Check what this machine has and lacks; exit code 1 when something needed is missing."""
    from autodeploy.cli.operator.checks import Verdict, run_checks

    checks = run_checks(read_settings())
    healthy = all(check.verdict is not Verdict.MISSING for check in checks)
    if as_json:
        print_json({"ok": healthy, "checks": [asdict(check) for check in checks]})
    else:
        for check in checks:
            _print(check)
    raise typer.Exit(ExitCode.DONE if healthy else ExitCode.FAILED)


def _print(check: "Check") -> None:
    mark = typer.style(f"{check.verdict.value:<8}", fg=_COLOURS[check.verdict.value])
    typer.echo(f"{mark} {check.name:<11} {printable(check.found)}")
    if check.remedy:
        typer.echo(f"{'':<8} {'':<11} → {printable(check.remedy)}")
