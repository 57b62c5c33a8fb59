"""Drift of an app, from the command line."""

import pytest
from tests.cli.user.conftest import Person

from autodeploy.cli.user.client import Json
from autodeploy.cli.user.drift import _show

FOUND: Json = {
    "environment": "production", "provider": "vercel", "unread": ["HIDDEN"], "pending": ["LATER"],
    "items": [
        {"kind": "variable_changed", "name": "API_KEY", "declared": None, "found": None,
         "reconcilable": True},
        {"kind": "plan", "name": None, "declared": "free", "found": "pro", "reconcilable": False},
    ],
}  # fmt: skip


async def test_where_nothing_is_live_there_is_nothing_to_compare(ada: Person) -> None:
    await ada.call("POST", "/projects", {"name": "shop"})
    assert "Nothing is live" in await ada.refused("drift", "shop")
    assert "Nothing is live" in await ada.refused("drift", "shop", "--fix", "--yes")


def test_each_difference_is_a_line_and_says_what_helps(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _show({"name": "shop"}, FOUND)
    shown = capsys.readouterr()
    assert "API_KEY" in shown.out
    assert "the variable has another value there" in shown.out
    assert "change it there" in shown.out
    for said in ("drift --fix", "does not tell the values of HIDDEN", "LATER"):
        assert said in shown.err
    _show({"name": "shop"}, {**FOUND, "items": [], "unread": [], "pending": []})
    assert "at vercel as it was declared" in capsys.readouterr().err
