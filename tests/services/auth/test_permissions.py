from itertools import pairwise
from uuid import uuid4

import pytest

from autodeploy.kernel.errors import Forbidden, NotFound
from autodeploy.services.auth.models import Role
from autodeploy.services.auth.permissions import (
    ACTION_SCOPE,
    ROLE_ACTIONS,
    Action,
    reach_of,
    require,
)
from autodeploy.services.auth.principal import Principal, Scope

ORGANIZATION = uuid4()


def caller(role: Role, *scopes: Scope, is_admin: bool = False) -> Principal:
    return Principal(
        account_id=uuid4(),
        email="ada@example.com",
        roles={ORGANIZATION: role},
        scopes=frozenset(scopes or Scope),
        is_admin=is_admin,
    )


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("role", Role)
def test_a_role_allows_exactly_the_actions_of_its_row(role, action):
    if action in ROLE_ACTIONS[role]:
        require(caller(role), action, ORGANIZATION)
    else:
        with pytest.raises(Forbidden):
            require(caller(role), action, ORGANIZATION)


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("scope", Scope)
def test_a_token_reaches_exactly_the_actions_of_its_scope_and_those_below(scope, action):
    order = list(Scope)
    if order.index(ACTION_SCOPE[action]) <= order.index(scope):
        require(caller(Role.OWNER, scope), action, ORGANIZATION)
    else:
        with pytest.raises(Forbidden):
            require(caller(Role.OWNER, scope), action, ORGANIZATION)


@pytest.mark.parametrize("is_admin", [False, True])
def test_a_foreign_organization_is_not_found_whoever_asks(is_admin):
    with pytest.raises(NotFound):
        require(caller(Role.OWNER, is_admin=is_admin), Action.ORGANIZATION_READ, uuid4())


def test_each_role_includes_the_one_below_and_a_viewer_only_reads():
    ranks = [ROLE_ACTIONS[role] for role in (Role.VIEWER, Role.MEMBER, Role.ADMIN, Role.OWNER)]
    assert all(lower < higher for lower, higher in pairwise(ranks))
    assert ranks[-1] == frozenset(Action)
    assert {ACTION_SCOPE[action] for action in ROLE_ACTIONS[Role.VIEWER]} == {Scope.READ}


def test_lists_cover_only_organizations_whose_role_allows_the_action():
    viewer, owner = uuid4(), uuid4()
    member = Principal(
        account_id=uuid4(),
        email="ada@example.com",
        roles={viewer: Role.VIEWER, owner: Role.OWNER},
        scopes=frozenset(Scope),
    )
    assert reach_of(member, Action.PROJECT_READ).whole == {viewer, owner}
    assert reach_of(member, Action.PROJECT_UPDATE).whole == {owner}
