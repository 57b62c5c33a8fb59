import io
import json

import pytest

from autodeploy.cli.terminal import (
    is_interactive,
    may_colour,
    paint,
    print_json,
    printable,
    seconds,
)
from autodeploy.cli.user.progress import BarView, PlainView, make_view


def test_escape_sequences_do_not_reach_the_terminal() -> None:
    hostile = "\x1b[2J\x1b]0;title\x07\x1b[31mred\x1b[0m\r\x9b1mtail\tend\x00"
    assert printable(hostile) == "red1mtail\tend"
    assert printable("a\u202etxt.exe\u2066") == "atxt.exe"


def test_durations_read_as_people_write_them() -> None:
    assert [seconds(value) for value in (0.04, 9.94, 12.4, 185)] == ["0.0s", "9.9s", "12s", "3m05s"]


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def use_terminal(monkeypatch: pytest.MonkeyPatch) -> _Terminal:
    """Make a terminal that can draw standard output and error; within the test, since pytest
    changes both between its phases."""
    for name in ("NO_COLOR", "CI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    screen = _Terminal()
    monkeypatch.setattr("sys.stdout", screen)
    monkeypatch.setattr("sys.stderr", screen)
    return screen


@pytest.mark.parametrize(("name", "value"), [("TERM", "dumb"), ("CI", "true")])
def test_progress_is_drawn_only_where_it_can_be(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    use_terminal(monkeypatch)
    assert isinstance(make_view(), BarView)
    monkeypatch.setenv(name, value)
    assert isinstance(make_view(), PlainView)
    assert not is_interactive(io.StringIO())


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_colour_is_left_out_where_it_is_not_wanted(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    terminal = use_terminal(monkeypatch)
    paint("red", colour="red")
    assert terminal.getvalue() == "\x1b[31mred\x1b[0m\n"
    monkeypatch.setenv(name, value)
    assert not may_colour()
    paint("plain", colour="red")
    assert terminal.getvalue().endswith("m\nplain\n")


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_json_is_written_whatever_the_terminal_can_show(
    monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding=encoding))
    values = [{"name": "ünï – \U0001f600"}, {"path": "no text: \udcff"}]
    for value in values:
        print_json(value, indent=None)
    assert [json.loads(line) for line in written.getvalue().decode(encoding).splitlines()] == values
