from hypothesis import given
from hypothesis import strategies as st

from autodeploy.kernel.sandbox.lines import LineSplitter


def _lines(*chunks: bytes, max_characters: int = 8192) -> list[str]:
    splitter = LineSplitter(max_characters)
    return [line for chunk in chunks for line in splitter.feed(chunk)] + splitter.end()


def test_lines_across_chunks_are_joined() -> None:
    assert _lines(b"on", b"e\ntw", b"o\n\nrest") == ["one", "two", "", "rest"]


def test_carriage_return_keeps_only_the_last_state() -> None:
    assert _lines(b"10%\r", b"50%\r100%", b"\rdone\r\n") == ["done"]


def test_progress_bar_without_an_end_does_not_grow() -> None:
    splitter = LineSplitter()
    for step in range(100_000):
        assert splitter.feed(f"step {step}\r".encode()) == []
    assert len(splitter._buffer) < 100
    assert splitter.end() == ["step 99999"]


def test_windows_line_ends_are_removed_also_across_chunks() -> None:
    assert _lines(b"a\r\nb\r", b"\nc") == ["a", "b", "c"]


def test_broken_utf8_is_replaced_and_split_characters_are_joined() -> None:
    assert _lines(b"\xff ok \xc3", b"\xa9\n") == ["� ok é"]


def test_nul_is_removed_and_escapes_stay() -> None:
    assert _lines(b"a\0b \x1b[31mred\x1b[0m\n") == ["ab \x1b[31mred\x1b[0m"]


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_no_line_is_too_long_or_holds_an_end_of_line(chunks: list[bytes]) -> None:
    for line in _lines(*chunks, max_characters=10):
        assert len(line) <= 10
        assert "\n" not in line
        assert "\0" not in line


@given(st.binary(max_size=200), st.integers(1, 199))
def test_chunks_do_not_change_the_lines(data: bytes, at: int) -> None:
    assert _lines(data[:at], data[at:]) == _lines(data)
