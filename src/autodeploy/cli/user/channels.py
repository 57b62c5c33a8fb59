"""What ``notifications add`` does."""

from autodeploy.cli.failures import CommandError, ExitCode
from autodeploy.cli.questions import ask_unseen
from autodeploy.cli.terminal import print_json, say
from autodeploy.cli.user.client import Api, Json
from autodeploy.cli.user.receivers import CHANNELS, list_path, wanted_body


def add(
    kind: str,
    name: str,
    recipient: str | None,
    events: list[str],
    projects: list[str],
    organization: str | None,
    *,
    everything: bool,
    as_json: bool,
) -> None:
    """Make a channel. The URL of a chat, a secret, is asked for unseen or read from a pipe."""
    if (kind == "email") != (recipient is not None):
        raise CommandError(
            "--to names the address of a mail, and of nothing else.",
            remedy="`autodeploy notifications add email NAME --to ADDRESS`, or without --to for "
            "Slack and Discord, whose URL is asked for.",
            exit_code=ExitCode.USAGE,
        )
    api = Api.connect()
    address = recipient or ask_unseen(
        f"URL of the incoming webhook of {kind.capitalize()}", remedy="Paste it, or pipe it in."
    )
    body: Json = {"kind": kind, "name": name, "address": address.strip()}
    body |= wanted_body(api, organization, events, projects)
    if everything:
        body["events"] = None
    made = api.post(list_path(api, CHANNELS, organization), body)
    if as_json:
        print_json(made)
    else:
        say(f"{made['name']} is told. `autodeploy notifications test` tries it out.")
