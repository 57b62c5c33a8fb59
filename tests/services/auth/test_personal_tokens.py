import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from tests.services.auth.accounts import principal, signed_up

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import Forbidden, InvalidInput, NotFound, Unauthenticated
from autodeploy.kernel.pagination import encode_cursor
from autodeploy.services.auth import service
from autodeploy.services.auth.models import ApiToken, Role
from autodeploy.services.auth.principal import Scope
from autodeploy.services.auth.schemas import TokenInput
from autodeploy.services.auth.tokens import new_personal_token, new_secret


async def test_a_created_token_authenticates_with_its_scopes(resources):
    owner = await principal(resources)
    body = TokenInput(name="CI", scopes=[Scope.DEPLOY, Scope.READ, Scope.READ])
    created = await service.create_token(resources, owner, body)
    caller = await service.authenticate(resources, created.token)
    assert created.token.startswith("adp_")
    assert created.token.startswith(created.prefix)
    assert caller.scopes == {Scope.READ, Scope.DEPLOY}
    assert (caller.user_id, caller.token_id) == (owner.user_id, created.id)
    assert caller.roles == owner.roles


async def test_a_token_is_stored_as_its_digest_only(resources):
    created = await service.create_token(
        resources, await principal(resources), TokenInput(name="CI")
    )
    async with resources.db.transaction() as session:
        row = (await session.scalars(select(ApiToken))).one()
    stored = {column.name: str(getattr(row, column.key)) for column in ApiToken.__table__.columns}
    assert not any(created.token in value for value in stored.values())
    assert len(row.prefix) < len(created.token) / 3


async def test_a_revoked_token_is_refused_at_once(resources):
    owner = await principal(resources)
    created = await service.create_token(resources, owner, TokenInput(name="CI"))
    await service.revoke_token(resources, owner, created.id)
    with pytest.raises(Unauthenticated):
        await service.authenticate(resources, created.token)
    with pytest.raises(NotFound):
        await service.revoke_token(resources, owner, created.id)


async def test_an_expired_token_is_refused(resources):
    owner = await principal(resources)
    created = await service.create_token(resources, owner, TokenInput(name="CI", expires_in_days=1))
    await service.authenticate(resources, created.token)
    async with resources.db.transaction() as session:
        await session.execute(update(ApiToken).values(expires_at=now() - timedelta(seconds=1)))
    with pytest.raises(Unauthenticated):
        await service.authenticate(resources, created.token)


async def test_a_token_of_another_user_cannot_be_revoked(resources):
    created = await service.create_token(
        resources, await principal(resources), TokenInput(name="CI")
    )
    with pytest.raises(NotFound):
        await service.revoke_token(resources, await principal(resources), created.id)
    await service.authenticate(resources, created.token)


async def test_a_token_without_admin_cannot_make_or_revoke_others_but_itself(resources):
    owner = await principal(resources)
    body = TokenInput(name="CI", scopes=[Scope.WRITE])
    first = await service.create_token(resources, owner, body)
    second = await service.create_token(resources, owner, body)
    caller = await service.authenticate(resources, first.token)
    with pytest.raises(Forbidden):
        await service.create_token(resources, caller, body)
    with pytest.raises(Forbidden):
        await service.revoke_token(resources, caller, second.id)
    await service.revoke_token(resources, caller, first.id)


async def test_use_is_recorded_at_most_once_a_minute(resources):
    owner = await principal(resources)
    created = await service.create_token(resources, owner, TokenInput(name="CI"))

    async def used_after_a_call():
        await service.authenticate(resources, created.token)
        tokens = await service.list_tokens(resources, owner, limit=1, cursor=None)
        return tokens.items[0].last_used_at

    first = await used_after_a_call()
    assert first is not None
    assert await used_after_a_call() == first
    async with resources.db.transaction() as session:
        await session.execute(update(ApiToken).values(last_used_at=first - timedelta(seconds=61)))
    assert await used_after_a_call() >= first


async def test_pages_of_tokens_hold_each_one_once_newest_first(resources):
    owner = await principal(resources)
    for number in range(5):
        await service.create_token(resources, owner, TokenInput(name=f"token {number}"))
    await service.create_token(resources, await principal(resources), TokenInput(name="foreign"))
    names: list[str] = []
    cursor = None
    for _ in range(3):
        page = await service.list_tokens(resources, owner, limit=2, cursor=cursor)
        names += [token.name for token in page.items]
        cursor = page.next_cursor
    assert names == [f"token {number}" for number in reversed(range(5))]
    assert cursor is None


@pytest.mark.parametrize("cursor", ["", "x", "%%%", "é", "MjAyNi0wMS0wMXx4", "A" * 5])
async def test_a_cursor_that_was_not_given_out_is_refused(resources, cursor):
    owner = await principal(resources)
    with pytest.raises(InvalidInput) as refusal:
        await service.list_tokens(resources, owner, limit=2, cursor=cursor)
    assert refusal.value.field == "cursor"


async def test_a_cursor_without_a_zone_is_refused(resources):
    owner = await principal(resources)
    cursor = encode_cursor(now().replace(tzinfo=None), owner.user_id)
    with pytest.raises(InvalidInput):
        await service.list_tokens(resources, owner, limit=2, cursor=cursor)


async def test_a_ticket_opens_once_as_its_user(resources):
    owner = await principal(resources)
    ticket = await service.issue_ticket(resources, owner)
    assert await service.redeem_ticket(resources, ticket.ticket) == owner
    with pytest.raises(Unauthenticated):
        await service.redeem_ticket(resources, ticket.ticket)


async def test_of_concurrent_uses_of_a_ticket_one_succeeds(resources):
    ticket = await service.issue_ticket(resources, await principal(resources))
    answers = await asyncio.gather(
        *(service.redeem_ticket(resources, ticket.ticket) for _ in range(5)),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, Unauthenticated) for answer in answers) == 4


async def test_a_ticket_ends_with_the_credential_that_asked_for_it(resources):
    owner = await principal(resources)
    ticket = await service.issue_ticket(resources, owner)
    created = await service.create_token(
        resources, owner, TokenInput(name="CI", scopes=[Scope.READ])
    )
    of_token = await service.issue_ticket(
        resources, await service.authenticate(resources, created.token)
    )
    assert (await service.redeem_ticket(resources, of_token.ticket)).scopes == {Scope.READ}
    await service.logout(resources, owner)
    with pytest.raises(Unauthenticated):
        await service.redeem_ticket(resources, ticket.ticket)


async def test_a_made_up_ticket_is_refused(resources):
    with pytest.raises(Unauthenticated):
        await service.redeem_ticket(resources, new_secret())


async def test_the_administrator_is_created_once_and_only_the_last_token_works(resources):
    first = await service.ensure_administrator(resources, "Root@example.com")
    second = await service.ensure_administrator(resources, "root@example.com")
    caller = await service.authenticate(resources, second)
    assert caller.is_admin
    assert caller.has_scope(Scope.ADMIN)
    assert list(caller.roles.values()) == [Role.OWNER]
    with pytest.raises(Unauthenticated):
        await service.authenticate(resources, first)


async def test_an_ordinary_account_is_not_made_the_administrator(resources):
    await signed_up(resources, "ada@example.com")
    with pytest.raises(InvalidInput):
        await service.ensure_administrator(resources, "ada@example.com")


async def test_a_foreign_organization_is_not_found(resources):
    mine, other = await principal(resources), await principal(resources)
    (foreign,) = other.roles
    with pytest.raises(NotFound):
        await service.get_organization(resources, mine, foreign)
    listed = await service.list_organizations(resources, mine)
    assert {item.id for item in listed.items} == set(mine.roles)


async def test_a_member_that_left_no_longer_reads_the_organization(resources):
    mine = await principal(resources)
    (organization_id,) = mine.roles
    with pytest.raises(NotFound):
        await service.get_organization(resources, replace(mine, roles={}), organization_id)


def test_personal_tokens_are_long_and_different():
    tokens = {new_personal_token() for _ in range(200)}
    assert len(tokens) == 200
    assert {len(token) for token in tokens} == {4 + 43}
    assert all(token.removeprefix("adp_").isalnum() for token in tokens)
