"""The ``notifications`` commands: their names, arguments and help."""

from enum import StrEnum
from typing import Annotated

import typer

from autodeploy.cli.options import Json
from autodeploy.cli.user.arguments import EventOption, OrganizationOption, ToldProjects


class ChannelKind(StrEnum):
    """Where people read."""

    SLACK = "slack"
    DISCORD = "discord"
    EMAIL = "email"


Channel = Annotated[str, typer.Argument(help="Id or name of the channel.")]

notifications_app = typer.Typer(
    name="notifications",
    help="Messages in Slack, in Discord and by mail that tell people what happens.",
    no_args_is_help=True,
)


@notifications_app.command("list")
def notifications_list(organization: OrganizationOption = None, as_json: Json = False) -> None:
    """List the channels of an organization, without their URLs."""
    from autodeploy.cli.user.receivers import CHANNELS, show

    show(CHANNELS, organization, as_json)


@notifications_app.command("add")
def notifications_add(
    kind: Annotated[ChannelKind, typer.Argument(help="Where people read.")],
    name: Annotated[str, typer.Argument(help="What it is listed as.")],
    recipient: Annotated[
        str | None,
        typer.Option("--to", metavar="ADDRESS", help="Of a mail: the address of a member."),
    ] = None,
    events: EventOption = None,
    everything: Annotated[
        bool,
        typer.Option(
            "--all-events", help="Default: what somebody may have to look at, and what is live."
        ),
    ] = False,
    projects: ToldProjects = None,
    organization: OrganizationOption = None,
    as_json: Json = False,
) -> None:
    """Have people told. The URL of a chat is asked for unseen, or read from a pipe.

    \b
    Examples:
      autodeploy notifications add slack team
      autodeploy notifications add discord ops --event deployment.failed < url.txt
      autodeploy notifications add email ada --to ada@example.com --project shop
    """
    from autodeploy.cli.user.channels import add

    add(
        kind,
        name,
        recipient,
        events or [],
        projects or [],
        organization,
        everything=everything,
        as_json=as_json,
    )


@notifications_app.command("remove")
def notifications_remove(
    channel: Channel,
    organization: OrganizationOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Remove a channel."""
    from autodeploy.cli.user.receivers import CHANNELS, remove

    remove(CHANNELS, channel, organization, yes=yes, as_json=as_json)


@notifications_app.command("enable")
def notifications_enable(
    channel: Channel, organization: OrganizationOption = None, as_json: Json = False
) -> None:
    """Switch a channel on again."""
    from autodeploy.cli.user.receivers import CHANNELS, switch

    switch(CHANNELS, channel, organization, active=True, as_json=as_json)


@notifications_app.command("disable")
def notifications_disable(
    channel: Channel, organization: OrganizationOption = None, as_json: Json = False
) -> None:
    """Switch a channel off."""
    from autodeploy.cli.user.receivers import CHANNELS, switch

    switch(CHANNELS, channel, organization, active=False, as_json=as_json)


@notifications_app.command("test")
def notifications_test(
    channel: Channel, organization: OrganizationOption = None, as_json: Json = False
) -> None:
    """Send a message there and wait for what comes of it."""
    from autodeploy.cli.user.receivers import CHANNELS, test

    test(CHANNELS, channel, organization, as_json)
