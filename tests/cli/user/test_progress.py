import io

import pytest
from rich.console import Console

from autodeploy.cli.user.client import Json
from autodeploy.cli.user.progress import BarView, PlainView


def _deployment(build: str = "pending", health: str = "pending") -> Json:
    return {
        "steps": [
            _step("analyze_repository", "succeeded", actualDuration=0.42),
            _step("provision_database", "skipped"),
            _step("build_application", build, errorCode="build_failed"),
            _step("verify_health", health),
        ]
    }


def _step(name: str, status: str, **more: object) -> Json:
    return {"name": name, "status": status, "estimatedDuration": 12, **more}


def test_plain_view_says_each_change_once_and_shows_lines_without_escapes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with PlainView() as view:
        for status in ("pending", "running", "running", "failed"):
            view.update(_deployment(build=status))
        view.line({"source": "build", "level": "info", "message": "\x1b[31mred\x1b[0m"})

    assert capsys.readouterr().err.splitlines() == [
        "✓ Analyze repository: done in 0.4s",
        "– Provision database: skipped",
        "▸ Build application: started, takes about 12s",
        "✗ Build application: failed (build_failed)",
        "  build: red",
    ]


def test_bars_show_elapsed_and_estimated_time_below_the_log() -> None:
    screen = io.StringIO()
    with BarView(Console(file=screen, force_terminal=True, width=100)) as view:
        view.update(_deployment(build="running"))
        view.line({"source": "build", "level": "warn", "message": "a [bold]line[/bold] as it is"})

    shown = screen.getvalue()
    assert "a [bold]line[/bold] as it is" in shown
    assert "Build application" in shown
    assert "0.0s of about 12s" in shown
    assert "about 12s" in shown
    assert "done in 0.4s" in shown
