"""The ``connections`` commands: their names, arguments and help."""

from typing import Annotated

import typer

from autodeploy.cli.options import Json

Provider = Annotated[str, typer.Argument(help="Such as github, vercel, render or supabase.")]

connections_app = typer.Typer(
    name="connections",
    help="Your accounts at providers, which deployments there act for.",
    no_args_is_help=True,
)


@connections_app.command("list")
def connections_list(as_json: Json = False) -> None:
    """List your connected accounts, without their tokens."""
    from autodeploy.cli.user.connected import show

    show(as_json)


@connections_app.command("add")
def connections_add(
    provider: Provider,
    owner: Annotated[
        str | None,
        typer.Option("--owner", help="The team, workspace or organization, by its id there."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Also in place of an account that something acts by.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Connect an account by a token of its console, which is asked for or read from a pipe.

    Where environments or databases act by another account, they are named and it is asked first.

    \b
    Examples:
      autodeploy connections add vercel
      autodeploy connections add render --owner tea-abc < token.txt
    """
    from autodeploy.cli.user.connected import add

    add(provider, owner, force=force, as_json=as_json)


@connections_app.command("remove")
def connections_remove(
    provider: Provider,
    force: Annotated[
        bool, typer.Option("--force", help="Also while environments or databases act by it.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Forget an account. Deployments there cannot be made, rolled back or removed any more.

    While environments or databases act by it, they are named and it stays, unless forced.
    """
    from autodeploy.cli.user.connected import remove

    remove(provider, force=force, yes=yes, as_json=as_json)
