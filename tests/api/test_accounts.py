"""Accounts over HTTP: each route once as it is meant, bad input refused by name, nothing leaked."""

import asyncio
import io
import logging
import re

import pyotp
import pytest
import structlog
from tests.api.chromium import browsing
from tests.fakes.server import serving
from tests.services.auth.accounts import PASSWORD
from tests.services.auth.mails import links_to
from tests.services.auth.people import invitation_token, mails_to, team

from autodeploy.kernel.log import configure_logging
from autodeploy.services.auth import invitations, second_factor, service
from autodeploy.services.auth.models import Role
from autodeploy.services.auth.organization_schemas import InvitationInput

ADA = {"email": "ada@example.com", "password": PASSWORD, "name": "Ada"}
NEW_PASSWORD = "another horse battery"
AUTH = "/api/v1/auth"


async def registered(client) -> dict[str, str]:
    answer = await client.post(f"{AUTH}/register", json=ADA)
    assert answer.status_code == 201
    return {"Authorization": f"Bearer {answer.json()['accessToken']}"}


async def login(client, password: str = PASSWORD):
    body = {"email": ADA["email"], "password": password}
    return await client.post(f"{AUTH}/login", json=body)


async def test_an_address_is_verified_and_changed(client, resources):
    headers = await registered(client)
    resent = await client.post(f"{AUTH}/verify-email/resend", headers=headers)
    assert (resent.status_code, set(resent.json())) == (202, {"detail"})
    token = (await links_to(resources, ADA["email"], "verify-email"))[-1]
    verified = await client.post(f"{AUTH}/verify-email", json={"token": token})
    assert (verified.status_code, verified.content) == (204, b"")
    again = await client.post(f"{AUTH}/verify-email", json={"token": token})
    assert (again.status_code, again.json()["code"], again.json()["field"]) == (
        422, "link_ended", "token",
    )  # fmt: skip
    body = {"email": "new@example.com", "password": PASSWORD}
    assert (await client.put(f"{AUTH}/email", json=body, headers=headers)).status_code == 202
    (token,) = await links_to(resources, "new@example.com", "verify-email")
    await client.post(f"{AUTH}/verify-email", json={"token": token})
    me = (await client.get(f"{AUTH}/me", headers=headers)).json()
    assert (me["email"], me["emailVerifiedAt"] is None) == ("new@example.com", False)


async def test_a_password_is_reset_and_the_answer_tells_nothing(client, resources):
    headers = await registered(client)
    answers = [
        await client.post(f"{AUTH}/password-reset", json={"email": email})
        for email in (ADA["email"], "nobody@example.com")
    ]
    assert {answer.status_code for answer in answers} == {202}
    assert answers[0].json() == answers[1].json()
    (token,) = await links_to(resources, ADA["email"], "reset-password")
    body = {"token": token, "password": NEW_PASSWORD}
    short = await client.post(f"{AUTH}/password-reset/confirm", json={**body, "password": "short"})
    assert (short.status_code, short.json()["field"]) == (422, "password")
    done = await client.post(f"{AUTH}/password-reset/confirm", json=body)
    assert done.status_code == 204
    assert (await client.get(f"{AUTH}/me", headers=headers)).status_code == 401
    assert (await login(client, NEW_PASSWORD)).status_code == 200


async def test_a_password_is_changed_by_the_present_one(client):
    headers = await registered(client)
    body = {"currentPassword": "wrong", "newPassword": NEW_PASSWORD}
    wrong = await client.put(f"{AUTH}/password", json=body, headers=headers)
    assert (wrong.status_code, wrong.json()["field"]) == (422, "currentPassword")
    body["currentPassword"] = PASSWORD
    assert (await client.put(f"{AUTH}/password", json=body, headers=headers)).status_code == 204
    assert (await client.get(f"{AUTH}/me", headers=headers)).status_code == 200
    assert (await login(client)).status_code == 401


async def test_sessions_are_listed_and_ended(client):
    headers = await registered(client)
    for _ in range(2):
        await login(client)
    listed = (await client.get(f"{AUTH}/sessions", headers=headers)).json()
    assert set(listed["items"][0]) == {
        "id", "userAgent", "address", "createdAt", "lastUsedAt", "expiresAt", "current",
    }  # fmt: skip
    assert [item["current"] for item in listed["items"]] == [False, False, True]
    assert listed["items"][0]["userAgent"].startswith("python-httpx")
    first = f"{AUTH}/sessions/{listed['items'][0]['id']}"
    assert (await client.delete(first, headers=headers)).status_code == 204
    assert (await client.delete(first, headers=headers)).status_code == 404
    assert (await client.delete(f"{AUTH}/sessions", headers=headers)).status_code == 204
    listed = (await client.get(f"{AUTH}/sessions", headers=headers)).json()
    assert [item["current"] for item in listed["items"]] == [True]


async def test_of_a_hundred_concurrent_refreshes_one_answers_and_the_session_ends(client):
    answer = await client.post(f"{AUTH}/register", json=ADA)
    body = {"refreshToken": answer.json()["refreshToken"]}
    answers = await asyncio.gather(*(client.post(f"{AUTH}/refresh", json=body) for _ in range(100)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 99
    (winner,) = [answer.json() for answer in answers if answer.status_code == 200]
    headers = {"Authorization": f"Bearer {winner['accessToken']}"}
    ended = await client.get(f"{AUTH}/me", headers=headers)
    assert (ended.status_code, ended.json()["code"]) == (401, "session_ended")


async def test_a_second_factor_is_switched_on_asked_for_and_off(client):
    headers = await registered(client)
    path = f"{AUTH}/second-factor"
    made = await client.post(path, json={"password": PASSWORD}, headers=headers)
    assert (made.status_code, set(made.json())) == (201, {"secret", "otpauthUri"})
    app = pyotp.TOTP(made.json()["secret"])
    body = {"code": app.now()}
    confirmed = await client.post(f"{path}/confirm", json=body, headers=headers)
    first, second, *_ = confirmed.json()["recoveryCodes"]
    view = (await client.get(path, headers=headers)).json()
    assert (view["enabled"], view["recoveryCodesLeft"]) == (True, 10)

    asked = await login(client)
    assert asked.status_code == 200
    assert set(asked.json()) == {"secondFactor"}
    assert set(asked.json()["secondFactor"]) == {"challenge", "expiresIn"}
    challenge = asked.json()["secondFactor"]["challenge"]
    replayed = await client.post(
        f"{AUTH}/login/second-factor", json={"challenge": challenge, **body}
    )
    assert (replayed.status_code, replayed.json()["code"]) == (422, "wrong_code")
    answer = await client.post(
        f"{AUTH}/login/second-factor", json={"challenge": challenge, "code": first}
    )
    assert answer.json()["user"]["email"] == ADA["email"]
    used = await client.post(
        f"{AUTH}/login/second-factor", json={"challenge": challenge, "code": second}
    )
    assert (used.status_code, used.json()["code"]) == (401, "challenge_ended")

    off = {"password": PASSWORD, "code": second}
    assert (await client.post(f"{path}/disable", json=off, headers=headers)).status_code == 204
    assert "accessToken" in (await login(client)).json()


async def test_a_lock_answers_429_with_when_to_try_again(client):
    await registered(client)
    answers = [await login(client, "wrong") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    refused = await login(client)
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert 0 < int(refused.headers["Retry-After"]) <= 60


async def test_the_first_administrator_is_made_with_the_token(client, resources):
    token = await service.issue_setup_token(resources)
    body = {**ADA, "token": token}
    made = await client.post(f"{AUTH}/setup", json=body)
    assert (made.status_code, made.json()["user"]["isAdmin"]) == (201, True)
    again = await client.post(f"{AUTH}/setup", json={**body, "email": "b@example.com"})
    assert (again.status_code, again.json()["code"]) == (403, "setup_refused")


async def test_every_accepted_key_is_published(client, resources, home):
    from autodeploy.kernel.signing import TokenSigner, rotate_signing_key

    headers = await registered(client)
    rotate_signing_key(home / "jwt.pem")
    fresh = TokenSigner.load(home / "jwt.pem")
    assert len(fresh.jwks()["keys"]) == 2
    published = (await client.get("/.well-known/jwks.json")).json()["keys"]
    assert published[0] in fresh.jwks()["keys"]
    assert (await client.get(f"{AUTH}/me", headers=headers)).status_code == 200


@pytest.mark.parametrize("path", ["/login", "/verify-email", "/reset-password"])
async def test_a_page_of_accounts_loads_its_own_files_only(client, path):
    page = await client.get(path)
    assert page.status_code == 200
    policy = page.headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "style-src 'self'"} <= set(policy)
    loaded = re.findall(r'(?:src|href)="(/[^"]+)"', page.text)
    assert loaded
    assert not re.search(r"<style|<script(?! src=)| style=| on\w+=", page.text)
    for name in loaded:
        assert (await client.get(name)).status_code == 200, name
    assert (await client.get("/login/login.html")).status_code == 404


@pytest.fixture
def logged(logging_restored: None) -> io.StringIO:
    """Everything that is logged, at every level, as the server writes it but unredacted."""
    stream = io.StringIO()
    configure_logging("debug", json=True, stream=stream)
    # Redaction is the second line of defence; nothing is to reach it.
    structlog.configure(processors=[structlog.processors.JSONRenderer()])
    formatter = logging.Formatter("%(name)s %(message)s")
    logging.getLogger().handlers[0].setFormatter(formatter)
    return stream


async def test_no_password_token_code_or_link_reaches_a_log(logged, client, resources, home):
    secrets: list[str] = [PASSWORD, NEW_PASSWORD]
    setup = await service.issue_setup_token(resources)
    assert setup is not None
    made = await client.post(
        f"{AUTH}/setup", json={**ADA, "email": "root@example.com", "token": setup}
    )
    headers = await registered(client)
    body = {"password": PASSWORD}
    enrolment = (await client.post(f"{AUTH}/second-factor", json=body, headers=headers)).json()
    app = pyotp.TOTP(enrolment["secret"])
    code = app.now()
    codes = (
        await client.post(f"{AUTH}/second-factor/confirm", json={"code": code}, headers=headers)
    ).json()["recoveryCodes"]
    challenge = (await login(client)).json()["secondFactor"]["challenge"]
    for attempt in (code, codes[0]):
        signed_in = await client.post(
            f"{AUTH}/login/second-factor", json={"challenge": challenge, "code": attempt}
        )
    tokens = signed_in.json()
    await client.post(f"{AUTH}/refresh", json={"refreshToken": tokens["refreshToken"]})
    await client.post(f"{AUTH}/refresh", json={"refreshToken": tokens["refreshToken"]})
    await login(client, "a wrong password")
    await client.post(f"{AUTH}/password-reset", json={"email": ADA["email"]})
    links = await links_to(resources, ADA["email"], "verify-email")
    links += await links_to(resources, ADA["email"], "reset-password")
    assert len(links) == 2
    for link in (links[0], links[0], "wrong-link-token"):
        await client.post(f"{AUTH}/verify-email", json={"token": link})
    await client.post(
        f"{AUTH}/password-reset/confirm", json={"token": links[1], "password": NEW_PASSWORD}
    )
    await resources.mail.flush()
    text = logged.getvalue()
    assert text.count("/api/v1/auth/") > 10  # it is really captured
    secrets += [setup, enrolment["secret"], *codes, challenge, *links, "a wrong password"]
    secrets += [made.json()["accessToken"], made.json()["refreshToken"]]
    secrets += [tokens["accessToken"], tokens["refreshToken"], "wrong-link-token"]
    assert [secret for secret in secrets if secret in text] == []
    assert f'"{code}"' not in text
    assert second_factor.ISSUER not in text


async def test_the_link_of_a_mail_sets_a_password_in_a_browser(client, app, resources, home):
    await registered(client)
    await client.post(f"{AUTH}/password-reset", json={"email": ADA["email"]})
    (token,) = await links_to(resources, ADA["email"], "reset-password")
    async with serving(app) as url, browsing(home / "profile") as page:
        await page.open(f"{url}/reset-password#token={token}")
        await page.fill("#password", NEW_PASSWORD)
        await page.press("#reset button")
        await page.see("The password is set")
        assert await page.evaluate("location.hash") == ""
    assert (await login(client, NEW_PASSWORD)).status_code == 200


async def test_the_link_of_an_invitation_makes_an_account_in_a_browser(
    client, app, resources, home
):
    acme = await team(resources)
    body = InvitationInput(email=ADA["email"], role=Role.MEMBER)
    await invitations.invite(resources, acme.owner, acme.id, body)
    await resources.mail.flush()
    token = invitation_token(mails_to(resources, ADA["email"])[0])
    async with serving(app) as url, browsing(home / "profile") as page:
        await page.open(f"{url}/invitations#token={token}")
        await page.see("invites you to Acme as member")
        assert await page.evaluate("location.hash") == ""
        await page.fill("#name", "Ada Lovelace")
        await page.fill("#new-password", NEW_PASSWORD)
        await page.press("#join button")
        await page.see("You are in Acme.")
        await page.open("about:blank")
        await page.open(f"{url}/invitations#token={token}")
        await page.see("unknown, used, expired or revoked")
    assert (await login(client, NEW_PASSWORD)).status_code == 200
    assert Role.MEMBER in (await acme.roles()).values()
