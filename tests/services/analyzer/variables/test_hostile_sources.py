"""Whatever a file holds, reading it ends soon and without an error."""

# ruff: noqa: E501 - code is quoted as people write it
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autodeploy.services.analyzer.variables import javascript, python

JAVASCRIPT = ["process.env", ".KEY", "[", "]", "(", ")", "{", "}", "const ", "env", " = ", "=>", "'", '"', "`",
              "${", "class ", "import ", "from ", "'./x'", "z.object", "\n", "//", "/*", "*/", "\\", "é", "\0"]  # fmt: skip
PYTHON = ["os", ".environ", "import os\n", "[", "]", "(", ")", '"KEY"', "def f(", "name", "):\n", "    ", "=",
          "class A(", "BaseSettings", ":\n", "f'{", "}'", '"""', "#", "\n", "\\", "é", "\0", "for x in "]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.text(max_size=300), st.lists(st.sampled_from(JAVASCRIPT), max_size=60).map("".join)
    )
)
def test_any_text_as_javascript_gives_reads_and_no_error(text: str) -> None:
    for path in ("a.ts", "b.jsx", "c.vue"):
        for read in javascript.find_reads({path: f"process.env.X;{text}"}):
            assert read.line >= 1


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(st.text(max_size=300), st.lists(st.sampled_from(PYTHON), max_size=60).map("".join))
)
def test_any_text_as_python_gives_reads_and_no_error(text: str) -> None:
    for read in python.find_reads({"a.py": f"import os\nos.environ['X']\n{text}"}):
        assert read.line >= 1


MEGABYTE = 1 << 20


@pytest.mark.parametrize(
    "unit",
    ["process.env.A;", "process.env.A\n", "process.env[", "if (!", "import a from 'a'\n", "env.A;\n",
     "const env = process.env;\n", "get(get(", "process.env[k] => ", "a => process.env[a];\n", "// process.env\n",
     "function f(a){return process.env[a]};f(x);\n"],
)  # fmt: skip
def test_large_file_of_one_thing_repeated_is_read_in_time(unit: str) -> None:
    text = "const env = process.env\n" + unit * (MEGABYTE // 2 // len(unit))
    assert _seconds(lambda: javascript.find_reads({"a.ts": text[: MEGABYTE // 2]})) < 20


@pytest.mark.parametrize(
    "unit",
    ["os.environ['A']\n", "os.environ['A'];", "if not ", "(", "import os\n", "class A(BaseSettings): a: int\n",
     "def f(a): return os.environ[a]\n", "x = environ\n", "with env.prefixed('A_'):\n "],
)  # fmt: skip
def test_large_module_of_one_thing_repeated_is_read_in_time(unit: str) -> None:
    text = "import os\nfrom os import environ\n" + unit * (MEGABYTE // 2 // len(unit))
    assert _seconds(lambda: python.find_reads({"a.py": text[: MEGABYTE // 2]})) < 20


def _seconds(run: object) -> float:
    started = time.monotonic()
    assert callable(run)
    run()
    return time.monotonic() - started
