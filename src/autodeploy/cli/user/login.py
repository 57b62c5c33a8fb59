"""Signing in: a personal token, given or made with a password, is stored for a platform."""

import socket
import sys
from contextlib import closing
from datetime import UTC, datetime

import typer

from autodeploy.cli.failures import CommandError, ExitCode
from autodeploy.cli.terminal import print_json, say
from autodeploy.cli.user.client import Api, Json
from autodeploy.cli.user.credentials import current_url, normalise, save_token


def run(url: str | None, token: str | None, email: str | None, as_json: bool) -> None:
    """Check the credential against the platform, then store it."""
    target = normalise(url) if url else current_url()
    if token == "-":  # noqa: S105 - the sign for standard input, not a token
        token = sys.stdin.readline().strip()
    if not token:
        token = _token_from_password(target, email)
    with closing(Api(target, token)) as api:
        who = api.get("/auth/me")
    path = save_token(target, token)
    if as_json:
        print_json({"url": target, "email": who["email"], "credentials": str(path)})
    else:
        say(f"Signed in to {target} as {who['email']}. The token is in {path}.")


def _token_from_password(url: str, email: str | None) -> str:
    """Sign in with a password and have a personal token made, so that no password is kept."""
    if not sys.stdin.isatty():
        raise CommandError(
            "There is no terminal to ask for a password.",
            remedy="Give a personal token with --token, or --token - to read it from input.",
            exit_code=ExitCode.USAGE,
        )
    email = email or typer.prompt("E-mail", err=True)
    password = typer.prompt("Password", hide_input=True, err=True)
    with closing(Api(url, None)) as api:
        session = api.post("/auth/login", {"email": email, "password": password})
        if "secondFactor" in session:
            session = _with_code(api, session["secondFactor"]["challenge"])
    name = f"{socket.gethostname()} {datetime.now(UTC):%Y-%m-%d %H:%M}"
    with closing(Api(url, session["accessToken"])) as api:
        token: str = api.post("/auth/tokens", {"name": name})["token"]
    return token


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
