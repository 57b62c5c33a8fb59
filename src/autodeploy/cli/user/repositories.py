"""The ``repositories`` commands: their names, arguments and help."""

from typing import Annotated

import typer

from autodeploy.cli.options import Json

repositories_app = typer.Typer(
    name="repositories",
    help="What can be deployed: the repositories that were added, and those at GitHub.",
    no_args_is_help=True,
)


@repositories_app.command("list")
def repositories_list(
    github: Annotated[
        bool, typer.Option("--github", help="Those that your account at GitHub sees.")
    ] = False,
    search: Annotated[
        str | None, typer.Option("--search", "-s", help="Those with this in their names.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the repositories that were added here, or what your account at GitHub sees.

    \b
    Examples:
      autodeploy repositories list
      autodeploy repositories list --github --search shop
    """
    from autodeploy.cli.user.repository_lists import show, show_github

    if github:
        show_github(search, as_json)
    else:
        show(search, as_json)
