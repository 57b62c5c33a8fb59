"""Single sign-on with an OpenID Connect provider, right and forged."""

import base64
import hmac
import json

import jwt
import pytest
from tests.fakes.consent import consent
from tests.fakes.oidc import CLIENT_ID, Key
from tests.services.auth.accounts import signed_up


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _hmac(claims: dict[str, object], key: Key) -> str:
    """A token whose HMAC is made with what everybody can read."""
    signed = f"{_part({'alg': 'HS256', 'kid': key.kid})}.{_part(claims)}"
    mac = hmac.digest(json.dumps(key.jwk).encode(), signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


async def test_a_person_signs_in_and_is_the_same_one_next_time(browser, stranger, sso):
    first = await browser.sign_in("oidc")
    assert (first["email"], first["name"]) == ("ada@example.org", "Ada Lovelace")
    sso.person["email"], sso.person["preferred_username"] = "countess@example.org", "countess"
    second = await stranger.sign_in("oidc")
    assert second["id"] == first["id"]
    assert (await stranger.connections())[0] == {
        "provider": "oidc",
        "accountName": "countess",
        "signsIn": True,
        "hasAccess": False,
        "scopes": [],
        "expiresAt": None,
        "connectedAt": (await stranger.connections())[0]["connectedAt"],
        "owner": None,
        "status": "working",
        "failure": None,
        "missingScopes": [],
        "checkedAt": None,
    }


async def test_the_user_info_is_asked_for_what_the_id_token_leaves_out(browser, sso):
    sso.in_id_token = False
    assert (await browser.sign_in("oidc"))["email"] == "ada@example.org"


async def test_the_user_info_of_another_account_is_refused(browser, sso, monkeypatch):
    sso.in_id_token = False
    _, query = await consent(await browser.begin("oidc"))
    sso.faults.fail("/userinfo", "empty")
    assert (await browser.finish("oidc", query)).json()["code"] == "provider_unavailable"


async def test_a_secret_is_sent_as_the_provider_wants_it(browser, sso):
    sso.document["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    await browser.sign_in("oidc")
    assert "authorization" not in sso.calls("/token")[0].request_headers


async def test_an_address_that_is_not_verified_makes_no_account(browser, sso):
    for told in (False, None):
        sso.person["email_verified"] = told
        answer = await browser.walk("oidc")
        assert (answer.status_code, answer.json()["code"]) == (403, "identity_refused")


async def test_an_address_of_another_domain_is_refused(browser, sso):
    for email in ("ada@example.com", "ada@evil-example.org", "ada@sub.example.org", "ada"):
        sso.person["email"] = email
        answer = await browser.walk("oidc")
        assert answer.json()["code"] == "identity_refused", email
        assert "EMAIL_DOMAINS" in answer.json()["remedy"]


async def test_an_account_with_the_same_address_is_linked_only_when_signed_in(
    browser, stranger, sso, resources
):
    signed_in = await signed_up(resources, "ada@example.org")
    assert (await browser.walk("oidc")).json()["code"] == "email_taken"
    browser.headers = {"Authorization": f"Bearer {signed_in.access_token}"}
    assert (await browser.walk("oidc")).status_code == 200
    assert (await stranger.sign_in("oidc"))["id"] == str(signed_in.user.id)


async def test_who_cancels_is_told_so(browser, sso):
    assert (await browser.walk("oidc", "deny")).json()["code"] == "oauth_refused"


async def test_a_code_works_once(browser, sso):
    _, query = await consent(await browser.begin("oidc"))
    sso.codes.clear()
    assert (await browser.finish("oidc", query)).json()["code"] == "oauth_refused"


async def test_an_answer_of_another_issuer_is_refused_before_the_code_is_sent(browser, sso):
    for issuer in ("https://evil.example", None):
        _, query = await consent(await browser.begin("oidc"))
        changed = {key: value for key, value in query.items() if key != "iss"}
        if issuer:
            changed["iss"] = issuer
        assert (await browser.finish("oidc", changed)).json()["code"] == "identity_refused"
    assert sso.calls("/token") == []


FORGERIES = {
    "alg none": lambda claims, key: f"{_part({'alg': 'none'})}.{_part(claims)}.",
    "alg none, signed": lambda claims, key: f"{_part({'alg': 'nOnE'})}.{_part(claims)}.AAAA",
    "HMAC with the public key": lambda claims, key: _hmac(claims, key),
    "a key of its own": lambda claims, key: Key("other").sign(claims),
    "a key of its own, same kid": lambda claims, key: Key(key.kid).sign(claims),
    "the key in the header": lambda claims, key: jwt.encode(
        claims, (own := Key("x")).private, algorithm="RS256", headers={"jwk": own.jwk}
    ),
    "another audience": lambda claims, key: key.sign({**claims, "aud": "someone-else"}),
    "another party": lambda claims, key: key.sign({**claims, "azp": "someone-else"}),
    "several parties": lambda claims, key: key.sign({**claims, "aud": [CLIENT_ID, "other"]}),
    "another issuer": lambda claims, key: key.sign({**claims, "iss": "https://evil.example"}),
    "expired": lambda claims, key: key.sign({**claims, "exp": claims["iat"] - 120}),
    "from the future": lambda claims, key: key.sign({**claims, "iat": claims["iat"] + 3600}),
    "another nonce": lambda claims, key: key.sign({**claims, "nonce": "other"}),
    "no nonce": lambda claims, key: key.sign({k: v for k, v in claims.items() if k != "nonce"}),
    "nonce of another type": lambda claims, key: key.sign({**claims, "nonce": ["x"]}),
    "no expiry": lambda claims, key: key.sign({k: v for k, v in claims.items() if k != "exp"}),
    "no subject": lambda claims, key: key.sign({k: v for k, v in claims.items() if k != "sub"}),
    "changed after it was signed": lambda claims, key: ".".join(
        (key.sign(claims).split(".")[0], _part({**claims, "sub": "admin"}),
         key.sign(claims).split(".")[2])
    ),
    "not a token": lambda claims, key: "abc",
    "an e-mail address of another type": lambda claims, key: key.sign(
        {**claims, "email": ["ada@example.org"]}
    ),
    "a subject that cannot be stored": lambda claims, key: key.sign({**claims, "sub": "a\u0000b"}),
}  # fmt: skip


async def test_an_id_token_that_cannot_be_trusted_signs_nobody_in(browser, sso):
    for name, forge in FORGERIES.items():
        sso.forge = lambda claims, forge=forge: forge(claims, sso.key)
        answer = await browser.walk("oidc")
        assert (answer.status_code, answer.json()["code"]) == (403, "identity_refused"), name


async def test_keys_are_kept_and_asked_for_again_when_they_rotate(browser, sso):
    await browser.sign_in("oidc")
    browser.headers = {}
    await browser.sign_in("oidc")
    assert len(sso.calls("/keys")) == 1
    sso.rotate()
    browser.headers = {}
    await browser.sign_in("oidc")
    assert len(sso.calls("/keys")) == 2
    assert len(sso.calls("/.well-known/openid-configuration")) == 1


async def test_a_key_that_was_withdrawn_is_not_trusted_for_long(browser, sso, monkeypatch):
    await browser.sign_in("oidc")
    old = sso.key
    sso.rotate()
    sso.forge = old.sign
    monkeypatch.setattr("autodeploy.providers.oidc.discovery.KEPT_SECONDS", 0.0)
    browser.headers = {}
    assert (await browser.walk("oidc")).json()["code"] == "identity_refused"


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/token", "/keys"])
async def test_a_provider_that_answers_nonsense_is_a_problem(browser, sso, path):
    for kind in ("500", "404", "truncated", "html", "list", "empty", "huge", "redirect"):
        sso.faults.fail(path, kind)
        answer = await browser.client.get("/api/v1/auth/oidc/url")
        if answer.status_code == 200:
            _, query = await consent(answer.json()["url"])
            answer = await browser.finish("oidc", query)
        expected = (503, "provider_unavailable")
        if (path, kind) == ("/token", "404"):
            expected = (409, "provider_misconfigured")
        assert (answer.status_code, answer.json()["code"]) == expected, (kind, answer.text)


async def test_a_discovery_document_of_another_issuer_is_the_operators_to_correct(browser, sso):
    for wrong in ({"issuer": sso.url + "/"}, {"jwks_uri": "file:///etc/passwd"}):
        sso.document = dict(wrong)
        answer = await browser.client.get("/api/v1/auth/oidc/url")
        assert (answer.status_code, answer.json()["code"]) == (409, "provider_misconfigured")
        assert "operator" in answer.json()["remedy"]
