"""Shapes forgive what providers really send."""

import json
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import pytest
from pydantic import AliasChoices, Field
from structlog.testing import capture_logs

from autodeploy.kernel.http.answers import Answer
from autodeploy.kernel.http.errors import ProviderUnavailable
from autodeploy.kernel.http.models import Lenient, MaybeMoment, Moment, Open, known, tell_unknown


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
    seconds: float = 0.0
    ended: MaybeMoment = None


class Line(Lenient):
    at: Moment


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


class Owner(Lenient):
    name: str
    archived: bool = False
    redirects_to: str = Field(default="", alias="redirectForName")
    made: int = Field(default=7, validation_alias=AliasChoices("createdAt", "created"))
    owner: Thing = Thing(name="nobody")
    regions: list[str]
    anything: object = 1


def test_null_is_the_default_where_a_field_has_one_and_takes_no_null():
    nulls = dict.fromkeys(
        ("archived", "redirectForName", "created", "owner", "regions", "anything"), None
    )
    found = Owner.model_validate({"name": "a", **nulls})
    assert found == Owner(name="a", regions=[], anything=None)
    assert (found.archived, found.redirects_to, found.made) == (False, "", 7)


def test_null_of_what_has_no_default_is_missing():
    with pytest.raises(ProviderUnavailable, match="name is missing"):
        _answer(b'{"name": null, "regions": []}').read(Owner)


def test_null_is_an_empty_list():
    assert _answer(b"null").read(list[Thing]) == []
    assert _answer(b"null").read_each(Thing) == []
    with pytest.raises(ProviderUnavailable):
        _answer(b"null").read(Thing)


def test_an_item_of_another_form_is_left_out_where_that_does_no_harm():
    found = _answer(b'[{"name": "a"}, {"name": 7}, null, {"name": "b"}]').read_each(Thing)
    assert [each.name for each in found] == ["a", "b"]
    with pytest.raises(ProviderUnavailable, match="the body"):
        _answer(b'{"name": "a"}').read_each(Thing)


@pytest.mark.parametrize("told", ["2026-11-01T12:00:00", "2026-11-01T14:00:00+02:00"])
def test_times_can_be_compared_whether_their_zone_is_told_or_not(told):
    moment = datetime(2026, 11, 1, 12, tzinfo=UTC)
    assert Line.model_validate({"at": told}).at == moment
    assert Thing.model_validate({"name": "a", "ended": told}).ended == moment


@pytest.mark.parametrize("told", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "soon", 1e300])
def test_what_is_no_time_was_not_told(told):
    assert Thing.model_validate({"name": "a", "ended": told}).ended is None
    with pytest.raises(ProviderUnavailable, match="at is missing"):
        Answer("Acme", 200, {}, json.dumps({"at": told}).encode(), "").read(Line)


@pytest.mark.parametrize("told", ["1928-02-29T23:59:59Z", "0002-01-01T00:00:00+02:00"])
def test_a_time_that_was_told_can_be_moved(told):
    at = Line.model_validate({"at": told}).at
    assert (at - timedelta(minutes=15)).astimezone(UTC) < at


@pytest.mark.parametrize("number", [b"1e999", b"-1e999", b"NaN", b"Infinity"])
def test_a_number_without_measure_is_refused(number):
    with pytest.raises(ProviderUnavailable, match="seconds"):
        _answer(b'{"name": "a", "seconds": ' + number + b"}").read(Thing)


@pytest.mark.parametrize(
    ("sent", "read"),
    [(b"a\\u0000b", "a\ufffdb"), (b"\\ud800", "\ufffd"), (b"\\uDC00x", "\ufffdx"),
     (b"\\ud83d\\ude00", "\U0001f600"), ("\u00fc".encode(), "\u00fc")],
)  # fmt: skip
def test_a_text_can_be_stored_and_sent_on_whatever_is_in_it(sent, read):
    thing = _answer(b'{"name": "' + sent + b'", "labels": {"' + sent + b'": "x"}}').read(Thing)
    assert (thing.name, list(thing.labels)) == (read, [read])
    assert thing.name.encode().decode() == read
