"""Who decides about whom: roles give those up to their own, operators what their credential may."""

from dataclasses import replace

import pytest
from tests.services.auth.people import team

from autodeploy.kernel.errors import Forbidden
from autodeploy.kernel.resources import Resources
from autodeploy.services.auth import members
from autodeploy.services.auth.models import Role
from autodeploy.services.auth.organization_schemas import MemberInput
from autodeploy.services.auth.permissions import require_operator
from autodeploy.services.auth.principal import Scope


async def test_an_admin_adds_nobody_as_an_owner(resources: Resources) -> None:
    acme, other = await team(resources), await team(resources, "Other")
    colleague = await other.joined(Role.MEMBER)
    admin = await acme.joined_by(await other.joined(Role.MEMBER), Role.ADMIN)
    with pytest.raises(Forbidden) as refused:
        body = MemberInput(user_id=colleague.user_id, role=Role.OWNER)
        await members.add_member(resources, admin, acme.id, body)
    assert refused.value.field == "role"
    assert colleague.user_id not in await acme.roles()
    body = MemberInput(user_id=colleague.user_id, role=Role.ADMIN)
    await members.add_member(resources, admin, acme.id, body)
    assert (await acme.roles())[colleague.user_id] == Role.ADMIN


async def test_an_operator_changes_nothing_with_a_token_that_reads(resources: Resources) -> None:
    operator = replace((await team(resources)).owner, is_admin=True)
    require_operator(operator, Scope.WRITE)
    reader = replace(operator, scopes=frozenset({Scope.READ}))
    require_operator(reader, Scope.READ)
    with pytest.raises(Forbidden, match="scope write"):
        require_operator(reader, Scope.WRITE)
