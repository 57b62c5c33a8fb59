"""What an operator or a caller meets is documented: error codes and settings."""

import re
from collections.abc import Iterator

from tests.architecture.source import DOCS, import_everything

from autodeploy.kernel.errors import AutoDeployError
from autodeploy.settings import Settings

#: Codes of what the web framework refuses (``api/problems.py``).
FRAMEWORK_CODES = {("method_not_allowed", 405), ("bad_request", 400), ("http_error", None)}


def _tree(kind: type[AutoDeployError]) -> Iterator[type[AutoDeployError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _tree(child)


def _rows(name: str) -> dict[str, list[str]]:
    """The tables of a page: the first cell, without its backticks, and the others."""
    rows = re.findall(r"^\| `([^`]+)` \|(.+)\|$", (DOCS / name).read_text(), re.MULTILINE)
    return {first: [cell.strip() for cell in rest.split("|")] for first, rest in rows}


def test_each_error_code_is_documented_with_its_status_and_what_to_do():
    import_everything()
    documented = _rows("errors.md")
    codes = {(kind.code, int(kind.status)) for kind in _tree(AutoDeployError)} | FRAMEWORK_CODES
    for code, status in sorted(codes, key=str):
        assert code in documented, f"{code} ({status}) is not in docs/reference/errors.md"
        statuses, meaning, remedy = documented[code]
        assert status is None or str(status) in statuses, f"{code} has the status {status}"
        assert meaning
        assert remedy
    assert documented.keys() == {code for code, _ in codes}


def test_each_setting_is_documented_and_nothing_else():
    names = set()
    for name, field in Settings.model_fields.items():
        alias = field.validation_alias
        names.add(alias if isinstance(alias, str) else f"AUTODEPLOY_{name.upper()}")
    documented = {
        name for name in _rows("settings.md") if "__" not in name or name.endswith("__API_URL")
    }
    documented = {name.partition("__")[0] for name in documented}
    assert names <= documented, names - documented
    assert documented <= names | {"AUTODEPLOY_URL", "AUTODEPLOY_TOKEN"}, documented - names
