"""Connections are checked from time to time; what has failed is told once, with the remedy."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from tests.services.auth.accounts import principal
from tests.services.auth.mails import mails_to
from tests.services.deployer.hosted import CLOUD_TOKEN, Cloud

from autodeploy.kernel.clock import now
from autodeploy.kernel.http.errors import ProviderUnavailable
from autodeploy.kernel.mail import Mail, Mailer, MailNotSent
from autodeploy.kernel.resources import Resources
from autodeploy.providers.hosted import Owner, TokenAccount
from autodeploy.providers.registry import Registry
from autodeploy.services.auth.connection_checks import (
    doubt,
    look_after_connections,
    tell_of_failures,
)
from autodeploy.services.auth.connections import list_connections
from autodeploy.services.auth.models import ProviderIntegration, User
from autodeploy.services.auth.oauth_schemas import ConnectionView, ProviderTokenInput
from autodeploy.services.auth.principal import Principal
from autodeploy.services.auth.token_connections import connect_by_token

ADA = TokenAccount("1", "ada", (Owner("team_1", "Ada's team"),))


class Checked:
    """A user with a connection to a cloud, whose answers are counted."""

    def __init__(self, resources: Resources, person: Principal, address: str):
        self.resources = resources
        self.person = person
        self.address = address
        self.cloud = Cloud()
        self.checks = 0
        self.providers = Registry([self.cloud])
        self._check = self.cloud.check_token
        self.cloud.check_token = self._counted  # type: ignore[method-assign]
        self.away = False

    async def _counted(self, token: str) -> TokenAccount:
        self.checks += 1
        if self.away:
            raise ProviderUnavailable("A cloud does not answer.")
        return await self._check(token)

    async def connect(self, token: str = CLOUD_TOKEN) -> ConnectionView:
        return await connect_by_token(
            self.resources, self.person, self.person.user_id, "cloud",
            ProviderTokenInput(token=token), providers=self.providers,
        )  # fmt: skip

    async def due(self) -> None:
        async with self.resources.db.transaction() as session:
            await session.execute(
                update(ProviderIntegration).values(check_due_at=now() - timedelta(seconds=1))
            )

    async def look(self) -> ConnectionView:
        """One pass of the duty, and what the user sees then."""
        await look_after_connections(self.resources, self.providers)
        page = await list_connections(self.resources, self.person, self.person.user_id)
        [view] = page.items
        return view

    async def mails(self) -> list[str]:
        return [each for each in await mails_to(self.resources, self.address) if "cloud" in each]


@pytest.fixture
async def checked(resources: Resources) -> AsyncIterator[Checked]:
    person = await principal(resources)
    async with resources.db.transaction() as session:
        user = (await session.scalars(select(User).where(User.id == person.user_id))).one()
    checked = Checked(resources, person, user.email)
    await checked.connect()
    yield checked


async def test_connection_that_works_is_checked_once_a_day(checked: Checked) -> None:
    before = checked.checks
    view = await checked.look()
    assert (view.status, view.failure, view.missing_scopes) == ("working", None, [])
    assert view.checked_at is not None
    for _ in range(3):
        await checked.look()
    assert checked.checks == before + 1
    await checked.due()
    await checked.look()
    assert checked.checks == before + 2


async def test_failure_is_shown_with_its_remedy_and_told_once(checked: Checked) -> None:
    checked.cloud.accounts.clear()
    view = await checked.look()
    assert view.status == "failed"
    assert view.failure is not None
    assert view.failure.reason == "A cloud does not accept the token."
    assert "autodeploy connections add cloud" in view.failure.remedy
    for _ in range(3):
        await checked.due()
        again = await checked.look()
        assert again.failure is not None
        assert again.failure.since == view.failure.since
    [mail] = await checked.mails()
    assert "A cloud does not accept the token." in mail
    assert "autodeploy connections add cloud" in mail
    assert CLOUD_TOKEN not in mail


async def test_what_works_again_is_working_and_may_fail_anew(checked: Checked) -> None:
    checked.cloud.accounts.clear()
    await checked.look()
    checked.cloud.accounts[CLOUD_TOKEN] = ADA
    await checked.due()
    view = await checked.look()
    assert (view.status, view.failure) == ("working", None)
    checked.cloud.accounts.clear()
    await checked.due()
    await checked.look()
    assert len(await checked.mails()) == 2


async def test_connecting_the_account_again_keeps_what_acts_by_it(checked: Checked) -> None:
    async with checked.resources.db.transaction() as session:
        before = (await session.scalars(select(ProviderIntegration))).one()
    checked.cloud.accounts.clear()
    await checked.look()
    checked.cloud.accounts["t0ken-anew"] = ADA
    view = await checked.connect("t0ken-anew")
    assert (view.status, view.failure) == ("working", None)
    async with checked.resources.db.transaction() as session:
        row = (await session.scalars(select(ProviderIntegration))).one()
    assert row.id == before.id
    checked.cloud.accounts["t0ken-of-bob"] = TokenAccount("2", "bob", ())
    await checked.connect("t0ken-of-bob")
    async with checked.resources.db.transaction() as session:
        row = (await session.scalars(select(ProviderIntegration))).one()
    assert row.id != before.id, "another account is another connection"


async def test_provider_that_is_away_tells_nothing(checked: Checked) -> None:
    checked.away = True
    view = await checked.look()
    assert (view.status, view.checked_at) == ("working", None)
    checks = checked.checks
    await checked.look()
    assert checked.checks == checks, "it is not asked at every pass"


async def test_connection_in_doubt_is_checked_at_the_next_pass(checked: Checked) -> None:
    await checked.look()
    checked.cloud.accounts.clear()
    assert (await checked.look()).status == "working"
    async with checked.resources.db.transaction() as session:
        row = (await session.scalars(select(ProviderIntegration))).one()
    await doubt(checked.resources, [row.id])
    assert (await checked.look()).status == "failed"


async def test_rights_that_are_missing_are_named(checked: Checked) -> None:
    checked.cloud.accounts[CLOUD_TOKEN] = TokenAccount("1", "ada", (), ("projects:write",))
    view = await checked.look()
    assert (view.status, view.missing_scopes) == ("working", ["projects:write"])


async def test_rights_that_are_lost_are_told_once_and_anew_when_more_are(
    checked: Checked,
) -> None:
    async def look(*missing: str) -> int:
        checked.cloud.accounts[CLOUD_TOKEN] = TokenAccount("1", "ada", (), missing)
        await checked.due()
        assert (await checked.look()).status == "working"
        return len(await checked.mails())

    assert await look() == 0
    assert [await look("projects:write") for _ in range(3)] == [1, 1, 1]
    [mail] = await checked.mails()
    assert "projects:write" in mail and "autodeploy connections add cloud" in mail
    assert await look("projects:write", "projects:read") == 2
    assert await look("projects:read") == 2, "one is there again"
    assert [await look(), await look("projects:read")] == [2, 3]


async def test_mail_that_was_not_taken_is_sent_at_a_later_pass(
    checked: Checked, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_self: object, _mail: object) -> None:
        raise MailNotSent("The mail server is away.")

    checked.cloud.accounts.clear()
    with monkeypatch.context() as away:
        away.setattr(type(checked.resources.mail), "send", refuse)
        await checked.look()
    assert await checked.mails() == []
    await checked.look()
    assert len(await checked.mails()) == 1


async def test_mail_that_is_never_taken_keeps_no_other_one_back(
    checked: Checked, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = await principal(checked.resources)
    await connect_by_token(
        checked.resources, other, other.user_id, "cloud",
        ProviderTokenInput(token=CLOUD_TOKEN), providers=checked.providers,
    )  # fmt: skip
    failed = now()
    async with checked.resources.db.transaction() as session:
        for user_id, at in (
            (checked.person.user_id, failed),
            (other.user_id, failed - timedelta(hours=1)),
        ):
            await session.execute(
                update(ProviderIntegration)
                .where(ProviderIntegration.user_id == user_id)
                .values(failed_at=at, failure="gone")
            )
        theirs = (await session.get_one(User, other.user_id)).email
    send = Mailer.send

    async def refuse_first(self: Mailer, mail: Mail) -> None:
        if mail.recipient == checked.address:
            raise MailNotSent("There is no such address.")
        await send(self, mail)

    monkeypatch.setattr(Mailer, "send", refuse_first)
    await tell_of_failures(checked.resources)
    told = [each for each in await mails_to(checked.resources, theirs) if "cloud" in each]
    assert len(told) == 1


async def test_token_that_was_replaced_while_it_was_checked_is_not_blamed(
    checked: Checked,
) -> None:
    counted = checked._counted

    async def replace_first(token: str) -> TokenAccount:
        checked.cloud.check_token = counted  # type: ignore[method-assign]
        checked.cloud.accounts["t0ken-anew"] = ADA
        await checked.connect("t0ken-anew")
        checked.cloud.accounts.pop(CLOUD_TOKEN)
        return await counted(token)

    checked.cloud.check_token = replace_first  # type: ignore[method-assign]
    assert (await checked.look()).status == "working"
    assert await checked.mails() == []
