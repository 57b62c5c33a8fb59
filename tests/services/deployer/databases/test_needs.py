"""Which apps get a database of their own."""

import pytest

from autodeploy.services.analyzer.plan import (
    EnvironmentVariable,
    Plan,
    ServiceNeed,
    VariableType,
)
from autodeploy.services.deployer.app_environment import AppEnvironment
from autodeploy.services.deployer.databases.needs import needs_database


def given(
    *keys: str, unresolved: tuple[str, ...] = (), databases: tuple[str, ...] = ()
) -> AppEnvironment:
    """Variables of these names; what refers to nothing that is there; what is referred to."""
    return AppEnvironment(
        values=dict.fromkeys(keys, "set"),
        secrets=frozenset(),
        scopes={},
        versions=(),
        version=0,
        unresolved=dict.fromkeys(unresolved, "there is none"),
        databases=frozenset(databases),
    )


def plan_with(kind: str | None, *, required: bool = True) -> Plan:
    """A plan of an app that reads ``DATABASE_URL`` for a database of ``kind``."""
    variable = EnvironmentVariable(
        key="DATABASE_URL", required=required, secret=True,
        type=VariableType.DATABASE_CONNECTION, file="app.py", line=1,
    )  # fmt: skip
    need = ServiceNeed(kind=kind, reason="", variable="DATABASE_URL") if kind else None
    return Plan(environment_variables=(variable,), services=(need,) if need else ())


@pytest.mark.parametrize(
    ("kind", "required", "needed"),
    [
        ("postgresql", True, True),
        ("postgresql", False, True),
        (None, True, True),
        (None, False, False),
        ("mysql", True, False),
        ("sqlite", True, False),
        ("mongodb", True, False),
    ],
)
def test_connection_string_that_nobody_set_gets_postgresql_unless_it_is_of_another_database(
    kind: str | None, required: bool, needed: bool
) -> None:
    assert needs_database(plan_with(kind, required=required), {}, given()) is needed


def test_request_and_value_outrank_what_the_code_reads() -> None:
    assert needs_database(plan_with("mysql"), {"provision": True}, given())
    assert needs_database(plan_with(None), {}, given("DATABASE_URL", databases=("main",)))
    for variables in (given("DATABASE_URL"), given(unresolved=("DATABASE_URL",))):
        assert not needs_database(plan_with("postgresql"), {}, variables)
