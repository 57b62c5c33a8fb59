"""Who a credential stands for, asked anew at each call."""

from datetime import timedelta

import pytest
from sqlalchemy import update
from tests.services.auth.accounts import signed_up

from autodeploy.kernel.clock import now
from autodeploy.kernel.resources import Resources
from autodeploy.services.auth import service
from autodeploy.services.auth.errors import SessionEnded
from autodeploy.services.auth.models import OrganizationMember, Role, Session
from autodeploy.services.auth.principal import Principal


async def _set(resources: Resources, table: type, **values: object) -> None:
    async with resources.db.transaction() as session:
        await session.execute(update(table).values(**values))


async def _authenticate(resources: Resources, token: str) -> Principal:
    return await service.authenticate(resources, token)


async def test_a_session_that_is_over_is_refused_at_the_next_call(resources: Resources) -> None:
    token = (await signed_up(resources)).access_token
    await _authenticate(resources, token)
    for end in ({"expires_at": now() - timedelta(seconds=1)}, {"revoked_at": now()}):
        await _set(resources, Session, expires_at=now() + timedelta(days=1), revoked_at=None)
        await _authenticate(resources, token)
        await _set(resources, Session, **end)
        with pytest.raises(SessionEnded):
            await _authenticate(resources, token)


async def test_a_membership_counts_as_it_is_at_each_call(resources: Resources) -> None:
    token = (await signed_up(resources)).access_token
    [(organization, role)] = (await _authenticate(resources, token)).roles.items()
    assert role == Role.OWNER
    await _set(resources, OrganizationMember, role=Role.VIEWER)
    assert (await _authenticate(resources, token)).roles == {organization: Role.VIEWER}
    await _set(resources, OrganizationMember, joined_at=None)
    assert not (await _authenticate(resources, token)).roles
