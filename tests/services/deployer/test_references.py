"""References in variables: how they are written, and what they stand for."""

import pytest

from autodeploy.kernel.errors import InvalidInput
from autodeploy.services.deployer.references import (
    DatabasePart,
    DatabaseReference,
    ProjectReference,
    VariableReference,
    parse,
)
from autodeploy.services.deployer.resolution import Given, Known, Resolution, resolve
from autodeploy.services.deployer.variable_schemas import VariableScope

URL = "postgres://us%40er:p%2Fw@db.example:6432/shop"


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("plain", ("plain",)),
        ("", ()),
        ("${{ KEY }}", (VariableReference("KEY"),)),
        ("a${{KEY}}b", ("a", VariableReference("KEY"), "b")),
        ("${{ databases.main.url }}", (DatabaseReference("main", DatabasePart.URL),)),
        ("${{ projects.my-api.url }}/v1", (ProjectReference("my-api"), "/v1")),
        ("$${{ KEY }}", ("${{", " KEY }}")),
        ("$$$$ {{ KEY }} ${KEY}", ("$$$$ {{ KEY }} ${KEY}",)),
    ],
)
def test_value_is_read_as_texts_and_references(value: str, parts: tuple[object, ...]) -> None:
    assert parse(value) == parts


@pytest.mark.parametrize(
    "value",
    [
        "${{ KEY",
        "${{ }}",
        "${{ A-B }}",
        "${{ databases.main }}",
        "${{ databases.main.secret }}",
        "${{ projects.shop.password }}",
        "${{ secrets.KEY }}",
        "${{" + "A" * 400 + "}}",
    ],
)
def test_what_is_no_reference_is_refused_with_the_field_and_what_can_be_written(value: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse(value, field="values.KEY")
    assert refused.value.field == "values.KEY"
    assert "databases.main.url" in (refused.value.remedy or "")


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("postgresql://u:p@db.example/shop", "db.example", "5432"),
        ("redis://red-1", "red-1", "6379"),
        ("rediss://red-1:s3cret@oregon.example", "oregon.example", "6379"),
        ("redis://red-1:6380", "red-1", "6380"),
    ],
)
def test_port_that_a_url_leaves_out_is_that_of_its_engine(url: str, host: str, port: str) -> None:
    assert (DatabasePart.HOST.of(url), DatabasePart.PORT.of(url)) == (host, port)


def given(secret: tuple[str, ...] = (), **values: str) -> dict[str, Given]:
    return {
        key: Given(value, f"{key}-1", is_secret=key in secret, scope=VariableScope.BOTH)
        for key, value in values.items()
    }


def resolved(variables: dict[str, Given]) -> Resolution:
    databases = {"main": Known(URL, "db-1", is_secret=True)}
    projects = {"api": Known("https://api.example", "api-1")}
    return resolve(variables, databases, projects, "production")


def test_each_kind_of_reference_stands_for_its_value() -> None:
    found = resolved(
        given(
            ALL="${{ databases.main.user }}:${{ databases.main.password }}@"
            "${{ databases.main.host }}:${{ databases.main.port }}/${{ databases.main.name }}",
            API="${{ projects.api.url }}/v1",
            AGAIN="<${{ API }}>",
            LITERAL="$${{ API }}",
        )
    )
    assert {key: one.value for key, one in found.values.items()} == {
        "ALL": "us@er:p/w@db.example:6432/shop",
        "API": "https://api.example/v1",
        "AGAIN": "<https://api.example/v1>",
        "LITERAL": "${{ API }}",
    }
    assert found.unresolved == {}


def test_value_that_refers_to_a_secret_is_one_however_far_away() -> None:
    databases = {"D": "${{ databases.main.host }}", "E": "${{ databases.main.url }}"}
    variables = {"S": "hunter22", "A": "x${{ S }}", "B": "${{ A }}", "C": "plain"}
    found = resolved(given(("S",), **variables, **databases))
    secret = {key for key, one in found.values.items() if one.is_secret}
    assert secret == {"S", "A", "B", "E"}


def test_version_of_a_value_holds_those_of_all_that_it_refers_to() -> None:
    found = resolved(given(A="1", B="${{ A }}${{ databases.main.host }}", C="${{ B }}"))
    assert found.values["C"].version == "C-1|B-1|A-1|db-1"


@pytest.mark.parametrize(
    ("values", "key", "said"),
    [
        ({"A": "${{ B }}", "B": "${{ C }}", "C": "${{ A }}"}, "A", "A → B → C → A"),
        ({"A": "${{ A }}"}, "A", "A → A"),
        ({"A": "${{ GONE }}"}, "A", "refers to GONE, which is not set in production"),
        ({"A": "${{ databases.other.url }}"}, "A", "production has no database other"),
        ({"A": "${{ projects.web.url }}"}, "A", "the project web is not there"),
        ({"A": "${{ not a reference }}"}, "A", "is no reference"),
        ({"A": "x" * 40_000, "B": "${{ A }}${{ A }}"}, "B", "too long"),
    ],
)
def test_reference_that_leads_nowhere_says_of_which_variable_and_why(
    values: dict[str, str], key: str, said: str
) -> None:
    reason = resolved(given(**values)).unresolved[key]
    assert reason.startswith(f"{key}: ")
    assert said in reason


def test_deep_chain_ends_in_a_reason_and_not_in_a_crash() -> None:
    chain = {f"V{number}": f"${{{{ V{number + 1} }}}}" for number in range(2000)}
    found = resolved(given(**chain, V2000="end"))
    assert "deep" in found.unresolved["V0"]


@pytest.mark.parametrize(
    ("own", "other", "works"),
    [
        ("build", "build", True),
        ("build", "both", True),
        ("runtime", "both", True),
        ("runtime", "build", False),
        ("both", "build", False),
        ("both", "runtime", False),
    ],
)
def test_value_reaches_no_place_that_it_is_not_for(own: str, other: str, works: bool) -> None:
    found = resolved(
        {
            "A": Given("${{ B }}", "1", is_secret=False, scope=VariableScope(own)),
            "B": Given("b", "1", is_secret=False, scope=VariableScope(other)),
        }
    )
    assert ("A" in found.values) is works
