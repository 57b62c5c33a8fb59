"""The ``webhooks`` commands: their names, arguments and help."""

from typing import Annotated

import typer

from autodeploy.cli.options import Json
from autodeploy.cli.user.arguments import EventOption, OrganizationOption, ToldProjects

Webhook = Annotated[str, typer.Argument(help="Id, name or URL of the webhook.")]

webhooks_app = typer.Typer(
    name="webhooks",
    help="Signed calls that tell programs what happens.",
    no_args_is_help=True,
)


@webhooks_app.command("list")
def webhooks_list(organization: OrganizationOption = None, as_json: Json = False) -> None:
    """List the webhooks of an organization, without their secrets."""
    from autodeploy.cli.user.receivers import WEBHOOKS, show

    show(WEBHOOKS, organization, as_json)


@webhooks_app.command("add")
def webhooks_add(
    url: Annotated[str, typer.Argument(help="Where the calls go.")],
    name: Annotated[
        str | None, typer.Option("--name", help="Default: the host of the URL.")
    ] = None,
    events: EventOption = None,
    projects: ToldProjects = None,
    organization: OrganizationOption = None,
    as_json: Json = False,
) -> None:
    """Make a webhook and print the secret that it signs with, this once.

    \b
    Examples:
      autodeploy webhooks add https://ci.example.com/hook
      autodeploy webhooks add https://example.com/x --event deployment.ready --project shop
    """
    from autodeploy.cli.user.webhook_calls import add

    add(url, name, events or [], projects or [], organization, as_json)


@webhooks_app.command("remove")
def webhooks_remove(
    webhook: Webhook,
    organization: OrganizationOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Remove a webhook with its deliveries."""
    from autodeploy.cli.user.receivers import WEBHOOKS, remove

    remove(WEBHOOKS, webhook, organization, yes=yes, as_json=as_json)


@webhooks_app.command("enable")
def webhooks_enable(
    webhook: Webhook, organization: OrganizationOption = None, as_json: Json = False
) -> None:
    """Switch a webhook on again."""
    from autodeploy.cli.user.receivers import WEBHOOKS, switch

    switch(WEBHOOKS, webhook, organization, active=True, as_json=as_json)


@webhooks_app.command("disable")
def webhooks_disable(
    webhook: Webhook, organization: OrganizationOption = None, as_json: Json = False
) -> None:
    """Switch a webhook off; what waits for it is not sent any more."""
    from autodeploy.cli.user.receivers import WEBHOOKS, switch

    switch(WEBHOOKS, webhook, organization, active=False, as_json=as_json)


@webhooks_app.command("test")
def webhooks_test(
    webhook: Webhook, organization: OrganizationOption = None, as_json: Json = False
) -> None:
    """Send a ping and wait for the answer."""
    from autodeploy.cli.user.receivers import WEBHOOKS, test

    test(WEBHOOKS, webhook, organization, as_json)


@webhooks_app.command("rotate")
def webhooks_rotate(
    webhook: Webhook, organization: OrganizationOption = None, as_json: Json = False
) -> None:
    """Make another secret and print it, this once; for a day the one before signs, too."""
    from autodeploy.cli.user.webhook_calls import rotate

    rotate(webhook, organization, as_json)


@webhooks_app.command("deliveries")
def webhooks_deliveries(
    webhook: Webhook,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=1000, help="The newest so many.")
    ] = 20,
    organization: OrganizationOption = None,
    as_json: Json = False,
) -> None:
    """List what was and is to be sent, and what was answered."""
    from autodeploy.cli.user.webhook_calls import show_deliveries

    show_deliveries(webhook, organization, limit=limit, as_json=as_json)


@webhooks_app.command("redeliver")
def webhooks_redeliver(
    webhook: Webhook,
    delivery: Annotated[str, typer.Argument(help="Id of the delivery.")],
    organization: OrganizationOption = None,
    as_json: Json = False,
) -> None:
    """Send an event again, with the same id, and wait for the answer."""
    from autodeploy.cli.user.webhook_calls import redeliver

    redeliver(webhook, delivery, organization, as_json)
