"""TOML that is made to be slow or deep is refused, and soon."""

import time
import tomllib

import pytest

from autodeploy.kernel.toml_text import load_toml


def test_document_is_read() -> None:
    assert load_toml('[a]\nb.c = "x.y"\n') == {"a": {"b": {"c": "x.y"}}}


@pytest.mark.parametrize(
    "text",
    ["a." * 500_000 + "a = 1", "[" + "a." * 500_000 + "a]", "a = " + "[" * 100_000,
     "a = {" + "b." * 500_000],
)  # fmt: skip
def test_document_without_end_is_refused_in_time(text: str) -> None:
    started = time.process_time()
    with pytest.raises(tomllib.TOMLDecodeError):
        load_toml(text)
    assert time.process_time() - started < 1


def test_many_dots_on_many_lines_are_read() -> None:
    assert len(load_toml("".join(f'a{number} = "1.2.3"\n' for number in range(1000)))) == 1000
