"""Floods of output: their beginning and their end are kept."""

from datetime import UTC, datetime

from autodeploy.services.deployer.log_lines import OWN_SOURCE, LogLine, OutputLimit

NOW = datetime(2026, 11, 1, tzinfo=UTC)
MIB = 1 << 20


def _line(text: str, source: str = "build") -> LogLine:
    return LogLine(NOW, "info", source, text)


def _kept(limit: OutputLimit, lines: list[LogLine]) -> list[str]:
    return [kept.message for line in lines for kept in limit.take(line)]


def test_output_below_the_limit_is_kept_whole() -> None:
    limit = OutputLimit(MIB)
    texts = [f"line {number}" for number in range(1000)]
    assert _kept(limit, list(map(_line, texts))) == texts
    assert limit.end() == []


def test_flood_is_kept_at_its_beginning_and_its_end() -> None:
    limit = OutputLimit(MIB, last_lines=3)
    flood = [_line(f"{number} {'x' * 1000}") for number in range(5000)]
    kept = _kept(limit, [*flood, _line("done", OWN_SOURCE), _line("later")])
    numbers = [int(text.split()[0]) for text in kept if text.endswith("x")]
    first = len(numbers) - 3
    assert numbers == [*range(first), 4997, 4998, 4999]
    assert 900 < first < 1050
    told = [text for text in kept if not text.endswith("x")]
    left_out = 5000 - len(numbers)
    assert told == [
        "There is more output than 1 MiB.",
        f"{left_out} lines of output were left out here.",
        "done",
    ]
    assert [line.message for line in limit.end()] == ["later"]


def test_flood_of_empty_lines_is_a_flood_too() -> None:
    limit = OutputLimit(MIB)
    kept = _kept(limit, [_line("")] * 100_000)
    assert len(kept) < 20_000


def test_what_is_held_back_is_not_called_left_out() -> None:
    limit = OutputLimit(0, last_lines=3)
    assert _kept(limit, [_line("a"), _line("b")]) == ["There is more output than 0 MiB."]
    assert [line.message for line in limit.end()] == ["a", "b"]
