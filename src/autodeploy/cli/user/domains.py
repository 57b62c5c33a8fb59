"""The ``domains`` commands: their names, arguments and help."""

from typing import Annotated

import typer

from autodeploy.cli.options import Json
from autodeploy.cli.user.arguments import Environment, ProjectArgument, ProjectOption

Name = Annotated[str, typer.Argument(metavar="DOMAIN", help="Such as shop.example.com.")]

Detach = Annotated[bool, typer.Option("--detach", help="Do not wait for its records.")]

domains_app = typer.Typer(
    name="domains", help="Names of your own that apps are served at.", no_args_is_help=True
)


@domains_app.command("list")
def domains_list(project: ProjectArgument = None, as_json: Json = False) -> None:
    """List the domains of a project, with the records that are still to be set."""
    from autodeploy.cli.user.served import show_all

    show_all(project, as_json)


@domains_app.command("add")
def domains_add(
    name: Name,
    project: ProjectOption = None,
    environment: Environment = None,
    detach: Detach = False,
    as_json: Json = False,
) -> None:
    """Have an app served at a name, and show the records to set for it.

    \b
    Example:
      autodeploy domains add shop.example.com --project shop
    """
    from autodeploy.cli.user.app_file import environment_name
    from autodeploy.cli.user.served import add

    where = environment_name(environment, elsewhere=project is not None)
    add(project, where, name, detach=detach, as_json=as_json)


@domains_app.command("verify")
def domains_verify(
    name: Name, project: ProjectOption = None, detach: Detach = False, as_json: Json = False
) -> None:
    """Have the records of a domain looked at again now."""
    from autodeploy.cli.user.served import verify

    verify(project, name, detach=detach, as_json=as_json)


@domains_app.command("remove")
def domains_remove(
    name: Name,
    project: ProjectOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Serve the app at a name no more."""
    from autodeploy.cli.user.served import remove

    remove(project, name, yes=yes, as_json=as_json)
