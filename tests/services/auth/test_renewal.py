"""Access that expires is renewed in time, by one caller, and nothing that renews it is lost."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from tests.fakes import github_oauth, supabase_oauth
from tests.fakes.consent import consent
from tests.fakes.github_oauth import FakeGitHub
from tests.fakes.supabase_oauth import FakeSupabaseOAuth
from tests.services.auth.accounts import principal

from autodeploy.kernel.clock import now
from autodeploy.kernel.db import DatabaseAway
from autodeploy.kernel.http.errors import CredentialRefused, ProviderUnavailable
from autodeploy.kernel.resources import Resources
from autodeploy.providers.github.oauth import GitHubOAuth
from autodeploy.providers.hosted import ConnectedAccount
from autodeploy.providers.identity import (
    Attempt,
    Callback,
    IdentityProvider,
    ProviderMisconfigured,
    Purpose,
)
from autodeploy.providers.registry import Registry
from autodeploy.providers.supabase.oauth import SupabaseOAuth
from autodeploy.services.auth import renewal
from autodeploy.services.auth.connections import connect
from autodeploy.services.auth.models import ProviderIntegration
from autodeploy.services.auth.renewal import renew_due
from autodeploy.services.auth.token_connections import open_account

pytestmark = pytest.mark.contract(provider="supabase")

ATTEMPT = Attempt(
    purpose=Purpose.CONNECT, redirect_uri="https://deploy.example.com/callback",
    state="state-0123456789", verifier="v" * 64, nonce="nonce",
)  # fmt: skip
EXCHANGE = "/v1/oauth/token"


class Connected:
    """A user's account at Supabase, whose access is about to end."""

    def __init__(self, resources: Resources, fake: FakeSupabaseOAuth, oauth: SupabaseOAuth):
        self.resources = resources
        self.fake = fake
        self.oauth = oauth
        self.providers = Registry([], [oauth])

    async def row(self) -> ProviderIntegration:
        async with self.resources.db.transaction() as session:
            return (await session.scalars(select(ProviderIntegration))).one()

    async def expires_in(self, **lasting: float) -> None:
        async with self.resources.db.transaction() as session:
            await session.execute(
                update(ProviderIntegration).values(expires_at=now() + timedelta(**lasting))
            )

    async def open(self) -> ConnectedAccount:
        account = await open_account(
            self.resources, (await self.row()).id, providers=self.providers
        )
        assert account is not None
        return account

    @property
    def renewals(self) -> int:
        return sum(b"grant_type=refresh_token" in each.request_body and each.path == EXCHANGE
                   for each in self.fake.exchanges)  # fmt: skip

    @property
    def grant(self) -> supabase_oauth._Grant:
        [grant] = self.fake.grants
        return grant


@pytest.fixture
async def connected(resources: Resources) -> AsyncIterator[Connected]:
    async with FakeSupabaseOAuth().run() as fake:
        fake.redirect_uri = ATTEMPT.redirect_uri
        oauth = SupabaseOAuth(
            api_url=fake.url,
            client_id=supabase_oauth.CLIENT_ID,
            client_secret=supabase_oauth.CLIENT_SECRET,
        )
        await _connect(resources, oauth)
        made = Connected(resources, fake, oauth)
        await made.expires_in(minutes=5)
        yield made
        await oauth.close()


async def _connect(resources: Resources, oauth: IdentityProvider) -> None:
    _, query = await consent(await oauth.authorization_url(ATTEMPT))
    granted = await oauth.redeem(Callback(query["code"]), ATTEMPT)
    await connect(resources, await principal(resources), oauth, granted)


async def test_access_that_ends_soon_is_renewed_when_it_is_opened(connected: Connected) -> None:
    before = await connected.row()
    account = await connected.open()
    row = await connected.row()
    assert account.token in connected.grant.tokens
    assert row.id == before.id
    assert row.encrypted_token != before.encrypted_token
    assert row.expires_at is not None
    assert row.expires_at > now() + timedelta(minutes=50)
    assert row.details == before.details
    for _ in range(2):  # with what the one before stored
        await connected.expires_in(minutes=-1)
        assert (await connected.open()).token in connected.grant.tokens
    assert connected.renewals == 3


async def test_access_that_lasts_is_left_alone(connected: Connected) -> None:
    await connected.expires_in(minutes=40)
    await connected.open()
    await renew_due(connected.resources, connected.providers)
    assert connected.renewals == 0


async def test_upkeep_renews_what_nobody_opens(connected: Connected) -> None:
    await renew_due(connected.resources, connected.providers)
    await renew_due(connected.resources, connected.providers)
    assert connected.renewals == 1
    assert (await connected.open()).token in connected.grant.tokens


async def test_callers_at_once_renew_it_once(connected: Connected) -> None:
    upkeep = renew_due(connected.resources, connected.providers)
    accounts, _ = await asyncio.gather(
        asyncio.gather(*(connected.open() for _ in range(6))), upkeep
    )
    assert connected.renewals == 1
    assert len({account.token for account in accounts}) == 1


async def test_another_process_renews_it_once(connected: Connected) -> None:
    """Two callers that read the connection before either renewed it."""
    row = await connected.row()
    for _ in range(2):
        fresh = await renewal.keep_fresh(connected.resources, row, connected.providers)
        assert fresh is not None
    assert connected.renewals == 1


async def test_caller_that_is_cancelled_loses_nothing(
    connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()
    ask = connected.oauth.refresh

    async def ask_slowly(grant):
        renewed = await ask(grant)
        asked.set()
        await go_on.wait()
        return renewed

    monkeypatch.setattr(connected.oauth, "refresh", ask_slowly)
    caller = asyncio.create_task(connected.open())
    await asked.wait()
    caller.cancel()
    await asyncio.wait([caller])
    go_on.set()
    assert (await connected.open()).token in connected.grant.tokens
    assert connected.renewals == 1


async def test_what_was_answered_is_stored_once_the_database_is_back(
    connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores = []
    store = renewal._Renewed.store

    async def lose_the_database(self, session):
        stores.append(self)
        if len(stores) < 3:
            raise DatabaseAway
        return await store(self, session)

    monkeypatch.setattr(renewal._Renewed, "store", lose_the_database)
    monkeypatch.setattr(renewal, "_STORING_SECONDS", (0.0, 0.0, 0.0))
    account = await connected.open()
    assert account.token in connected.grant.tokens
    assert (len(stores), connected.renewals) == (3, 1)
    await connected.expires_in(minutes=5)
    assert (await connected.open()).token != account.token, "what renews next was stored, too"


async def test_provider_that_is_away_is_no_error_while_the_access_lasts(
    connected: Connected,
) -> None:
    connected.fake.faults.fail(EXCHANGE, "503", "503")
    before = await connected.row()
    assert await connected.open()
    await connected.expires_in(minutes=-1)
    with pytest.raises(ProviderUnavailable):
        await connected.open()
    row = await connected.row()
    assert (row.encrypted_refresh_token, row.failed_at) == (before.encrypted_refresh_token, None)
    assert (await connected.open()).token in connected.grant.tokens


async def test_answer_that_was_lost_after_the_effect_is_a_failure_with_its_remedy(
    connected: Connected,
) -> None:
    connected.fake.faults.fail(EXCHANGE, "cut")
    assert await connected.open(), "the access before lasts for some minutes"
    assert (await connected.row()).failed_at is None, "it may not have been applied"
    assert await connected.open()
    failed = await connected.row()
    assert failed.failed_at is not None
    assert failed.failure == "Supabase does not renew the access of the connected account."
    await renew_due(connected.resources, connected.providers)
    assert connected.renewals == 2, "what is spent is not sent over and over"
    await connected.expires_in(minutes=-1)
    with pytest.raises(CredentialRefused) as raised:
        await connected.open()
    assert "autodeploy connections add supabase" in (raised.value.remedy or "")


async def test_platform_that_the_provider_does_not_know_is_no_failure_of_the_connection(
    connected: Connected,
) -> None:
    connected.oauth._client["client_secret"] = "sba_wrong"
    assert await connected.open()
    await connected.expires_in(minutes=-1)
    with pytest.raises(ProviderMisconfigured):
        await connected.open()
    assert (await connected.row()).failed_at is None


async def test_connection_that_is_removed_meanwhile_is_gone(connected: Connected) -> None:
    row = await connected.row()
    async with connected.resources.db.transaction() as session:
        await session.delete(row)
    assert await renewal.keep_fresh(connected.resources, row, connected.providers) is None
    assert connected.renewals == 0


async def test_tokens_of_a_github_app_are_renewed_and_both_change(resources: Resources) -> None:
    async with FakeGitHub().run() as fake:
        fake.redirect_uri = ATTEMPT.redirect_uri
        fake.expiring = True
        oauth = GitHubOAuth(
            client_id=github_oauth.CLIENT_ID,
            client_secret=github_oauth.CLIENT_SECRET,
            web_url=fake.url,
            api_url=fake.url,
        )
        await _connect(resources, oauth)
        providers = Registry([], [oauth])
        for _ in range(2):
            async with resources.db.transaction() as session:
                await session.execute(
                    update(ProviderIntegration).values(expires_at=now() - timedelta(minutes=1))
                )
                row = (await session.scalars(select(ProviderIntegration))).one()
            account = await open_account(resources, row.id, providers=providers)
            assert account is not None
            assert [account.token] == list(fake.tokens)
        assert (await oauth.check_token(account.token)).missing == ()
        fake.tokens.clear()
        async with resources.db.transaction() as session:
            await session.execute(update(ProviderIntegration).values(expires_at=now()))
        with pytest.raises(CredentialRefused):
            await open_account(resources, row.id, providers=providers)
        async with resources.db.transaction() as session:
            row = (await session.scalars(select(ProviderIntegration))).one()
        assert row.failure == "GitHub does not renew the access of the connected account."
        await oauth.close()


async def test_access_that_a_proxy_refuses_to_renew_is_renewed_later(connected: Connected) -> None:
    connected.fake.faults.fail(EXCHANGE, "403")
    await renew_due(connected.resources, connected.providers)
    row = await connected.row()
    assert (row.failed_at, row.encrypted_refresh_token is None) == (None, False)
    await renew_due(connected.resources, connected.providers)
    row = await connected.row()
    assert row.expires_at is not None and row.expires_at > now() + timedelta(minutes=30)
