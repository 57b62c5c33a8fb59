"""Tokens: personal ones of the caller, and service tokens of a project."""

from collections.abc import Sequence

import typer

from autodeploy.cli.failures import CommandError, ExitCode
from autodeploy.cli.terminal import clock, print_json, print_table, say
from autodeploy.cli.user.client import Api, Json
from autodeploy.cli.user.projects import get_project


def show(project: str | None, as_json: bool) -> None:
    """List the tokens that were not revoked."""
    api = Api.connect()
    found = list(api.items(_path(api, project)))
    if as_json:
        print_json({"items": found})
        return
    if not found:
        say("There is no token. `autodeploy tokens create` makes one.")
        return
    rows = [
        (
            each["id"],
            each["name"],
            f"{each['prefix']}…",
            ", ".join(each["scopes"]),
            clock(each["lastUsedAt"]),
            clock(each["expiresAt"]),
        )
        for each in found
    ]
    print_table(("TOKEN", "NAME", "BEGINS", "SCOPES", "USED (UTC)", "EXPIRES (UTC)"), rows)


def create(
    name: str, scopes: Sequence[str], days: int | None, project: str | None, as_json: bool
) -> None:
    """Make a token. Its secret alone goes to standard output, to be kept or passed on."""
    api = Api.connect()
    body: Json = {"name": name}
    if scopes:
        body["scopes"] = list(scopes)
    if days is not None:
        body["expiresInDays"] = days
    made = api.post(_path(api, project), body)
    if as_json:
        print_json(made)
        return
    until = f"until {clock(made['expiresAt'])} UTC" if made["expiresAt"] else "without an end"
    say(f"Token {made['name']} ({', '.join(made['scopes'])}), {until}. It is shown this once:")
    typer.echo(made["token"])


def revoke(token: str, project: str | None, as_json: bool) -> None:
    """End a token."""
    api = Api.connect()
    path = _path(api, project)
    found = _get_token(api, path, token)
    api.delete(f"{path}/{found['id']}")
    if as_json:
        print_json({"id": found["id"], "name": found["name"], "revoked": True})
    else:
        say(f"Token {found['name']} is revoked.")


def _get_token(api: Api, path: str, token: str) -> Json:
    """The token with this id, beginning or name.

    Raises:
        CommandError: there is none, or there are several of that name.
    """
    wanted = token.removesuffix("…")
    found = [
        each
        for each in api.items(path)
        if wanted in (each["id"], each["prefix"]) or each["name"] == token
    ]
    if len(found) == 1:
        return found[0]
    if not found:
        raise CommandError(
            f"There is no token {token!r}.",
            remedy="`autodeploy tokens list` lists them; --project those of a project.",
            code="not_found",
        )
    raise CommandError(
        f"{len(found)} tokens are called {token!r}.",
        remedy=f"Name one by its id: {', '.join(each['id'] for each in found)}.",
        exit_code=ExitCode.USAGE,
    )


def _path(api: Api, project: str | None) -> str:
    if project is None:
        return "/auth/tokens"
    return f"/projects/{get_project(api, project)['id']}/tokens"
