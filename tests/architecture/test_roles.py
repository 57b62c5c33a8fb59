"""The table of roles in the documentation is the one in the code."""

import re

from tests.architecture.source import DOCS

from autodeploy.services.auth.models import Role
from autodeploy.services.auth.permissions import ACTION_SCOPE, ROLE_ACTIONS, Action

ROLES = (Role.VIEWER, Role.MEMBER, Role.ADMIN, Role.OWNER)


def test_the_documented_table_of_roles_is_the_one_in_the_code():
    text = (DOCS.parent / "organizations.md").read_text()
    header = f"| Action | {' | '.join(ROLES)} | Scope of a token |"
    rows = text[text.index(header) :].partition("\n\n")[0].splitlines()[2:]
    documented = {}
    for row in rows:
        name, *marks, scope = (cell.strip(" `") for cell in row.strip("|").split("|"))
        documented[name] = ({role for role, mark in zip(ROLES, marks, strict=True) if mark}, scope)
    assert documented == {
        action: ({role for role in ROLES if action in ROLE_ACTIONS[role]}, ACTION_SCOPE[action])
        for action in Action
    }


def test_each_documented_route_exists():
    import json

    description = json.loads((DOCS / "openapi.json").read_text())
    known = {re.sub(r"\{\w+\}", "{}", path) for path in description["paths"]}
    text = (DOCS.parent / "organizations.md").read_text()
    named = re.findall(r"`(?:GET|POST|PUT|DELETE) (/[^ `?]+)", text)
    assert named
    assert {f"/api/v1{re.sub(r'{[A-Za-z]+}', '{}', path)}" for path in named} <= known
