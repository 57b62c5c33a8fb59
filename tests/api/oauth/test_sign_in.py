"""Signing in with GitHub: to the consent page and back, and everything that can go wrong."""

import asyncio
from dataclasses import replace
from functools import partial

import pyotp
import pytest
from sqlalchemy import func, select
from tests.api.conftest import client_of
from tests.fakes.consent import consent
from tests.services.auth.accounts import PASSWORD, signed_up

from autodeploy.kernel.vault import EmbeddedBackend, Keyring, Vault
from autodeploy.services.auth.models import Organization, ProviderIntegration, User


async def _count(resources, kind) -> int:
    async with resources.db.transaction() as session:
        return await session.scalar(select(func.count()).select_from(kind))


async def test_a_person_signs_in_with_github_and_gets_an_account(browser, github):
    me = await browser.sign_in("github")
    assert me["email"] == "octocat@example.com"
    assert me["name"] == "Octocat"
    assert me["avatar"] == "https://avatars.example.com/u/583231"
    assert [each["role"] for each in me["organizations"]] == ["owner"]


async def test_signing_in_asks_for_no_more_than_who_it_is_and_keeps_no_token(
    browser, github, resources
):
    url = await browser.begin("github")
    assert "scope=read%3Auser+user%3Aemail&" in url
    await browser.sign_in("github")
    assert await _count(resources, ProviderIntegration) == 0


async def test_signing_in_again_is_the_same_account_after_a_rename(browser, stranger, github):
    first = await browser.sign_in("github")
    github.users[583231].login = "monalisa"
    github.users[583231].emails[1]["email"] = "other@example.com"
    second = await stranger.sign_in("github")
    assert second["id"] == first["id"]
    assert second["email"] == "octocat@example.com"
    assert (await stranger.connections())[0]["accountName"] == "monalisa"


async def test_a_new_holder_of_a_name_is_another_account(browser, stranger, github):
    first = await browser.sign_in("github")
    github.users[583231].login = "renamed"
    github.add(99, "octocat", "new@example.com")
    assert (await stranger.sign_in("github"))["id"] != first["id"]


async def test_an_account_with_the_same_address_is_not_taken_over(browser, github, resources):
    await signed_up(resources, "octocat@example.com")
    answer = await browser.walk("github")
    assert answer.status_code == 409
    assert answer.json()["code"] == "email_taken"
    assert "connect GitHub" in answer.json()["remedy"]
    assert await _count(resources, User) == 1


async def test_an_address_that_github_has_not_verified_makes_no_account(browser, github, resources):
    github.add(7, "mallory", "victim@example.com", verified=False)
    answer = await browser.walk("github")
    assert (answer.status_code, answer.json()["code"]) == (403, "identity_refused")
    assert "erify" in answer.json()["remedy"]
    assert await _count(resources, User) == 0


async def test_two_first_sign_ins_at_once_make_one_account(browser, stranger, github, resources):
    urls = [await each.begin("github") for each in (browser, stranger)]
    queries = [(await consent(url))[1] for url in urls]
    answers = await asyncio.gather(
        browser.finish("github", queries[0]), stranger.finish("github", queries[1])
    )
    assert [each.status_code for each in answers] == [200, 200]
    assert answers[0].json()["user"]["id"] == answers[1].json()["user"]["id"]
    assert await _count(resources, User) == await _count(resources, Organization) == 1


async def test_an_account_with_a_second_factor_needs_its_code_here_too(
    browser, stranger, github, resources
):
    signed_in = await signed_up(resources)
    browser.headers = {"Authorization": f"Bearer {signed_in.access_token}"}
    await browser.walk("github")
    post = partial(browser.client.post, headers=browser.headers)
    enrolled = await post("/api/v1/auth/second-factor", json={"password": PASSWORD})
    code = pyotp.TOTP(enrolled.json()["secret"]).now()
    codes = await post("/api/v1/auth/second-factor/confirm", json={"code": code})
    answer = await stranger.walk("github")
    assert answer.json().keys() == {"secondFactor"}
    challenge = answer.json()["secondFactor"]["challenge"]
    completed = await stranger.client.post(
        "/api/v1/auth/login/second-factor",
        json={"challenge": challenge, "code": codes.json()["recoveryCodes"][0]},
    )
    assert completed.json()["user"]["id"] == str(signed_in.user.id)


async def test_signing_in_and_linking_are_written_down(browser, github, resources):
    await browser.sign_in("github")
    async with resources.db.transaction() as session:
        user = (await session.scalars(select(User))).one()
    assert user.email_verified_at is not None
    answer = await browser.client.get("/api/v1/auth/audit-log", headers=browser.headers)
    actions = [each["action"] for each in answer.json()["items"]]
    assert {"auth.register", "auth.identity_link", "auth.login"} <= set(actions)


async def test_who_cancels_at_github_is_told_so(browser, github, resources):
    answer = await browser.walk("github", "deny")
    assert (answer.status_code, answer.json()["code"]) == (422, "oauth_refused")
    assert "not given at GitHub" in answer.json()["detail"]
    assert github.calls("/login/oauth/access_token") == []


async def test_a_callback_works_once(browser, github):
    _, query = await consent(await browser.begin("github"))
    assert (await browser.finish("github", query)).status_code == 200
    again = await browser.finish("github", query)
    assert (again.status_code, again.json()["code"]) == (422, "oauth_state_invalid")
    assert again.json()["field"] == "state"
    assert len(github.calls("/login/oauth/access_token")) == 1


async def test_a_callback_sent_twice_at_once_works_once(browser, github):
    _, query = await consent(await browser.begin("github"))
    answers = await asyncio.gather(*(browser.finish("github", query) for _ in range(5)))
    assert sorted(each.status_code for each in answers) == [200, 422, 422, 422, 422]


async def test_a_code_that_was_used_elsewhere_is_refused(browser, github):
    _, query = await consent(await browser.begin("github"))
    github.codes.clear()
    answer = await browser.finish("github", query)
    assert (answer.status_code, answer.json()["code"]) == (422, "oauth_refused")


async def test_a_code_that_is_too_old_is_refused(browser, github):
    _, query = await consent(await browser.begin("github"))
    github.expire_codes()
    assert (await browser.finish("github", query)).json()["code"] == "oauth_refused"


async def test_a_state_of_another_browser_is_refused_and_spent(browser, stranger, github):
    """Log-in CSRF: a victim is made to finish what an attacker began."""
    _, query = await consent(await stranger.begin("github"))
    await browser.begin("github")  # the victim's browser has a cookie of its own
    answer = await browser.finish("github", query)
    assert answer.json()["code"] == "oauth_state_invalid"
    assert github.calls("/login/oauth/access_token") == []
    assert (await stranger.finish("github", query)).json()["code"] == "oauth_state_invalid"


async def test_a_state_without_the_cookie_is_refused(browser, github):
    _, query = await consent(await browser.begin("github"))
    browser.client.cookies.clear()
    assert (await browser.finish("github", query)).json()["code"] == "oauth_state_invalid"


async def test_tabs_of_one_browser_do_not_end_each_other(browser, github):
    _, first = await consent(await browser.begin("github"))
    _, second = await consent(await browser.begin("github"))
    assert (await browser.finish("github", first)).status_code == 200
    assert (await browser.finish("github", second)).status_code == 200


async def test_a_state_that_expired_is_refused(browser, resources, github):
    _, query = await consent(await browser.begin("github"))
    keys = await resources.cache.redis.keys("autodeploy:cache:oauth:*")
    assert 0 < await resources.cache.redis.ttl(keys[0]) <= 600
    await resources.cache.redis.delete(*keys)
    assert (await browser.finish("github", query)).json()["code"] == "oauth_state_invalid"


async def test_a_state_whose_key_was_retired_is_refused(app, browser, github):
    _, query = await consent(await browser.begin("github"))
    other = Vault(EmbeddedBackend(Keyring.of(b"k" * 32)))
    app.state.resources = replace(app.state.resources, vault=other)
    assert (await browser.finish("github", query)).json()["code"] == "oauth_state_invalid"


async def test_neither_state_nor_cookie_is_stored_as_it_is(browser, resources, github):
    url = await browser.begin("github")
    state = url.partition("&state=")[2].partition("&")[0]
    secret = browser.client.cookies["autodeploy-sign-in"]
    (key,) = await resources.cache.redis.keys("autodeploy:cache:oauth:*")
    stored = key + await resources.cache.redis.get(key)
    assert len(state) == len(secret) == 43
    assert state.encode() not in stored
    assert secret.encode() not in stored
    assert b"verifier" not in stored  # it is sealed


async def test_a_state_of_one_provider_is_refused_at_another(browser, github, sso):
    _, query = await consent(await browser.begin("github"))
    answer = await browser.finish("oidc", query)
    assert answer.json()["code"] == "oauth_state_invalid"


async def test_a_code_without_its_verifier_is_refused_by_github(browser, stranger, github):
    """PKCE: a code that was seen on its way is worth nothing in another attempt."""
    _, seen = await consent(await browser.begin("github"))
    _, own = await consent(await stranger.begin("github"))
    answer = await stranger.finish("github", {**own, "code": seen["code"]})
    assert answer.json()["code"] == "oauth_refused"


async def test_a_callback_that_makes_no_sense_is_a_problem(browser):
    for content in (
        "",
        "{}",
        "[]",
        '{"state": ""}',
        '{"state": "%s", "code": "c"}' % ("x" * 201),
        '{"state": 5, "code": "c"}',
        '{"state": "\\ud800", "code": "c"}',
        '{"code": "c"}',
        '{"state": "x", "code": "%s"}' % ("c" * 5000),
        '{"state": "x", "code": "c", "redirectUri": "https://evil.example"}',
    ):
        answer = await browser.client.post(
            "/api/v1/auth/github/callback",
            content=content,
            headers={"Content-Type": "application/json"},
        )
        assert answer.status_code == 422, answer.text
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_callback_with_neither_code_nor_error_is_a_problem(browser, github):
    _, query = await consent(await browser.begin("github"))
    answer = await browser.finish("github", {"state": query["state"]})
    assert (answer.json()["code"], answer.json()["field"]) == ("invalid_input", "code")


@pytest.mark.parametrize("path", ["/login/oauth/access_token", "/user", "/user/emails"])
async def test_a_provider_that_answers_nonsense_is_a_problem(browser, github, path):
    kinds = ["500", "503", "429", "truncated", "html", "list", "empty", "huge", "redirect"]
    for kind in kinds:
        github.faults.fail(path, kind)
        answer = await browser.walk("github")
        code = "provider_rate_limited" if kind == "429" else "provider_unavailable"
        assert (answer.status_code, answer.json()["code"]) == (503, code), kind
        assert ("retry-after" in answer.headers) == (kind == "429")
        assert "GitHub" in answer.json()["detail"]
        assert answer.json()["remedy"]


async def test_a_provider_that_is_silent_is_given_up(browser, github, app):
    client = app.state.identity_providers.find("github")._http
    client.patience = replace(client.patience, whole_seconds=0.2)
    github.faults.fail("/user", "silence")
    answer = await browser.walk("github")
    assert (answer.status_code, answer.json()["code"]) == (503, "provider_unavailable")
    assert answer.json()["retryable"]


async def test_a_secret_that_github_refuses_is_the_operators_to_correct(browser, github, app):
    app.state.identity_providers.find("github")._client = ("Iv1.0123456789abcdef", "wrong")
    answer = await browser.walk("github")
    assert (answer.status_code, answer.json()["code"]) == (409, "provider_misconfigured")
    assert "CLIENT_SECRET" in answer.json()["remedy"]
    assert "wrong" not in answer.text


async def test_names_and_addresses_of_any_kind_make_no_defect(browser, github):
    user = github.users[583231]
    user.name, user.login = "Ada\ud800\u0000\n" + "x" * 400, "a\u202eb"
    me = await browser.sign_in("github")
    assert me["name"] == ("Ada" + "x" * 400)[:255]


@pytest.mark.parametrize("character", ["\u0000", "\ufffd"])
async def test_an_address_with_what_no_text_has_makes_no_account(
    browser, github, resources, character
):
    github.add(7, "mallory", f"victim{character}@example.com")
    answer = await browser.walk("github")
    assert (answer.status_code, answer.json()["code"]) == (403, "identity_refused")
    assert await _count(resources, User) == 0


async def test_what_is_not_set_up_says_how_to_set_it_up(home, resources):
    from tests.api.conftest import new_app

    async with client_of(new_app(home, resources)) as client:
        for provider in ("github", "oidc"):
            answer = await client.get(f"/api/v1/auth/{provider}/url")
            assert (answer.status_code, answer.json()["code"]) == (409, "provider_not_configured")
            assert "CLIENT_ID" in answer.json()["remedy"]
        methods = (await client.get("/api/v1/auth/methods")).json()["methods"]
    assert [each["name"] for each in methods] == ["password"]


async def test_methods_name_what_is_set_up(browser):
    answer = await browser.client.get("/api/v1/auth/methods")
    assert [
        (each["name"], each["title"], each["signsIn"], each["connects"], each["urlPath"])
        for each in answer.json()["methods"]
    ] == [
        ("password", "E-mail and password", True, False, None),
        ("github", "GitHub", True, True, "/api/v1/auth/github/url"),
        ("vercel", "Vercel", False, True, "/api/v1/auth/vercel/url"),
        ("supabase", "Supabase", False, True, "/api/v1/auth/supabase/url"),
        ("oidc", "Company login", True, False, "/api/v1/auth/oidc/url"),
    ]


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(browser, github):
    answer = await browser.client.get("/api/v1/auth/github/url")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Path=/" in cookie


async def test_over_https_the_cookie_belongs_to_this_host_alone(browser, github, app):
    app.state.identity_providers.public_url = "https://deploy.example.com"
    cookie = (await browser.client.get("/api/v1/auth/github/url")).headers["set-cookie"]
    assert cookie.startswith("__Host-autodeploy-sign-in=")
    assert "Secure" in cookie
    assert "Domain" not in cookie


async def test_a_credential_that_is_not_valid_does_not_become_a_sign_in(browser, github):
    browser.headers = {"Authorization": "Bearer adp_wrong"}
    answer = await browser.client.get("/api/v1/auth/github/url", headers=browser.headers)
    assert answer.status_code == 401
    callback = await browser.finish("github", {"state": "x", "code": "y"})
    assert callback.status_code == 401
