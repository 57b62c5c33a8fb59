"""The ``tokens`` commands: their names, arguments and help."""

from typing import Annotated

import typer

from autodeploy.cli.options import Json
from autodeploy.cli.user.arguments import Scope, complete_project

TokenProject = Annotated[
    str | None,
    typer.Option(
        "--project",
        "-p",
        help="Service tokens of this project; default: your personal tokens.",
        autocompletion=complete_project,
    ),
]

tokens_app = typer.Typer(
    name="tokens",
    help="Personal tokens, and service tokens of a project for CI.",
    no_args_is_help=True,
)


@tokens_app.command("list")
def tokens_list(project: TokenProject = None, as_json: Json = False) -> None:
    """List the tokens, without their secrets."""
    from autodeploy.cli.user.access_tokens import show

    show(project, as_json)


@tokens_app.command("create")
def tokens_create(
    name: Annotated[str, typer.Argument(help="What it is listed as.")],
    scopes: Annotated[
        list[Scope] | None,
        typer.Option(
            "--scope",
            help="What it may do; may be repeated. Default: write, of a service token deploy.",
        ),
    ] = None,
    days: Annotated[
        int | None,
        typer.Option(
            "--expires-in-days", help="Default: never, of a service token 90.", min=1, max=3650
        ),
    ] = None,
    project: TokenProject = None,
    as_json: Json = False,
) -> None:
    """Make a token and print its secret, this once.

    \b
    Examples:
      autodeploy tokens create laptop --scope admin --expires-in-days 30
      autodeploy tokens create ci --project shop
    """
    from autodeploy.cli.user.access_tokens import create

    create(name, scopes or [], days, project, as_json)


@tokens_app.command("revoke")
def tokens_revoke(
    token: Annotated[str, typer.Argument(help="Id, shown beginning or name of the token.")],
    project: TokenProject = None,
    as_json: Json = False,
) -> None:
    """End a token; it stops working at once.

    \b
    Example:
      autodeploy tokens revoke ci --project shop
    """
    from autodeploy.cli.user.access_tokens import revoke

    revoke(token, project, as_json)
