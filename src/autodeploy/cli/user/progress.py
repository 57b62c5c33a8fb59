"""How a deployment under way is shown: bars on a terminal, plain lines elsewhere."""

import sys
import time
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from autodeploy.cli.terminal import is_interactive, printable, seconds
from autodeploy.cli.user.client import Json

MARKS = {
    "pending": ("·", "dim"),
    "running": ("▸", "cyan"),
    "succeeded": ("✓", "green"),
    "failed": ("✗", "red"),
    "skipped": ("–", "dim"),
    "cancelled": ("–", "yellow"),
}
LEVEL_STYLES = {"error": "red", "warn": "yellow", "info": "dim", "debug": "dim"}
BAR_WIDTH = 28
REFRESHES_A_SECOND = 8
# An estimate is no promise: a bar never looks complete before its step is.
MOST_OF_A_RUNNING_STEP = 0.95


class View(Protocol):
    """Shows a deployment; used as ``with make_view() as view``."""

    def __enter__(self) -> "View": ...

    def __exit__(self, *error: object) -> None: ...

    def line(self, line: Json) -> None:
        """A line of the build or of the app."""

    def update(self, deployment: Json) -> None:
        """The deployment has changed."""


def make_view() -> View:
    """Bars where standard error is a terminal that can draw them, else plain lines."""
    return BarView(Console(stderr=True)) if is_interactive(sys.stderr) else PlainView()


def title(step_name: str) -> str:
    """``build_application`` as ``Build application``."""
    return step_name.replace("_", " ").capitalize()


class PlainView:
    """A line for each step that begins or ends, and the log lines as they are."""

    def __init__(self) -> None:
        self._seen: dict[str, str] = {}

    def __enter__(self) -> "PlainView":
        return self

    def __exit__(self, *error: object) -> None:
        sys.stderr.flush()

    def line(self, line: Json) -> None:
        self._print(f"  {line['source']}: {printable(line['message'])}")

    def update(self, deployment: Json) -> None:
        for step in deployment["steps"]:
            status = step["status"]
            if self._seen.get(step["name"], "pending") == status:
                continue
            self._seen[step["name"]] = status
            self._print(f"{MARKS[status][0]} {title(step['name'])}: {_words(step)}")

    def _print(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - this is the display


class BarView:
    """One bar a step, with elapsed and estimated time, below the log lines."""

    def __init__(self, console: Console):
        self._console = console
        self._steps: list[Json] = []
        self._begun: dict[str, float] = {}
        self._live = Live(
            console=console,
            get_renderable=self._render,
            refresh_per_second=REFRESHES_A_SECOND,
            # Output of others, such as the platform's own, keeps its place above the bars.
            redirect_stdout=False,
        )

    def __enter__(self) -> "BarView":
        self._live.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.__exit__(None, None, None)

    def line(self, line: Json) -> None:
        style = LEVEL_STYLES.get(line["level"], "dim")
        self._live.console.print(Text(f"  {printable(line['message'])}", style=style))

    def update(self, deployment: Json) -> None:
        self._steps = deployment["steps"]
        for step in self._steps:
            if step["status"] == "running":
                self._begun.setdefault(step["name"], time.monotonic())

    def _render(self) -> Table:
        table = Table.grid(padding=(0, 2, 0, 0))
        for step in self._steps:
            mark, style = MARKS[step["status"]]
            bar = ProgressBar(total=1.0, completed=self._fraction(step), width=BAR_WIDTH)
            table.add_row(
                Text(f"{mark} {title(step['name'])}", style=style), bar, Text(self._times(step))
            )
        return table

    def _fraction(self, step: Json) -> float:
        if step["status"] in ("succeeded", "failed"):
            return 1.0
        if step["status"] != "running":
            return 0.0
        return min(MOST_OF_A_RUNNING_STEP, self._elapsed(step) / (step["estimatedDuration"] or 1))

    def _times(self, step: Json) -> str:
        if step["status"] == "running":
            return f"{seconds(self._elapsed(step))} of about {seconds(step['estimatedDuration'])}"
        return _words(step)

    def _elapsed(self, step: Json) -> float:
        return time.monotonic() - self._begun.get(step["name"], time.monotonic())


def _words(step: Json) -> str:
    status, actual = step["status"], step.get("actualDuration")
    if status == "pending":
        return f"about {seconds(step['estimatedDuration'])}"
    if status == "running":
        return f"started, takes about {seconds(step['estimatedDuration'])}"
    if status == "succeeded":
        return f"done in {seconds(actual)}" if actual is not None else "done"
    if status == "failed":
        return f"failed ({step['errorCode']})" if step.get("errorCode") else "failed"
    return str(status)
