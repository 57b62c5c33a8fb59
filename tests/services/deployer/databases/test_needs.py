"""Which apps get a database of their own."""

import pytest

from autodeploy.services.analyzer.plan import (
    EnvironmentVariable,
    Plan,
    ServiceNeed,
    VariableType,
)
from autodeploy.services.deployer.databases.needs import needs_database


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
    assert needs_database(plan_with(kind, required=required), {}, {}) is needed


def test_request_and_value_outrank_what_the_code_reads() -> None:
    assert needs_database(plan_with("mysql"), {"provision": True}, {})
    assert not needs_database(plan_with("postgresql"), {}, {"DATABASE_URL": "set"})
