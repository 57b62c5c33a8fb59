"""The ``push-to-deploy`` and ``previews`` commands: their names, arguments and help."""

from typing import Annotated

import typer

from autodeploy.cli.options import Json
from autodeploy.cli.user.arguments import ProjectArgument, ProjectOption

pushes_app = typer.Typer(
    name="push-to-deploy",
    help="Deploy what is pushed to GitHub, and say how far it is.",
    no_args_is_help=True,
)
previews_app = typer.Typer(
    name="previews",
    help="The environments of open pull requests.",
    no_args_is_help=True,
)


@pushes_app.command("on")
def pushes_on(
    project: ProjectArgument = None,
    branch: Annotated[
        list[str] | None,
        typer.Option(
            "--branch",
            metavar="BRANCH=ENVIRONMENT",
            help="What is deployed where; at first the default branch to production.",
        ),
    ] = None,
    path: Annotated[
        list[str] | None,
        typer.Option("--path", help="A pattern of files that count, such as apps/web/**."),
    ] = None,
    wait_for_ci: Annotated[
        bool | None,
        typer.Option("--wait-for-ci/--no-wait-for-ci", help="Deploy once the checks have passed."),
    ] = None,
    previews: Annotated[
        bool | None,
        typer.Option("--previews/--no-previews", help="Deploy open pull requests, too."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Switch it on, or change what is given here; the rest stays.

    \b
    Examples:
      autodeploy push-to-deploy on shop
      autodeploy push-to-deploy on shop --branch main=production --branch next=staging
      autodeploy push-to-deploy on shop --path 'apps/shop/**' --wait-for-ci --previews
    """
    from autodeploy.cli.user.push_to_deploy import switch_on

    switch_on(
        project,
        branches=branch,
        paths=path,
        wait_for_ci=wait_for_ci,
        previews=previews,
        as_json=as_json,
    )


@pushes_app.command("off")
def pushes_off(project: ProjectArgument = None, as_json: Json = False) -> None:
    """Deploy nothing by pushes any more, and take previews down. What is live stays live."""
    from autodeploy.cli.user.push_to_deploy import switch_off

    switch_off(project, as_json=as_json)


@pushes_app.command("status")
def pushes_status(project: ProjectArgument = None, as_json: Json = False) -> None:
    """Show how far each branch is deployed and why not further, and whether GitHub calls."""
    from autodeploy.cli.user.push_to_deploy import show

    show(project, as_json=as_json)


@previews_app.command("list")
def previews_list(project: ProjectArgument = None, as_json: Json = False) -> None:
    """List the open pull requests with their addresses."""
    from autodeploy.cli.user.push_to_deploy import list_previews

    list_previews(project, as_json=as_json)


@previews_app.command("approve")
def previews_approve(
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="Of the pull request.", min=1)],
    project: ProjectOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Have the present commit of a fork built and deployed, without secrets.

    \b
    Example:
      autodeploy previews approve 12 --project shop
    """
    from autodeploy.cli.user.push_to_deploy import approve

    approve(number, project, yes=yes, as_json=as_json)
