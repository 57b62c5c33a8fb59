"""The ``org`` commands: their names, arguments and help."""

from typing import Annotated

import typer

from autodeploy.cli.options import Json
from autodeploy.cli.user.arguments import (
    NamedOrganization,
    OrganizationArgument,
    OrganizationOption,
    Role,
    complete_project,
)

Slug = Annotated[
    str | None,
    typer.Option("--slug", help="Its name in commands and URLs: lower case, digits and hyphens."),
]
User = Annotated[str, typer.Argument(help="E-mail address or id of the member.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

organization_app = typer.Typer(
    name="org", help="Organizations, their members and invitations.", no_args_is_help=True
)


@organization_app.command("list")
def org_list(as_json: Json = False) -> None:
    """List your organizations, and your role in each."""
    from autodeploy.cli.user.organizations import show_all

    show_all(as_json)


@organization_app.command("show")
def org_show(organization: OrganizationArgument = None, as_json: Json = False) -> None:
    """Show an organization."""
    from autodeploy.cli.user.organizations import show

    show(organization, as_json)


@organization_app.command("create")
def org_create(
    name: Annotated[str, typer.Argument(help="What people call it.")],
    slug: Slug = None,
    as_json: Json = False,
) -> None:
    """Make an organization, which you own.

    \b
    Example:
      autodeploy org create "Acme Ltd" --slug acme
    """
    from autodeploy.cli.user.organizations import create

    create(name, slug, as_json)


@organization_app.command("rename")
def org_rename(
    organization: NamedOrganization,
    name: Annotated[str, typer.Argument(help="The new name.")],
    slug: Slug = None,
    as_json: Json = False,
) -> None:
    """Give an organization another name; its slug stays unless it is given too.

    \b
    Example:
      autodeploy org rename acme "Acme Inc."
    """
    from autodeploy.cli.user.organizations import rename

    rename(organization, name, slug, as_json)


@organization_app.command("delete")
def org_delete(organization: NamedOrganization, yes: Yes = False, as_json: Json = False) -> None:
    """Delete an organization that has no project and no database."""
    from autodeploy.cli.user.organizations import delete

    delete(organization, yes=yes, as_json=as_json)


@organization_app.command("members")
def org_members(organization: OrganizationArgument = None, as_json: Json = False) -> None:
    """List the members and their roles."""
    from autodeploy.cli.user.members import show

    show(organization, as_json)


@organization_app.command("invite")
def org_invite(
    email: Annotated[str, typer.Argument(help="Where the link is sent to.")],
    role: Annotated[Role, typer.Option("--role", help="What the person may do.")] = Role.MEMBER,
    organization: OrganizationOption = None,
    as_json: Json = False,
) -> None:
    """Invite a person by e-mail; inviting again sends a new link and ends the earlier one.

    \b
    Example:
      autodeploy org invite grace@example.com --role admin --org acme
    """
    from autodeploy.cli.user.invitations import invite

    invite(email, role, organization, as_json)


@organization_app.command("invitations")
def org_invitations(organization: OrganizationArgument = None, as_json: Json = False) -> None:
    """List the invitations that wait for an answer."""
    from autodeploy.cli.user.invitations import show

    show(organization, as_json)


@organization_app.command("revoke-invitation")
def org_revoke_invitation(
    email: Annotated[str, typer.Argument(help="The address that was invited.")],
    organization: OrganizationOption = None,
    as_json: Json = False,
) -> None:
    """End an invitation and its link."""
    from autodeploy.cli.user.invitations import revoke

    revoke(email, organization, as_json)


@organization_app.command("accept")
def org_accept(
    token: Annotated[
        str,
        typer.Argument(help="The link of the mail, its token, or - to read it from input."),
    ],
    name: Annotated[
        str | None,
        typer.Option("--name", help="Make an account of this name for the invited address."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Join an organization by the link of an invitation.

    \b
    Examples:
      autodeploy org accept 'https://deploy.example.com/invitations#token=…'
      autodeploy org accept - --name "Grace Hopper"
    """
    from autodeploy.cli.user.invitations import accept

    accept(token, name, as_json)


@organization_app.command("role")
def org_role(
    user: User,
    role: Annotated[Role, typer.Argument(help="The new role.")],
    organization: OrganizationOption = None,
    as_json: Json = False,
) -> None:
    """Give a member another role.

    \b
    Example:
      autodeploy org role grace@example.com admin --org acme
    """
    from autodeploy.cli.user.members import give_role

    give_role(user, role, organization, as_json)


@organization_app.command("limit")
def org_limit(
    user: User,
    projects: Annotated[
        list[str] | None,
        typer.Option(
            "--project",
            "-p",
            help="A project that the member may see; may be repeated.",
            autocompletion=complete_project,
        ),
    ] = None,
    no_limit: Annotated[bool, typer.Option("--no-limit", help="Let the member see all.")] = False,
    organization: OrganizationOption = None,
    as_json: Json = False,
) -> None:
    """Limit a member or viewer to some projects; without options, show the limit.

    \b
    Examples:
      autodeploy org limit grace@example.com --project shop --project blog --org acme
      autodeploy org limit grace@example.com --no-limit --org acme
    """
    from autodeploy.cli.user.members import limit

    limit(user, projects or [], lift=no_limit, organization=organization, as_json=as_json)


@organization_app.command("remove")
def org_remove(
    user: User,
    organization: OrganizationOption = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Remove a member."""
    from autodeploy.cli.user.members import remove

    remove(user, organization, yes=yes, as_json=as_json)


@organization_app.command("leave")
def org_leave(organization: NamedOrganization, yes: Yes = False, as_json: Json = False) -> None:
    """Leave an organization."""
    from autodeploy.cli.user.members import leave

    leave(organization, yes=yes, as_json=as_json)


@organization_app.command("transfer")
def org_transfer(
    user: User,
    organization: OrganizationOption = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Make another member an owner in your place; you become an admin."""
    from autodeploy.cli.user.members import transfer

    transfer(user, organization, yes=yes, as_json=as_json)
