"""What an operator or a caller meets is documented: error codes and settings."""

import ast
import re
from collections.abc import Iterator

import pytest
from tests.architecture.source import DOCS, called_name, calls, import_everything

from autodeploy.cli.failures import CODES, OTHERWISE
from autodeploy.cli.pages import SECTIONS, all_codes, find_page
from autodeploy.kernel.errors import AutoDeployError
from autodeploy.settings import Settings

#: Codes of what the web framework refuses (``api/problems.py``).
FRAMEWORK_CODES = {("method_not_allowed", 405), ("bad_request", 400), ("http_error", None)}


def _tree(kind: type[AutoDeployError]) -> Iterator[type[AutoDeployError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _tree(child)


def _codes_of_commands() -> Iterator[str]:
    """What ``CommandError(code="…")`` names anywhere in the command line."""
    yield from (*CODES.values(), OTHERWISE)
    for _, call in calls("cli"):
        for keyword in call.keywords:
            if keyword.arg == "code" and isinstance(keyword.value, ast.Constant):
                yield keyword.value.value


def _codes() -> set[tuple[str, int | None]]:
    """Every code that anything here can give, with its HTTP status where it has one."""
    import_everything()
    codes = {(kind.code, int(kind.status)) for kind in _tree(AutoDeployError)} | FRAMEWORK_CODES
    known = {code for code, _ in codes}
    return codes | {(code, None) for code in _codes_of_commands() if code not in known}


def _rows(name: str) -> dict[str, list[str]]:
    """The tables of a page: the first cell, without backticks and link, and the others."""
    rows = re.findall(
        r"^\| \[?`([^`]+)`(?:\]\([^)]+\))? \|(.+)\|$", (DOCS / name).read_text(), re.MULTILINE
    )
    return {first: [cell.strip() for cell in rest.split("|")] for first, rest in rows}


def test_each_error_code_is_documented_with_its_status_and_what_to_do():
    documented = _rows("errors.md")
    codes = _codes()
    for code, status in sorted(codes, key=str):
        assert code in documented, f"{code} ({status}) is not in docs/reference/errors.md"
        statuses, meaning, remedy = documented[code]
        assert status is None or str(status) in statuses, f"{code} has the status {status}"
        assert meaning
        assert remedy
    assert documented.keys() == {code for code, _ in codes}


def test_each_error_code_has_a_page_and_each_page_a_code():
    assert set(all_codes()) == {code for code, _ in _codes()}


@pytest.mark.parametrize("code", all_codes())
def test_a_page_says_what_happened_why_what_to_do_and_shows_it(code: str):
    page = find_page(code)

    assert page is not None
    assert page.markdown.startswith(f"# `{code}`\n\n## {SECTIONS[0]}\n")
    assert tuple(page.sections) == SECTIONS
    assert all(page.sections.values())
    assert code in page.sections["Example"] or "HTTP/1.1" in page.sections["Example"]


def test_each_row_leads_to_its_page():
    text = (DOCS / "errors.md").read_text()
    rows = re.findall(r"^\| .*?`([a-z_]+)`.*? \|", text, re.MULTILINE)

    assert rows
    for code in rows:
        link = f"| [`{code}`](../errors/{code}.md) |"
        assert link in text, f"the row of {code} is to begin with {link}"


def test_each_failure_of_a_command_says_what_to_do():
    silent = [
        place
        for place, call in calls("cli")
        if called_name(call) == "CommandError"
        and not any(keyword.arg == "remedy" for keyword in call.keywords)
    ]
    assert silent == []


def test_each_setting_is_documented_and_nothing_else():
    names = set()
    for name, field in Settings.model_fields.items():
        alias = field.validation_alias
        names.add(alias if isinstance(alias, str) else f"AUTODEPLOY_{name.upper()}")
    documented = {name.partition("__")[0] for name in _rows("settings.md")}
    assert names <= documented, names - documented
    assert documented <= names | {"AUTODEPLOY_URL", "AUTODEPLOY_TOKEN"}, documented - names
