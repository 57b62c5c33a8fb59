"""Connecting an organization of Supabase, renewing its access, and ending it."""

from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.fakes.consent import consent
from tests.fakes.supabase_oauth import (
    CLIENT_ID,
    CLIENT_SECRET,
    LIFETIME_SECONDS,
    FakeSupabaseOAuth,
)

from autodeploy.kernel.clock import now
from autodeploy.kernel.http.errors import CredentialRefused, OutcomeUnknown, ProviderUnavailable
from autodeploy.providers.identity import (
    Attempt,
    Callback,
    Granted,
    OAuthRefused,
    ProviderMisconfigured,
    Purpose,
)
from autodeploy.providers.supabase.oauth import SupabaseOAuth

pytestmark = pytest.mark.contract(provider="supabase")

ATTEMPT = Attempt(
    purpose=Purpose.CONNECT, redirect_uri="https://deploy.example.com/auth/supabase/callback",
    state="state-0123456789", verifier="v" * 64, nonce="nonce",
)  # fmt: skip


@pytest.fixture
async def fake():
    async with FakeSupabaseOAuth().run() as fake:
        fake.redirect_uri = ATTEMPT.redirect_uri
        yield fake


@pytest.fixture
async def open_oauth(fake):
    opened = []

    def open_(**values: str) -> SupabaseOAuth:
        given = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, **values}
        opened.append(SupabaseOAuth(api_url=fake.url, **given))
        return opened[-1]

    yield open_
    for each in opened:
        await each.close()


@pytest.fixture
def oauth(open_oauth) -> SupabaseOAuth:
    return open_oauth()


async def _connect(oauth: SupabaseOAuth) -> Granted:
    address, query = await consent(await oauth.authorization_url(ATTEMPT))
    assert (address, query["state"]) == (ATTEMPT.redirect_uri, ATTEMPT.state)
    return await oauth.redeem(Callback(query["code"]), ATTEMPT)


async def test_an_organization_is_connected(oauth, fake):
    granted = await _connect(oauth)
    assert (granted.account.subject, granted.account.name) == ("octo-org", "Octo")
    grant = granted.grant
    assert grant.details == {"organizationSlug": "octo-org"}
    assert grant.token in fake.grants[0].tokens
    assert grant.refresh_token == fake.grants[0].renewing
    lifetime = timedelta(seconds=LIFETIME_SECONDS)
    assert timedelta() <= now() + lifetime - grant.expires_at < timedelta(minutes=1)
    for secret in (grant.token, grant.refresh_token, CLIENT_SECRET, ATTEMPT.verifier):
        assert secret not in repr(granted)


async def test_the_secret_and_the_verifier_are_not_in_the_address(oauth):
    url = await oauth.authorization_url(ATTEMPT)
    assert set(parse_qs(urlsplit(url).query)) == {
        "client_id", "redirect_uri", "response_type", "state", "code_challenge",
        "code_challenge_method",
    }  # fmt: skip
    assert ATTEMPT.verifier not in url and CLIENT_SECRET not in url


async def test_a_code_works_once_and_with_its_verifier_alone(oauth):
    _, query = await consent(await oauth.authorization_url(ATTEMPT))
    with pytest.raises(OAuthRefused):
        await oauth.redeem(Callback(query["code"]), replace(ATTEMPT, verifier="w" * 64))
    with pytest.raises(OAuthRefused) as raised:
        await oauth.redeem(Callback(query["code"]), ATTEMPT)
    assert query["code"] not in raised.value.message


async def test_a_renewal_stores_what_renews_next_and_the_earlier_one_is_spent(oauth, fake):
    first = (await _connect(oauth)).grant
    second = await oauth.refresh(first)
    assert (second.token, second.refresh_token) != (first.token, first.refresh_token)
    assert second.refresh_token == fake.grants[0].renewing
    assert second.details == first.details
    assert (await oauth.refresh(second)).token in fake.grants[0].tokens
    with pytest.raises(CredentialRefused) as raised:
        await oauth.refresh(first)
    assert "connect it again" in raised.value.remedy
    with pytest.raises(CredentialRefused):
        await oauth.refresh(replace(first, refresh_token=None))


@pytest.mark.parametrize(
    "spent", [(401, "Invalid Refresh Token"), (403, "invalid_grant"), (400, "Something else")]
)
async def test_a_renewal_that_is_spent_is_told_by_its_text_or_400(oauth, fake, spent):
    grant = (await _connect(oauth)).grant
    await oauth.refresh(grant)
    fake.spent = spent
    with pytest.raises(CredentialRefused):
        await oauth.refresh(grant)


@pytest.mark.parametrize("status", ["403", "404", "413", "451"])
async def test_a_renewal_that_is_refused_on_the_way_is_not_spent(oauth, fake, status):
    grant = (await _connect(oauth)).grant
    fake.faults.fail("/v1/oauth/token", status)
    with pytest.raises(ProviderUnavailable):
        await oauth.refresh(grant)
    assert (await oauth.refresh(grant)).token in fake.grants[0].tokens


async def test_a_renewal_is_never_sent_twice(oauth, fake):
    grant = (await _connect(oauth)).grant
    fake.faults.fail("/v1/oauth/token", "503")
    with pytest.raises(OutcomeUnknown):
        await oauth.refresh(grant)
    assert sum(each.path == "/v1/oauth/token" for each in fake.exchanges) == 2


async def test_revoking_ends_the_authorization_and_is_idempotent(oauth, fake):
    grant = (await _connect(oauth)).grant
    await oauth.retire(grant)
    assert fake.grants, "the newer token lives"
    for _ in range(2):
        await oauth.revoke(grant)
    assert fake.grants == []
    with pytest.raises(CredentialRefused):
        await oauth.revoke(replace(grant, refresh_token=None))
    fake.faults.fail("/v1/oauth/revoke", "500")
    with pytest.raises(ProviderUnavailable):
        await oauth.revoke(grant)
    fake.faults.fail("/v1/oauth/revoke", "400")
    with pytest.raises(ProviderUnavailable):
        await oauth.revoke(grant)


async def test_a_wrong_client_is_the_operators_to_correct(open_oauth, oauth, fake):
    wrong = open_oauth(client_secret="sba_wrong")
    _, query = await consent(await wrong.authorization_url(ATTEMPT))
    grant = (await _connect(oauth)).grant
    for call in (
        wrong.redeem(Callback(query["code"]), ATTEMPT), wrong.refresh(grant), wrong.revoke(grant),
    ):  # fmt: skip
        with pytest.raises(ProviderMisconfigured, match="Unrecognized client_id") as raised:
            await call
        assert "AUTODEPLOY_PROVIDERS__SUPABASE__CLIENT_ID" in raised.value.remedy
        assert "sba_wrong" not in raised.value.message


async def test_an_app_without_the_scope_to_read_its_organization_is_told(oauth, fake):
    fake.may_read = False
    with pytest.raises(ProviderMisconfigured) as raised:
        await _connect(oauth)
    assert "organizations:read, projects:read" in raised.value.remedy


@pytest.mark.parametrize("fault", ["truncated", "html", "list", "empty", "500"])
async def test_an_answer_that_makes_no_sense_is_an_error(oauth, fake, fault):
    for path in ("/v1/oauth/token", "/v1/organizations"):
        fake.faults.fail(path, fault)
        with pytest.raises(ProviderUnavailable):
            await _connect(oauth)
