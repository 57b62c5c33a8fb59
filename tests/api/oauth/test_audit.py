"""What is signed in, linked and connected with another party is in the log of the account."""

import pytest
from tests.api.test_audit import WITH_PROVIDERS
from tests.services.auth.people import entries


async def _signed_in_with_github(browser, member):
    await browser.walk("github")
    return "POST", "/api/v1/auth/github/callback", {"auth.register", "auth.identity_link"}


async def _signed_in_with_oidc(browser, member):
    await browser.walk("oidc")
    return "POST", "/api/v1/auth/oidc/callback", {"auth.register", "auth.identity_link"}


async def _connected_vercel(browser, member):
    await member.walk("vercel")
    return "POST", "/api/v1/auth/vercel/callback", {"auth.connect"}


async def _connected_supabase(browser, member):
    await member.walk("supabase")
    return "POST", "/api/v1/auth/supabase/callback", {"auth.connect"}


async def _disconnected(browser, member):
    await member.walk("vercel")
    await member.disconnect("vercel")
    return "DELETE", "/api/v1/users/{user_id}/connections/{provider}", {"auth.disconnect"}


SEEN = (
    _signed_in_with_github,
    _signed_in_with_oidc,
    _connected_vercel,
    _connected_supabase,
    _disconnected,
)


@pytest.mark.parametrize("change", SEEN)
async def test_a_change_with_another_party_is_in_the_log_of_the_account(
    change, stranger, member, github, vercel, supabase, sso, resources
):
    before = {entry.id for entry in await entries(resources)}
    method, template, actions = await change(stranger, member)
    assert (method, template) in WITH_PROVIDERS
    written = [entry for entry in await entries(resources) if entry.id not in before]
    assert actions <= {entry.action for entry in written}
    assert all(entry.account_id and entry.address == "127.0.0.1" for entry in written)
    secrets = {*github.tokens, *vercel.tokens, *supabase.secrets}
    assert not [token for entry in written for token in secrets if token in str(vars(entry))]
