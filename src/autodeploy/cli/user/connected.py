"""Accounts at providers: listed, connected by a token, and forgotten."""

import sys

import typer

from autodeploy.cli.failures import CommandError, ExitCode
from autodeploy.cli.questions import require_typed
from autodeploy.cli.terminal import clock, print_json, print_table, say
from autodeploy.cli.user.client import Api, Json, segment

_HEADINGS = ("PROVIDER", "ACCOUNT", "FOR", "SIGNS IN", "STATUS", "CONNECTED (UTC)")


def show(as_json: bool) -> None:
    """List the caller's accounts."""
    api = Api.connect()
    found = list(api.items(_path(api)))
    if as_json:
        print_json({"items": found})
    elif not found:
        say("No account is connected. `autodeploy connections add PROVIDER` connects one.")
    else:
        print_table(_HEADINGS, [_row(each) for each in found])
        for line in (line for each in found for line in _remarks(each)):
            say(line)


def add(provider: str, owner: str | None, *, force: bool, as_json: bool) -> None:
    """Connect an account by a token from the terminal, unseen, or from a pipe. In place of another
    one that something acts by after a question, or with ``force``."""
    api = Api.connect()
    token = (
        typer.prompt(f"Token of {provider}", hide_input=True, err=True)
        if sys.stdin.isatty()
        else sys.stdin.read()
    ).strip()
    if not token:
        raise CommandError(
            "There is no token to connect.",
            remedy="Paste it when it is asked for, or pipe it in.",
            exit_code=ExitCode.USAGE,
        )
    body: Json = {"token": token} | ({"ownerId": owner} if owner else {})
    path = f"{_path(api)}/{segment(provider)}"
    try:
        made = api.put(path, body, force=str(force).lower())
    except CommandError as refused:
        if refused.code != "connection_in_use" or not sys.stdin.isatty():
            raise
        say(f"{refused.message} {refused.remedy}")
        require_typed(provider, "name of the provider")
        made = api.put(path, body, force="true")
    if as_json:
        print_json(made)
        return
    whose = f", for {made['owner']['name']}" if made["owner"] else ""
    say(f"Connected {made['accountName']} at {provider}{whose}.")


def remove(provider: str, *, force: bool, yes: bool, as_json: bool) -> None:
    """Forget an account, after a question or with ``yes``; one that is used with ``force``."""
    api = Api.connect()
    if not yes:
        say(
            f"What is deployed at {provider} stays there, and can no longer be changed from here "
            "until the account is connected again."
        )
        require_typed(provider, "name of the provider")
    answer = api.delete(f"{_path(api)}/{segment(provider)}", force=str(force).lower())
    if as_json:
        print_json(answer)
    else:
        say(f"{provider} is no longer connected.")
        if answer["remedy"]:
            say(answer["remedy"])


def _path(api: Api) -> str:
    return f"/users/{api.get('/auth/me')['id']}/connections"


def _row(each: Json) -> tuple[str, ...]:
    return (
        each["provider"],
        each["accountName"] or "–",
        each["owner"]["name"] if each["owner"] else "–",
        "yes" if each["signsIn"] else "no",
        each["status"],
        clock(each["connectedAt"]),
    )


def _remarks(each: Json) -> list[str]:
    """What is wrong with an account, and what to do about it."""
    remarks = []
    if failure := each["failure"]:
        since = clock(failure["since"])
        remarks.append(f"{each['provider']}: {failure['reason']} (since {since} UTC)")
        remarks.append(f"Next: {failure['remedy']}")
    if missing := each["missingScopes"]:
        remarks.append(
            f"{each['provider']}: lacks {', '.join(missing)}. Connect it again and allow them."
        )
    return remarks
