from autodeploy.cli.terminal import printable, seconds


def test_escape_sequences_do_not_reach_the_terminal() -> None:
    hostile = "\x1b[2J\x1b]0;title\x07\x1b[31mred\x1b[0m\r\x9b1mtail\tend\x00"
    assert printable(hostile) == "red1mtail\tend"


def test_durations_read_as_people_write_them() -> None:
    assert [seconds(value) for value in (0.04, 9.94, 12.4, 185)] == ["0.0s", "9.9s", "12s", "3m05s"]
