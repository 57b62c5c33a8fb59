"""Text for people and for programs: what may reach a terminal, and how values are shown."""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import typer

# Build output and server answers are not ours: an escape sequence in them could rewrite what
# stands on the screen.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)?")
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """``text`` as one line without escape sequences and control characters (tabs stay)."""
    return _CONTROLS.sub("", _ESCAPES.sub("", text))


def print_json(value: object) -> None:
    """One JSON object on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def say(message: str) -> None:
    """A remark for people, on standard error so that it never mixes with a result."""
    typer.echo(message, err=True)


def seconds(value: float) -> str:
    """A duration as people write it: ``0.4s``, ``12s``, ``3m05s``."""
    if value < 10:
        return f"{value:.1f}s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes}m{rest:02d}s" if minutes else f"{rest}s"


def ago(timestamp: str | None) -> str:
    """How long ago an ISO timestamp was, in its largest unit."""
    if not timestamp:
        return "–"
    elapsed = (datetime.now(UTC) - datetime.fromisoformat(timestamp)).total_seconds()
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if elapsed >= size:
            return f"{int(elapsed // size)}{unit} ago"
    return f"{max(0, int(elapsed))}s ago"


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Aligned columns on standard output, as wide as they need (so that pipes see whole values)."""
    cells = [tuple(headings), *(tuple(printable(cell) for cell in row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    for number, row in enumerate(cells):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        typer.secho(line.rstrip(), bold=number == 0)


def print_fields(fields: Mapping[str, str]) -> None:
    """One ``name  value`` a line, aligned."""
    width = max(len(name) for name in fields)
    for name, value in fields.items():
        typer.echo(f"{name.ljust(width)}  {printable(value)}")
