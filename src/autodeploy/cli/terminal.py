"""Text for people and for programs: what may reach a terminal, and how values are shown."""

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TextIO

import typer

# Build output and server answers are not ours: an escape sequence in them could rewrite what
# stands on the screen.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)?")
# The last ones turn the direction of what follows (Unicode TR 9, 2025-09), also of our own words.
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """``text`` as one line without escape sequences and control characters (tabs stay)."""
    return _CONTROLS.sub("", _ESCAPES.sub("", text))


def print_json(value: object, *, indent: int | None = 2) -> None:
    """One JSON object on standard output; without ``indent`` on one line, which is sent at once."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:  # another locale, or a file name that is no text: escaped it is both
        text = json.dumps(value, indent=indent)
    sys.stdout.write(f"{text}\n")
    if indent is None:
        sys.stdout.flush()


def say(message: str) -> None:
    """A remark for people, on standard error so that it never mixes with a result."""
    typer.echo(message, err=True)


def may_colour() -> bool:
    """Whether the user lets programs colour their output (https://no-color.org, read 2026-11)."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def is_interactive(stream: TextIO) -> bool:
    """Whether what is drawn on ``stream`` can be drawn over: no pipe, CI job or dumb terminal."""
    return stream.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("CI")


def paint(
    text: str,
    *,
    colour: str | None = None,
    bold: bool = False,
    dim: bool = False,
    err: bool = False,
) -> None:
    """Print a line; in colour where the output is a terminal and its user lets us."""
    if may_colour() and (colour or bold or dim):
        typer.secho(text, fg=colour, bold=bold or None, dim=dim or None, err=err)
    else:
        typer.echo(text, err=err)


def seconds(value: float) -> str:
    """A duration as people write it: ``0.4s``, ``12s``, ``3m05s``."""
    if value < 10:
        return f"{value:.1f}s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes}m{rest:02d}s" if minutes else f"{rest}s"


def clock(timestamp: str | None) -> str:
    """The moment of an ISO timestamp in UTC, to the second."""
    if not timestamp:
        return "–"
    return f"{datetime.fromisoformat(timestamp).astimezone(UTC):%Y-%m-%d %H:%M:%S}"


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
    for number, line in enumerate(table_lines(headings, rows)):
        paint(line, bold=number == 0)


def table_lines(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table, the headings first."""
    cells = [tuple(headings), *(tuple(printable(cell) for cell in row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def print_fields(fields: Mapping[str, str]) -> None:
    """One ``name  value`` a line, aligned."""
    for line in field_lines(fields):
        typer.echo(line)


def field_lines(fields: Mapping[str, str]) -> list[str]:
    """The lines of ``print_fields``."""
    width = max(len(name) for name in fields)
    return [f"{name.ljust(width)}  {printable(value)}" for name, value in fields.items()]
