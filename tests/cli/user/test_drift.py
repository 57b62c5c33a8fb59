"""Drift of an app, from the command line."""

import pytest
from tests.cli.user.conftest import Person

from autodeploy.cli.user.client import Json
from autodeploy.cli.user.drift import _WORDS, _databases_to_set, _show
from autodeploy.providers.drift import DriftKind

FOUND: Json = {
    "environment": "production", "provider": "vercel", "unread": ["HIDDEN"], "pending": ["LATER"],
    "unasked": [{"name": "cache", "provider": "render", "reason": "No account is connected."}],
    "items": [
        {"kind": "variable_changed", "provider": "vercel", "name": "API_KEY", "declared": None,
         "found": None, "reconcilable": True, "remedy": None},
        {"kind": "plan", "provider": "vercel", "name": None, "declared": "free", "found": "pro",
         "reconcilable": False, "remedy": None},
        {"kind": "database", "provider": "supabase", "name": "main", "declared": None,
         "found": None, "reconcilable": False, "remedy": "Bring it back \x1b[31mthere."},
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
    assert "the database is not there" in shown.out
    assert "see below" in shown.out
    for said in (
        "drift --fix", "does not tell the values of HIDDEN", "LATER",
        "main: Bring it back there.",
        "render does not tell how the database cache is: No account is connected.",
    ):  # fmt: skip
        assert said in shown.err
    _show({"name": "shop"}, {**FOUND, "items": [], "unread": [], "unasked": [], "pending": []})
    assert "at vercel as it was declared" in capsys.readouterr().err


def test_what_a_deployment_does_not_mend_is_not_said_to_be_mended(
    capsys: pytest.CaptureFixture[str],
) -> None:
    stays = [each for each in FOUND["items"] if not each["reconcilable"]]
    _show({"name": "shop"}, {**FOUND, "items": stays})
    assert "--fix" not in capsys.readouterr().err


def test_who_confirms_is_told_which_databases_are_changed_and_where() -> None:
    open_to_all = {"kind": "database_allow_list", "provider": "render", "name": "cache",
                   "declared": "nobody", "found": "0.0.0.0/0", "reconcilable": True,
                   "remedy": None}  # fmt: skip
    assert _databases_to_set([*FOUND["items"], open_to_all]) == [
        "the database cache at render (others are let in to the database: 0.0.0.0/0, declared "
        "as nobody)"
    ]


def test_each_kind_of_difference_has_words_of_its_own() -> None:
    assert _WORDS.keys() == {each.value for each in DriftKind}
    assert len(set(_WORDS.values())) == len(_WORDS)
