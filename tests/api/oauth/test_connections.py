"""Connecting accounts of GitHub and Vercel, listing them, and taking them away."""

from uuid import UUID

import pytest
from sqlalchemy import select, update
from tests.fakes import vercel_oauth
from tests.fakes.consent import consent
from tests.services.auth.accounts import signed_up

from autodeploy.kernel.vault import VaultError
from autodeploy.kernel.vault.columns import place_of
from autodeploy.services.auth.models import LinkedIdentity, ProviderIntegration, User
from autodeploy.services.deployer.models import Environment


async def _rows(resources, kind=ProviderIntegration):
    async with resources.db.transaction() as session:
        return list(await session.scalars(select(kind)))


async def _opened(resources, row, field="token", **other):
    """A token of the row, opened for it, or for what ``other`` says instead."""
    column = f"encrypted_{field}"
    told = {"user_id": row.user_id, "provider": row.provider, "id": row.id, **other}
    place = place_of(getattr(ProviderIntegration, column), **told)
    return await resources.vault.decrypt_for(
        place.subject, getattr(row, column), context=place.context
    )


async def test_github_is_connected_and_then_signs_in(member, stranger, github, resources):
    answer = await member.walk("github")
    assert answer.status_code == 200
    assert {key: value for key, value in answer.json().items() if key != "connectedAt"} == {
        "provider": "github",
        "accountName": "octocat",
        "signsIn": True,
        "hasAccess": True,
        "scopes": ["read:user", "user:email", "repo", "admin:repo_hook", "read:org"],
        "expiresAt": None,
        "owner": None,
        "status": "working",
        "failure": None,
        "missingScopes": [],
        "checkedAt": None,
    }
    assert await member.connections() == [answer.json()]
    me = await member.client.get("/api/v1/auth/me", headers=member.headers)
    assert (await stranger.sign_in("github"))["id"] == me.json()["id"]


async def test_the_token_is_sealed_for_its_user_provider_and_row(member, github, resources):
    await member.walk("github")
    (row,) = await _rows(resources)
    token = await _opened(resources, row)
    assert token in github.tokens
    assert token not in row.encrypted_token
    assert row.external_id == "583231"
    for wrong in ({"provider": "vercel"}, {"user_id": row.id}, {"id": row.user_id}):
        with pytest.raises(VaultError):
            await _opened(resources, row, **wrong)


async def test_no_answer_holds_a_token(member, github, vercel):
    answers = [await member.walk("github"), await member.walk("vercel")]
    text = "".join(each.text for each in answers) + str(await member.connections())
    for token in (*github.tokens, *vercel.tokens):
        assert token not in text


async def test_tokens_that_expire_keep_what_renews_them(member, github, resources):
    github.expiring = True
    answer = await member.walk("github")
    assert answer.json()["expiresAt"] is not None
    (row,) = await _rows(resources)
    assert (await _opened(resources, row, "refresh_token")).startswith("ghr_")
    assert row.details["refreshTokenExpiresAt"] > answer.json()["expiresAt"]


async def test_scopes_that_were_not_granted_are_named(member, github):
    github.granted = "user public_repo admin:org"
    answer = await member.walk("github")
    assert answer.json()["scopes"] == ["user", "public_repo", "admin:org"]
    assert answer.json()["missingScopes"] == ["repo", "admin:repo_hook"]
    github.granted = "user repo admin:org"
    answer = await member.walk("github")
    assert answer.json()["missingScopes"] == [], "repo holds the hooks of its repositories"


async def test_connecting_again_replaces_and_ends_the_old_token(member, github, resources):
    await member.walk("github")
    (first,) = github.tokens
    await member.walk("github")
    (row,) = await _rows(resources)
    assert list(github.tokens) == [await _opened(resources, row)]
    assert first not in github.tokens


async def test_connecting_another_account_replaces_the_first_one(member, stranger, github):
    await member.walk("github")
    github.add(77, "work", "work@example.com")
    assert (await member.walk("github")).json()["accountName"] == "work"
    assert len(await member.connections()) == 1
    github.user_id = 583231
    me = (await member.client.get("/api/v1/auth/me", headers=member.headers)).json()
    assert (await stranger.sign_in("github"))["id"] != me["id"]


async def test_an_account_that_something_acts_by_is_replaced_by_force_alone(
    member, github, resources
):
    await member.walk("github")
    (before,) = await _rows(resources)
    made = await member.client.post(
        "/api/v1/projects", json={"name": "Shop"}, headers=member.headers
    )
    async with resources.db.transaction() as session:
        await session.execute(
            update(Environment)
            .where(Environment.project_id == UUID(made.json()["id"]))
            .values(connection_id=before.id)
        )
    github.add(77, "work", "work@example.com")
    refused = await member.walk("github")
    assert (refused.status_code, refused.json()["code"]) == (409, "connection_in_use")
    assert "production of shop" in refused.json()["detail"]
    (row,) = await _rows(resources)
    assert row.id == before.id
    assert list(github.tokens) == [await _opened(resources, row)], "that of the other one ended"
    [identity] = await _rows(resources, LinkedIdentity)
    assert identity.account_name == "octocat"
    github.user_id = 583231
    assert (await member.walk("github")).status_code == 200
    github.user_id = 77
    assert (await member.walk("github", force="true")).json()["accountName"] == "work"


async def test_an_account_that_signs_in_another_user_is_not_connected(
    member, stranger, github, resources
):
    await stranger.sign_in("github")
    answer = await member.walk("github")
    assert (answer.status_code, answer.json()["code"]) == (409, "identity_taken")
    assert await member.connections() == []
    assert len(await stranger.connections()) == 1


async def test_a_connection_is_of_the_session_that_began_it(member, stranger, github, resources):
    """An attacker's consent, finished by a victim who is signed in, connects nothing."""
    signed_in = await signed_up(resources)
    stranger.headers = {"Authorization": f"Bearer {signed_in.access_token}"}
    _, query = await consent(await stranger.begin("github"))
    answer = await member.finish("github", query)
    assert answer.json()["code"] == "oauth_state_invalid"
    assert await _rows(resources) == []


async def test_a_connection_cannot_be_finished_without_its_credential(member, github):
    _, query = await consent(await member.begin("github"))
    member.headers = {}
    assert (await member.finish("github", query)).json()["code"] == "oauth_state_invalid"


async def test_a_sign_in_that_was_begun_before_stays_one(browser, sign_up, github):
    _, query = await consent(await browser.begin("github"))
    browser.headers = await sign_up()
    assert "accessToken" in (await browser.finish("github", query)).json()


async def test_a_token_of_a_narrow_scope_connects_and_disconnects_nothing(member, github):
    await member.walk("github")
    made = await member.client.post(
        "/api/v1/auth/tokens", json={"name": "ci", "scopes": ["write"]}, headers=member.headers
    )
    member.headers = {"Authorization": f"Bearer {made.json()['token']}"}
    for provider in ("github", "vercel"):
        answer = await member.client.get(f"/api/v1/auth/{provider}/url", headers=member.headers)
        assert answer.status_code == 403
    assert (await member.disconnect("github")).status_code == 403
    assert len(await member.connections()) == 1


async def test_a_personal_token_connects_from_a_command_line(member, github):
    made = await member.client.post(
        "/api/v1/auth/tokens", json={"name": "cli", "scopes": ["admin"]}, headers=member.headers
    )
    member.headers = {"Authorization": f"Bearer {made.json()['token']}"}
    assert (await member.walk("github")).status_code == 200
    assert "autodeploy-sign-in" not in member.client.cookies


async def test_connections_of_another_user_are_not_found(member, stranger, github, sign_up):
    await member.walk("github")
    me = (await member.client.get("/api/v1/auth/me", headers=member.headers)).json()
    stranger.headers = await sign_up()
    for method, path in (("GET", ""), ("DELETE", "/github")):
        answer = await stranger.client.request(
            method, f"/api/v1/users/{me['id']}/connections{path}", headers=stranger.headers
        )
        assert answer.status_code == 404
    assert len(await member.connections()) == 1
    assert await stranger.connections() == []


async def test_users_connect_accounts_of_one_provider_side_by_side(
    member, stranger, github, sign_up
):
    await member.walk("github")
    stranger.headers = await sign_up()
    github.add(77, "work", "work@example.com")
    await stranger.walk("github")
    for browser, name in ((member, "octocat"), (stranger, "work")):
        (connection,) = await browser.connections()
        assert (connection["accountName"], connection["signsIn"]) == (name, True)


async def test_disconnecting_ends_the_access_at_github(member, github, resources):
    await member.walk("github")
    answer = await member.disconnect("github")
    assert answer.json() == {"provider": "github", "revokedAtProvider": True, "remedy": None}
    assert github.tokens == {}
    assert await _rows(resources) == await _rows(resources, LinkedIdentity) == []
    assert [user.github_id for user in await _rows(resources, User)] == [None]
    assert (await member.disconnect("github")).status_code == 404


async def test_deleting_the_account_ends_its_access_everywhere(member, github, vercel, resources):
    for provider in ("github", "vercel"):
        await member.walk(provider)
    me = (await member.client.get("/api/v1/auth/me", headers=member.headers)).json()
    path, held = f"/api/v1/users/{me['id']}", dict(github.tokens)
    wrong = await member.client.delete(path, params={"confirm": "x"}, headers=member.headers)
    assert (wrong.status_code, github.tokens) == (422, held)
    answer = await member.client.delete(
        path, params={"confirm": me["email"]}, headers=member.headers
    )
    assert (answer.status_code, github.tokens, vercel.installations) == (204, {}, {})
    assert await _rows(resources) == await _rows(resources, User) == []


async def test_disconnecting_asks_a_provider_that_failed_once_again(member, github):
    await member.walk("github")
    github.faults.fail("/applications/Iv1.0123456789abcdef/grant", "503")
    assert (await member.disconnect("github")).json()["revokedAtProvider"] is True
    assert github.tokens == {}


async def test_disconnecting_says_when_the_provider_did_not_answer(member, github, resources):
    await member.walk("github")
    github.faults.fail("/applications/Iv1.0123456789abcdef/grant", "503", "503")
    answer = (await member.disconnect("github")).json()
    assert answer["revokedAtProvider"] is False
    assert "settings at github" in answer["remedy"]
    assert await _rows(resources) == []


async def test_a_connection_whose_token_was_ended_at_github_is_disconnected(member, github):
    """As after a process that died between the provider and the database."""
    await member.walk("github")
    github.tokens.clear()
    assert (await member.disconnect("github")).json()["revokedAtProvider"] is True


async def test_a_token_that_does_not_open_is_disconnected_all_the_same(member, github, resources):
    await member.walk("github")
    async with resources.db.transaction() as session:
        row = (await session.scalars(select(ProviderIntegration))).one()
        row.encrypted_token = "v1.00000000.AAAA"
    assert (await member.disconnect("github")).json()["revokedAtProvider"] is False
    assert await member.connections() == []


async def test_the_only_way_to_sign_in_stays(browser, github):
    await browser.sign_in("github")
    answer = await browser.disconnect("github")
    assert (answer.status_code, answer.json()["code"]) == (409, "last_sign_in")
    assert "password" in answer.json()["remedy"]
    assert len(await browser.connections()) == 1


async def test_with_another_way_to_sign_in_it_goes(browser, stranger, github, sso):
    await browser.sign_in("github")
    assert (await browser.walk("oidc")).status_code == 200
    assert [each["provider"] for each in await browser.connections()] == ["github", "oidc"]
    answer = await browser.disconnect("github")
    assert answer.json() == {"provider": "github", "revokedAtProvider": None, "remedy": None}
    assert (await browser.disconnect("oidc")).json()["code"] == "last_sign_in"


async def test_a_provider_that_is_no_longer_set_up_is_no_way_to_sign_in(
    browser, github, sso, app, monkeypatch
):
    await browser.sign_in("github")
    await browser.walk("oidc")
    monkeypatch.delitem(app.state.identity_providers._providers, "oidc")
    assert (await browser.disconnect("github")).json()["code"] == "last_sign_in"


async def test_vercel_is_connected_for_a_team(member, vercel, resources):
    vercel.team_id = "team_7"
    answer = await member.walk("vercel")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["accountName"], body["signsIn"], body["hasAccess"]) == (
        "analytical-engines", False, True,
    )  # fmt: skip
    assert body["next"] == f"{vercel.url}/dashboard/integrations/done"
    (row,) = await _rows(resources)
    assert row.details["teamId"] == "team_7"
    assert vercel.installations.keys() == {row.external_id}
    assert await _opened(resources, row) in vercel.tokens


async def test_an_organization_of_supabase_is_connected(member, supabase, resources):
    answer = await member.walk("supabase")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["accountName"], body["signsIn"], body["hasAccess"]) == ("Octo", False, True)
    (row,) = await _rows(resources)
    assert (row.external_id, row.details["organizationSlug"]) == ("octo-org", "octo-org")
    assert row.encrypted_refresh_token and row.expires_at
    assert await _opened(resources, row) in supabase.secrets
    assert not [secret for secret in supabase.secrets if secret in answer.text]


@pytest.mark.parametrize("provider", ["supabase", "vercel"])
async def test_a_provider_that_is_only_connected_signs_nobody_in(browser, provider):
    for method, path in (("GET", "url"), ("POST", "callback")):
        answer = await browser.client.request(
            method, f"/api/v1/auth/{provider}/{path}", json={"state": "x"}
        )
        assert answer.status_code == 401


async def test_vercel_is_connected_for_a_person(member, vercel):
    assert (await member.walk("vercel")).json()["accountName"] == "ada"


async def test_next_leads_nowhere_but_to_vercel(member, vercel):
    for address in ("https://evil.example/", "//evil.example", "javascript:alert(1)", "x" * 4096):
        _, query = await consent(await member.begin("vercel"))
        answer = await member.finish("vercel", {**query, "next": address})
        assert answer.json()["next"] is None, address


async def test_vercel_without_a_name_is_connected_all_the_same(member, vercel):
    vercel.faults.fail("/v2/user", "503")
    answer = await member.walk("vercel")
    assert (answer.status_code, answer.json()["accountName"]) == (200, None)


async def test_vercel_that_refuses_is_a_problem(member, vercel, app):
    assert (await member.walk("vercel", "deny")).json()["code"] == "oauth_refused"
    for kind in ("500", "truncated", "empty", "redirect"):
        vercel.faults.fail("/v2/oauth/access_token", kind)
        assert (await member.walk("vercel")).json()["code"] == "provider_unavailable"
    _, query = await consent(await member.begin("vercel"))
    vercel.codes.clear()
    assert (await member.finish("vercel", query)).json()["code"] == "oauth_refused"
    app.state.identity_providers.find("vercel")._client = (vercel_oauth.CLIENT_ID, "wrong")
    assert (await member.walk("vercel")).json()["code"] == "provider_misconfigured"


async def test_disconnecting_removes_the_integration_at_vercel(member, vercel):
    vercel.team_id = "team_7"
    await member.walk("vercel")
    assert (await member.disconnect("vercel")).json()["revokedAtProvider"] is True
    assert vercel.installations == {}


async def test_an_installation_that_others_use_stays_until_the_last_one_goes(
    member, stranger, vercel, sign_up
):
    vercel.team_id = "team_7"
    stranger.headers = await sign_up()
    await member.walk("vercel")
    await stranger.walk("vercel")
    answer = (await member.disconnect("vercel")).json()
    assert answer["revokedAtProvider"] is False
    assert "Others" in answer["remedy"]
    assert len(vercel.installations) == 1
    assert (await stranger.disconnect("vercel")).json()["revokedAtProvider"] is True
    assert vercel.installations == {}


async def test_connecting_the_same_installation_again_does_not_remove_it(member, vercel):
    await member.walk("vercel")
    await member.walk("vercel")
    assert len(vercel.installations) == 1
    assert (await member.disconnect("vercel")).json()["revokedAtProvider"] is True
