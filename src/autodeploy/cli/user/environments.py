"""The ``environments`` commands: their names, arguments and help, and what they do."""

from typing import Annotated

import typer

from autodeploy.cli.options import Json
from autodeploy.cli.user.arguments import ProjectArgument, ProjectOption

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the environment.")]

environments_app = typer.Typer(
    name="environments",
    help="Show, make and delete the environments of a project.",
    no_args_is_help=True,
)


@environments_app.command("list")
def environments_list(project: ProjectArgument = None, as_json: Json = False) -> None:
    """List the environments with what is live there."""
    from autodeploy.cli.user.projects import list_environments

    list_environments(project, as_json)


@environments_app.command("create")
def environments_create(
    name: Name,
    project: ProjectOption = None,
    copy_from: Annotated[
        str | None,
        typer.Option("--copy-from", help="Begin with the variables of this environment."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make an environment; the first deployment to one makes it too.

    \b
    Example:
      autodeploy environments create staging --copy-from production --project shop
    """
    from autodeploy.cli.user.projects import create_environment

    create_environment(project, name, copy_from, as_json)


@environments_app.command("delete")
def environments_delete(
    name: Name,
    project: ProjectOption = None,
    backup: Annotated[
        bool, typer.Option("--backup/--no-backup", help="Make last backups of databases before.")
    ] = True,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Take down what is live in an environment, and delete its variables, and its databases after
    a last backup that is kept for 30 days.

    \b
    Example:
      autodeploy environments delete staging --project shop
    """
    from autodeploy.cli.user.projects import delete_environment

    delete_environment(project, name, backup=backup, yes=yes, as_json=as_json)


@environments_app.command("remove-kept")
def environments_remove_kept(
    name: Name,
    provider: Annotated[
        str, typer.Argument(metavar="PROVIDER", help="Which the app has moved away from.")
    ],
    project: ProjectOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Remove what a provider keeps, and charges for, that the app has moved away from.

    \b
    Example:
      autodeploy environments remove-kept production render --project shop
    """
    from autodeploy.cli.user.projects import remove_kept

    remove_kept(project, name, provider, yes=yes, as_json=as_json)
