"""What the ``webhooks`` commands do that is about webhooks alone."""

from itertools import islice

import typer

from autodeploy.cli.terminal import ago, clock, print_json, print_table, say
from autodeploy.cli.user.client import Api, Json, segment
from autodeploy.cli.user.receivers import (
    WEBHOOKS,
    get_receiver,
    list_path,
    require_delivered,
    wait_for_try,
    wanted_body,
)


def add(
    url: str,
    name: str | None,
    events: list[str],
    projects: list[str],
    organization: str | None,
    as_json: bool,
) -> None:
    """Make a webhook. Its secret alone goes to standard output."""
    api = Api.connect()
    body: Json = {"url": url} | wanted_body(api, organization, events, projects)
    if name is not None:
        body["name"] = name
    made = api.post(list_path(api, WEBHOOKS, organization), body)
    _show_secret(made, f"Webhook {made['name']} is made.", as_json)


def rotate(webhook: str, organization: str | None, as_json: bool) -> None:
    """Give a webhook another secret, which alone goes to standard output."""
    api = Api.connect()
    path, _ = get_receiver(api, WEBHOOKS, webhook, organization)
    made = api.post(f"{path}/rotate")
    until = f"Until {clock(made['previousSecretUntil'])} UTC the one before signs, too."
    _show_secret(made, until, as_json)


def show_deliveries(webhook: str, organization: str | None, *, limit: int, as_json: bool) -> None:
    """List what was and is to be sent, the newest first."""
    api = Api.connect()
    path, found = get_receiver(api, WEBHOOKS, webhook, organization)
    sent = list(islice(api.items(f"{path}/deliveries"), limit))
    if as_json:
        print_json({"items": sent})
    elif not sent:
        say(f"Nothing was sent to {found['name']} yet. `autodeploy webhooks test` sends a ping.")
    else:
        rows = [
            (
                each["id"],
                each["type"],
                each["status"],
                str(each["attempts"]),
                ago(each["createdAt"]),
                clock(each["nextAttemptAt"]),
                each["error"] or each["answer"] or "",
            )
            for each in sent
        ]
        print_table(("DELIVERY", "EVENT", "STATUS", "TRIES", "AGE", "NEXT TRY (UTC)", "SAID"), rows)


def redeliver(webhook: str, delivery: str, organization: str | None, as_json: bool) -> None:
    """Send an event again and wait for what comes of it."""
    api = Api.connect()
    path, found = get_receiver(api, WEBHOOKS, webhook, organization)
    again = api.post(f"{path}/deliveries/{segment(delivery)}/redeliver")
    tried = wait_for_try(api, path, again)
    if as_json:
        print_json(tried)
    require_delivered(WEBHOOKS, found, tried)
    if not as_json:
        say(f"{found['name']} has the event {tried['type']} again.")


def _show_secret(made: Json, what: str, as_json: bool) -> None:
    if as_json:
        print_json(made)
        return
    say(f"{what} The secret that it signs with is shown this once:")
    typer.echo(made["secret"])
