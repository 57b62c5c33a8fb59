from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodeploy.cli.failures import CommandError, ExitCode
from autodeploy.cli.user.variables import import_file, parse_dotenv


def test_dotenv_with_comments_exports_and_quotes_is_read() -> None:
    text = """\ufeff# a comment
PLAIN=value
export EXPORTED = spaced out   # a remark
HASH=a#b

SINGLE='as $it is\\n'
DOUBLE="line\\nbreak \\"quoted\\" # kept"
EMPTY=
URL=postgres://user:p=w@host/db?x=1
"""
    assert parse_dotenv(text) == {
        "PLAIN": "value",
        "EXPORTED": "spaced out",
        "HASH": "a#b",
        "SINGLE": "as $it is\\n",
        "DOUBLE": 'line\nbreak "quoted" # kept',
        "EMPTY": "",
        "URL": "postgres://user:p=w@host/db?x=1",
    }


def test_quoted_value_may_span_lines() -> None:
    text = 'KEY="-----BEGIN-----\nabc\n-----END-----"\nNEXT=1\n'
    assert parse_dotenv(text) == {"KEY": "-----BEGIN-----\nabc\n-----END-----", "NEXT": "1"}


@pytest.mark.parametrize(
    ("text", "line"),
    [("A=1\nnot an assignment hunter2\n", 2), ('A="never closed hunter2\n', 1), ("9A=hunter2", 1)],
)
def test_bad_line_is_named_by_number_and_its_value_is_not_shown(text: str, line: int) -> None:
    with pytest.raises(CommandError) as failure:
        parse_dotenv(text)
    assert f"Line {line}" in failure.value.message
    assert "hunter2" not in failure.value.message
    assert failure.value.exit_code == ExitCode.USAGE


_ESCAPED = str.maketrans({"\\": "\\\\", '"': '\\"'})


@given(
    st.dictionaries(
        st.from_regex(r"[A-Z_][A-Z0-9_]{0,10}", fullmatch=True),
        st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp"))),
    )
)
def test_any_values_in_double_quotes_come_back_unchanged(values: dict[str, str]) -> None:
    text = "".join(f'{key}="{value.translate(_ESCAPED)}"\n' for key, value in values.items())
    assert parse_dotenv(text) == values


def test_file_that_is_no_text_is_refused_by_its_line(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes(b"A=1\nNAME=caf\xe9\n")
    with pytest.raises(CommandError, match=r"not UTF-8 text \(line 2\)") as refused:
        import_file(file, None, "production", secret=None, scope=None, as_json=False)
    assert refused.value.exit_code == ExitCode.USAGE
