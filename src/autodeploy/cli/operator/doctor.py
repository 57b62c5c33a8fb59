"""`autodeploy doctor`: what is missing on this machine, and how to get it."""

from dataclasses import asdict

import typer

from autodeploy.cli.failures import ExitCode
from autodeploy.cli.operator.checks import Check, Verdict, run_checks
from autodeploy.cli.operator.configuration import read_settings
from autodeploy.cli.terminal import paint, print_json, printable, say

_MARKS = {"ok": ("✓", "green"), "advice": ("!", "yellow"), "missing": ("✗", "red")}


def check_machine(*, as_json: bool) -> None:
    """Check what this machine has and lacks; exit code 1 when something needed is missing."""
    checks = run_checks(read_settings())
    missing = sum(check.verdict is Verdict.MISSING for check in checks)
    advice = sum(check.verdict is Verdict.ADVICE for check in checks)
    if as_json:
        print_json({"ok": not missing, "checks": [asdict(check) for check in checks]})
    else:
        _print(checks)
        say(_summary(missing, advice))
    raise typer.Exit(ExitCode.FAILED if missing else ExitCode.DONE)


def _print(checks: list[Check]) -> None:
    width = max(len(check.name) for check in checks)
    for check in checks:
        mark, colour = _MARKS[check.verdict.value]
        paint(f"{mark} {check.name:<{width}}  {printable(check.found)}", colour=colour)
        if check.remedy:
            paint(f"  {'':<{width}}  → {printable(check.remedy)}")


def _summary(missing: int, advice: int) -> str:
    if missing:
        return f"{missing} missing: AutoDeploy or common apps will not work until that is done."
    return f"All that is needed is there{f'; {advice} could be better' if advice else ''}."
