import asyncio
import time
from dataclasses import replace

import jwt
import pytest
from sqlalchemy import select, update
from tests.services.auth.accounts import PASSWORD, principal, signed_up

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import Conflict, Forbidden, NotFound, Unauthenticated
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.signing import TokenSigner, new_signing_key
from autodeploy.services.auth import service
from autodeploy.services.auth.errors import EmailTaken, SessionEnded, WrongCredentials
from autodeploy.services.auth.models import Role, Session, User
from autodeploy.services.auth.principal import Scope
from autodeploy.services.auth.schemas import LoginInput, TokenInput


async def login(resources: Resources, email: str, password: str = PASSWORD):
    body = LoginInput(email=email, password=password)
    return await service.login(resources, body, user_agent=None, address=None)


async def test_registering_creates_a_personal_organization_that_the_user_owns(resources):
    signed_in = await signed_up(resources, "ada@example.com")
    caller = await service.authenticate(resources, signed_in.access_token)
    me = await service.get_me(resources, caller)
    assert (me.email, me.is_admin) == ("ada@example.com", False)
    assert [(item.slug, item.role) for item in me.organizations] == [("ada-lovelace", Role.OWNER)]
    assert caller.organization_ids == {me.organizations[0].id}


async def test_a_second_organization_of_a_name_gets_another_slug(resources):
    await signed_up(resources)
    second = await principal(resources)
    me = await service.get_me(resources, second)
    assert me.organizations[0].slug.startswith("ada-lovelace-")


async def test_registering_a_taken_address_in_another_case_is_refused(resources):
    await signed_up(resources, "ada@example.com")
    with pytest.raises(EmailTaken):
        await signed_up(resources, "ADA@example.com")


async def test_registering_twice_at_once_creates_one_account(resources):
    answers = await asyncio.gather(
        *(signed_up(resources, "ada@example.com") for _ in range(4)), return_exceptions=True
    )
    assert sum(isinstance(answer, EmailTaken) for answer in answers) == 3
    async with resources.db.transaction() as session:
        assert len((await session.scalars(select(User))).all()) == 1


async def test_passwords_and_refresh_tokens_are_stored_hashed(resources):
    signed_in = await signed_up(resources)
    async with resources.db.transaction() as session:
        user = (await session.scalars(select(User))).one()
        row = (await session.scalars(select(Session))).one()
    assert user.encrypted_password is not None
    assert user.encrypted_password.startswith("$argon2id$")
    assert signed_in.refresh_token.encode() not in row.refresh_token_hash


async def test_login_with_the_password_opens_a_session_of_its_own(resources):
    first = await signed_up(resources, "ada@example.com")
    second = await login(resources, " ADA@example.com")
    callers = [await service.authenticate(resources, s.access_token) for s in (first, second)]
    assert callers[0].user_id == callers[1].user_id
    assert callers[0].session_id != callers[1].session_id


@pytest.mark.parametrize("email", ["ada@example.com", "nobody@example.com"])
async def test_login_with_a_wrong_password_or_address_is_refused_alike(resources, email):
    await signed_up(resources, "ada@example.com")
    with pytest.raises(WrongCredentials, match="e-mail address or the password"):
        await login(resources, email, "wrong password")


async def test_login_to_an_account_without_a_password_is_refused(resources):
    await service.ensure_administrator(resources, "root@example.com")
    with pytest.raises(WrongCredentials):
        await login(resources, "root@example.com", "")


async def test_an_unknown_address_is_checked_as_slowly_as_a_known_one(resources):
    await signed_up(resources, "ada@example.com")

    async def quickest(email: str) -> float:
        times = []
        for _ in range(5):
            started = time.perf_counter()
            with pytest.raises(WrongCredentials):
                await login(resources, email, "wrong password")
            times.append(time.perf_counter() - started)
        return min(times)

    # Without the hash of an absent password the ratio is below a fifth.
    assert await quickest("nobody@example.com") > 0.4 * await quickest("ada@example.com")


async def test_refreshing_gives_a_new_pair_that_works(resources):
    first = await signed_up(resources)
    second = await service.refresh(resources, first.refresh_token)
    assert second.refresh_token != first.refresh_token
    assert (await service.authenticate(resources, second.access_token)).email == first.user.email


@pytest.mark.parametrize("rotations", [1, 3])
async def test_a_refresh_token_that_comes_again_ends_the_session(resources, rotations):
    first = latest = await signed_up(resources)
    for _ in range(rotations):
        latest = await service.refresh(resources, latest.refresh_token)
    with pytest.raises(SessionEnded):
        await service.refresh(resources, first.refresh_token)
    with pytest.raises(SessionEnded):
        await service.refresh(resources, latest.refresh_token)
    with pytest.raises(SessionEnded):
        await service.authenticate(resources, latest.access_token)


async def test_of_a_hundred_concurrent_refreshes_one_succeeds_and_the_session_ends(resources):
    first = await signed_up(resources)
    answers = await asyncio.gather(
        *(service.refresh(resources, first.refresh_token) for _ in range(100)),
        return_exceptions=True,
    )
    (winner,) = [answer for answer in answers if not isinstance(answer, BaseException)]
    assert sum(isinstance(answer, SessionEnded) for answer in answers) == 99
    with pytest.raises(SessionEnded):
        await service.refresh(resources, winner.refresh_token)
    with pytest.raises(SessionEnded):
        await service.authenticate(resources, winner.access_token)


async def test_sessions_are_listed_newest_first_with_the_callers_own_marked(resources):
    await signed_up(resources, "ada@example.com")
    await signed_up(resources)
    caller = await service.authenticate(
        resources, (await login(resources, "ada@example.com")).access_token
    )
    page = await service.list_sessions(resources, caller, limit=10, cursor=None)
    assert [(item.current, item.user_agent) for item in page.items] == [
        (True, None),
        (False, "tests"),
    ]
    assert page.items[0].id == caller.session_id
    assert page.items[1].address == "127.0.0.1"
    first = await service.list_sessions(resources, caller, limit=1, cursor=None)
    second = await service.list_sessions(resources, caller, limit=1, cursor=first.next_cursor)
    assert [*first.items, *second.items] == page.items
    assert second.next_cursor is None


async def test_ended_and_expired_sessions_are_not_listed(resources):
    await signed_up(resources, "ada@example.com")
    caller = await service.authenticate(
        resources, (await login(resources, "ada@example.com")).access_token
    )
    async with resources.db.transaction() as session:
        await session.execute(
            update(Session).where(Session.id != caller.session_id).values(expires_at=now())
        )
    ended = await service.authenticate(
        resources, (await login(resources, "ada@example.com")).access_token
    )
    await service.logout(resources, ended)
    page = await service.list_sessions(resources, caller, limit=10, cursor=None)
    assert [item.current for item in page.items] == [True]


async def test_a_session_is_ended_by_its_owner_only(resources):
    signed_in = await signed_up(resources, "ada@example.com")
    mine = await service.authenticate(resources, signed_in.access_token)
    caller = await service.authenticate(
        resources, (await login(resources, "ada@example.com")).access_token
    )
    with pytest.raises(NotFound):
        await service.end_session(resources, await principal(resources), mine.session_id)
    await service.end_session(resources, caller, mine.session_id)
    with pytest.raises(SessionEnded):
        await service.authenticate(resources, signed_in.access_token)
    with pytest.raises(SessionEnded):
        await service.refresh(resources, signed_in.refresh_token)
    with pytest.raises(NotFound):
        await service.end_session(resources, caller, mine.session_id)


async def test_all_other_sessions_end_and_this_one_and_those_of_others_stay(resources):
    signed_in = await signed_up(resources, "ada@example.com")
    stranger = await signed_up(resources)
    mine = await login(resources, "ada@example.com")
    caller = await service.authenticate(resources, mine.access_token)
    await service.end_other_sessions(resources, caller)
    with pytest.raises(SessionEnded):
        await service.authenticate(resources, signed_in.access_token)
    await service.authenticate(resources, mine.access_token)
    await service.authenticate(resources, stranger.access_token)


async def test_a_narrow_token_lists_sessions_and_ends_none(resources):
    caller = await principal(resources)
    made = await service.create_token(
        resources, caller, TokenInput(name="CI", scopes=[Scope.WRITE])
    )
    narrow = await service.authenticate(resources, made.token)
    page = await service.list_sessions(resources, narrow, limit=10, cursor=None)
    assert [item.current for item in page.items] == [False]
    with pytest.raises(Forbidden):
        await service.end_session(resources, narrow, caller.session_id)
    with pytest.raises(Forbidden):
        await service.end_other_sessions(resources, narrow)


@pytest.mark.parametrize("token", ["", "adr_", "adr_xyz_abc", "adp_abc", "adr_" + "0" * 32 + "_x"])
async def test_a_refresh_token_that_was_never_issued_is_refused(resources, token):
    with pytest.raises(SessionEnded):
        await service.refresh(resources, token)


async def test_logging_out_ends_access_and_refresh_tokens_at_once(resources):
    signed_in = await signed_up(resources)
    caller = await service.authenticate(resources, signed_in.access_token)
    await service.logout(resources, caller)
    with pytest.raises(SessionEnded):
        await service.authenticate(resources, signed_in.access_token)
    with pytest.raises(SessionEnded):
        await service.refresh(resources, signed_in.refresh_token)


async def test_logging_out_with_a_personal_token_is_refused(resources):
    token = await service.ensure_administrator(resources, "root@example.com")
    with pytest.raises(Conflict):
        await service.logout(resources, await service.authenticate(resources, token))


async def test_an_access_token_of_another_key_is_refused(resources):
    signed_in = await signed_up(resources)
    other = replace(resources, signer=TokenSigner(new_signing_key()))
    with pytest.raises(Unauthenticated):
        await service.authenticate(other, signed_in.access_token)


async def test_an_unsigned_or_expired_access_token_is_refused(resources):
    signed_in = await signed_up(resources)
    claims = jwt.decode(signed_in.access_token, options={"verify_signature": False})
    unsigned = jwt.encode(claims, key=None, algorithm="none")
    expired = resources.signer.sign({**claims, "exp": claims["iat"] - 1})
    for token in (unsigned, expired, "", "x.y.z"):
        with pytest.raises(Unauthenticated):
            await service.authenticate(resources, token)
