"""Passwords, links in mails, sessions, second factors, tokens and invitations."""

import base64
import hashlib

import pyotp
from tests.security.run import Run


async def accounts(run: Run) -> None:
    """Registering, signing in right and wrong, new passwords, links that are used twice."""
    first, second, run.password = (run.plant(f"{name} password") for name in ("1st", "2nd", "3rd"))
    body = {"email": run.email, "password": first, "name": run.witness}
    run.sign_in(run.learn_session(await run.call("POST", "/auth/register", body, status=201)))
    await run.call("POST", "/auth/register", body, status=409)
    token = {"token": await run.link(run.email, "verify-email")}
    await run.call("POST", "/auth/verify-email", token, status=204)
    await run.call("POST", "/auth/verify-email", token, status=422)
    change = {"currentPassword": first, "newPassword": second}
    await run.call("PUT", "/auth/password", change, status=204)
    change["currentPassword"] = run.plant("wrong present password")
    assert (await run.call("PUT", "/auth/password", change)).is_client_error
    new = {"email": "ada.new@example.com", "password": second}
    await run.call("PUT", "/auth/email", new, status=202)
    await run.link(new["email"], "verify-email")
    run.headers = {}
    await run.call("POST", "/auth/password-reset", {"email": run.email}, status=202)
    reset = {"token": await run.link(run.email, "reset-password"), "password": run.password}
    await run.call("POST", "/auth/password-reset/confirm", reset, status=204)
    await run.call("POST", "/auth/password-reset/confirm", reset, status=422)
    await wrong_credentials(run)
    body = {"email": run.email, "password": run.password}
    run.sign_in(run.learn_session(await run.call("POST", "/auth/login", body, status=200)))


async def wrong_credentials(run: Run) -> None:
    """Wrong passwords, passwords in the wrong field, tokens that somebody made up."""
    body = {"email": run.email, "password": run.plant("wrong password")}
    await run.call("POST", "/auth/login", body, status=401)
    typed = run.plant("password typed as the e-mail address")
    for email in (typed, f"{typed}\x00", [typed]):
        body = {"email": email, "password": "x" * 8, "name": "Ada"}
        assert (await run.call("POST", "/auth/login", body)).is_client_error
        await run.call("POST", "/auth/register", body, status=422)
    for path in ("/auth/refresh", "/auth/verify-email", "/auth/setup", "/invitations/lookup"):
        token = run.plant(f"made-up token for {path}")
        body = {"token": token}
        if path == "/auth/refresh":
            body = {"refreshToken": token}
        if path == "/auth/setup":
            body |= {"email": "x@example.com", "password": token, "name": "X"}
        answer = await run.call("POST", path, body)
        assert answer.is_client_error and "Correct what each" not in answer.text, answer.text


async def refreshing(run: Run) -> None:
    """A refresh token that comes again, which ends its session."""
    body = {"email": "eve@example.com", "password": run.plant("password of Eve"), "name": "Eve"}
    made = await run.call("POST", "/auth/register", body, status=201)
    old = {"refreshToken": run.learn_session(made)["refreshToken"]}
    run.learn_session(await run.call("POST", "/auth/refresh", old, status=200))
    await run.call("POST", "/auth/refresh", old, status=401)


async def second_factor(run: Run) -> None:
    """Enrolling, wrong and right codes, recovery codes, the challenge."""
    password = {"password": run.password}
    enrolled = await run.call("POST", "/auth/second-factor", password, status=201)
    secret = run.learn("secret of the second factor", enrolled.json()["secret"], enrolled)
    code = {"code": run.plant("wrong code of the app", escaped=False)}
    assert (await run.call("POST", "/auth/second-factor/confirm", code)).is_client_error
    code = {"code": pyotp.TOTP(secret).now()}
    confirmed = await run.call("POST", "/auth/second-factor/confirm", code, status=200)
    codes = confirmed.json()["recoveryCodes"]
    for recovery in codes:
        run.learn("recovery code", recovery, confirmed)
        run.canaries.learn("recovery code without its hyphens", recovery.replace("-", ""))
    asked = await run.call("POST", "/auth/login", {"email": run.email, **password}, status=200)
    challenge = run.learn("challenge", asked.json()["secondFactor"]["challenge"], asked)
    path = "/auth/login/second-factor"
    wrong = run.plant("wrong recovery code", escaped=False)
    assert (await run.call("POST", path, {"challenge": challenge, "code": wrong})).is_client_error
    right = {"challenge": challenge, "code": codes[0]}
    run.learn_session(await run.call("POST", path, right, status=200))


async def tokens(run: Run) -> None:
    """A personal token made twice by its Idempotency-Key, and one for the command line."""
    key = {"Idempotency-Key": "the-same"}
    made = [
        await run.call("POST", "/auth/tokens", {"name": "ci"}, status=201, **key) for _ in range(2)
    ]
    token = made[0].json()["token"]
    assert made[1].json()["token"] == token
    run.learn("personal token", _unshown(token), *made)
    await run.call("GET", "/auth/me", status=200, Authorization=f"Bearer {token}")
    verifier = run.plant("verifier of the command line", escaped=False).ljust(43, "v")
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = {"challenge": base64.urlsafe_b64encode(digest).decode().rstrip("=")}
    asked = await run.call("POST", "/auth/command-line/code", challenge, status=200)
    code = run.learn("code for the command line", asked.json()["code"], asked)
    body = {"code": code, "verifier": verifier, "name": "laptop"}
    given = await run.call("POST", "/auth/command-line/token", body, status=201)
    run.learn("token of the command line", _unshown(given.json()["token"]), given)
    assert (await run.call("POST", "/auth/command-line/token", body)).is_client_error


async def invitations(run: Run) -> None:
    """An invitation that is looked up and accepted with a new password."""
    me = (await run.call("GET", "/auth/me", status=200)).json()
    path = f"/organizations/{me['organizations'][0]['id']}/invitations"
    await run.call("POST", path, {"email": "bob@example.com"}, status=201)
    token = {"token": await run.link("bob@example.com", "invitations")}
    headers, run.headers = run.headers, {}
    await run.call("POST", "/invitations/lookup", token, status=200)
    body = {**token, "name": "Bob", "password": run.plant("password of the invited")}
    accepted = await run.call("POST", "/invitations/accept", body, status=200)
    run.learn_session(accepted, accepted.json()["session"])
    assert (await run.call("POST", "/invitations/accept", body)).is_client_error
    run.headers = headers


async def reads(run: Run) -> None:
    """What tells about an account and its organization, the audit logs with it."""
    me = (await run.call("GET", "/auth/me", status=200)).json()
    organization = f"/organizations/{me['organizations'][0]['id']}"
    for path in (
        "/auth/audit-log?limit=100", "/auth/sessions", "/auth/tokens", "/auth/second-factor",
        f"/users/{me['id']}", f"/users/{me['id']}/connections",
        f"{organization}/audit-log?limit=100", f"{organization}/invitations",
        f"{organization}/members", "/projects", "/repositories",
    ):  # fmt: skip
        await run.call("GET", path, status=200)


def _unshown(token: str) -> str:
    """A token without its beginning, which lists show so that its owner knows it again."""
    return token[12:]
