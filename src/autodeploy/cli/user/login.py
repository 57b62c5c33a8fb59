"""Signing in: a personal token, given or made by signing in, is stored for a platform."""

import socket
import sys
from contextlib import closing
from datetime import UTC, datetime

import typer

from autodeploy.cli.failures import CommandError, ExitCode
from autodeploy.cli.terminal import print_json, say
from autodeploy.cli.user.browser import token_from_browser
from autodeploy.cli.user.client import Api, Json
from autodeploy.cli.user.credentials import current_url, normalise, save_token


def run(url: str | None, token: str | None, email: str | None, scope: str, as_json: bool) -> None:
    """Check the credential against the platform, then store it. ``scope`` is what a token may do
    that is made by signing in."""
    target = normalise(url) if url else current_url()
    if token == "-":  # noqa: S105 - the sign for standard input, not a token
        token = sys.stdin.readline().strip()
    if not token:
        token = _token_by_signing_in(target, email, scope)
    with closing(Api(target, token)) as api:
        who = api.get("/auth/me")
    path = save_token(target, token)
    if as_json:
        print_json({"url": target, "email": who["email"], "credentials": str(path)})
    else:
        say(f"Signed in to {target} as {who['email']}. The token is in {path}.")


def _token_by_signing_in(url: str, email: str | None, scope: str) -> str:
    """Sign in, with the browser or with a password, and have a personal token made."""
    if not sys.stdin.isatty():
        raise CommandError(
            "There is no terminal, and so nobody to sign in.",
            remedy="Give a personal token with --token, or --token - to read it from input.",
            exit_code=ExitCode.USAGE,
        )
    if email is None:
        return token_from_browser(url, _token_name(), scope)
    return _token_from_password(url, email, scope)


def _token_from_password(url: str, email: str, scope: str) -> str:
    """The password is asked for and not kept."""
    password = typer.prompt("Password", hide_input=True, err=True)
    with closing(Api(url, None)) as api:
        session = api.post("/auth/login", {"email": email, "password": password})
        if "secondFactor" in session:
            session = _with_code(api, session["secondFactor"]["challenge"])
    return token_of_session(url, session, scope)


def token_of_session(url: str, session: Json, scope: str) -> str:
    """A personal token for this computer, made with a session; it outlives the session."""
    with closing(Api(url, session["accessToken"])) as api:
        body = {"name": _token_name(), "scopes": [scope]}
        token: str = api.post("/auth/tokens", body)["token"]
    return token


def _token_name() -> str:
    """What the token of this login is listed as."""
    return f"{socket.gethostname()} {datetime.now(UTC):%Y-%m-%d %H:%M}"


def _with_code(api: Api, challenge: str) -> Json:
    """Complete a login by a code; a mistyped one is asked for again."""
    while True:
        code = typer.prompt("Code of your authenticator app, or a recovery code", err=True)
        try:
            return api.post("/auth/login/second-factor", {"challenge": challenge, "code": code})
        except CommandError as failure:
            if failure.code != "wrong_code":
                raise
            say(failure.message)
