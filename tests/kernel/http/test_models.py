"""Shapes forgive what providers really send."""

from enum import StrEnum
from typing import Annotated

import pytest
from pydantic import Field
from structlog.testing import capture_logs

from autodeploy.kernel.http.answers import Answer
from autodeploy.kernel.http.errors import ProviderUnavailable
from autodeploy.kernel.http.models import Lenient, Open, known, tell_unknown


class Plan(StrEnum):
    FREE = "free"
    PRO = "pro"


class State(StrEnum):
    LIVE = "live"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Thing(Lenient):
    name: str
    plan: Open[Plan] = Plan.FREE
    state: Annotated[State, known(State)] = State.UNKNOWN
    tags: tuple[str, ...] = ()
    allowed: list[str] = Field(default_factory=list, alias="ipAllowList")
    labels: dict[str, str] = Field(default_factory=dict)
    commit: str | None = None


def _answer(body: bytes) -> Answer:
    return Answer("Acme", 200, {}, body, "https://acme.test/")


def test_fields_that_are_not_known_are_ignored():
    assert Thing.model_validate({"name": "a", "new": {"x": 1}}) == Thing(name="a")


def test_null_where_a_list_or_mapping_is_promised_is_empty():
    thing = Thing.model_validate(
        {"name": "a", "tags": None, "ipAllowList": None, "labels": None, "commit": None}
    )
    assert (thing.tags, thing.allowed, thing.labels, thing.commit) == ((), [], {}, None)


def test_a_value_that_is_not_listed_is_kept_as_text():
    assert Thing.model_validate({"name": "a", "plan": "pro"}).plan is Plan.PRO
    assert Thing.model_validate({"name": "a", "plan": "team"}).plan == "team"


@pytest.mark.parametrize("value", ["BLOCKED", "", None, 7])
def test_a_status_that_is_not_listed_is_unknown(value):
    assert Thing.model_validate({"name": "a", "state": value}).state is State.UNKNOWN
    assert Thing.model_validate({"name": "a", "state": "live"}).state is State.LIVE


def test_a_status_that_is_not_listed_is_logged_once_and_only_if_it_is_a_name():
    tell_unknown.cache_clear()
    with capture_logs() as logs:
        for value in ("BLOCKED", "BLOCKED", "a secret, or so", "live"):
            Thing.model_validate({"name": "a", "state": value})
    assert [(each["kind"], each["value"]) for each in logs] == [
        ("State", "BLOCKED"), ("State", "no name"),
    ]  # fmt: skip


def test_an_answer_of_another_form_names_its_fields_and_quotes_nothing():
    with pytest.raises(ProviderUnavailable, match="name, tags") as raised:
        _answer(b'{"name": {"secret-1": 1}, "tags": "secret-2"}').read(Thing)
    assert "secret" not in raised.value.message
    assert raised.value.__context__ is None


def test_a_list_is_read_as_a_list_of_shapes():
    assert _answer(b'[{"name": "a"}]').read(list[Thing]) == [Thing(name="a")]
    with pytest.raises(ProviderUnavailable, match="name is missing"):
        _answer(b'[{"plan": "a"}]').read(list[Thing])
    with pytest.raises(ProviderUnavailable, match="the body"):
        _answer(b'{"name": "a"}').read(list[Thing])
