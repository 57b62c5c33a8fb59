"""The ``vault`` commands: their names, arguments and help."""

from typing import Annotated

import typer

from autodeploy.cli.options import Json

vault_app = typer.Typer(
    name="vault", help="Look after the keys that secrets are encrypted with.", no_args_is_help=True
)


@vault_app.command("status")
def vault_status(as_json: Json = False) -> None:
    """Show the keys and how many stored values are under each."""
    from autodeploy.cli.operator.vault_keys import show_status

    show_status(as_json=as_json)


@vault_app.command("rotate-master")
def vault_rotate_master(
    prepare: Annotated[
        bool,
        typer.Option(
            "--prepare",
            help="Only add the new key, to be copied to the platform's other machines first.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Encrypt every stored secret under a new master key, while the platform runs.

    Interrupted, it goes on where it was when it is run again.
    """
    from autodeploy.cli.operator.vault_keys import prepare_rotation, rotate_master

    if prepare:
        prepare_rotation(as_json=as_json)
    else:
        rotate_master(as_json=as_json)


@vault_app.command("retire")
def vault_retire(as_json: Json = False) -> None:
    """Remove the master keys that no stored value is under any more."""
    from autodeploy.cli.operator.vault_keys import retire_keys

    retire_keys(as_json=as_json)


@vault_app.command("rotate")
def vault_rotate(
    user: Annotated[str, typer.Argument(help="The user's id or e-mail address.")],
    provider: Annotated[str, typer.Argument(help="The provider, such as github.")],
    as_json: Json = False,
) -> None:
    """Encrypt the tokens of one provider connection anew."""
    from autodeploy.cli.operator.vault_keys import rotate_connection

    rotate_connection(user, provider, as_json=as_json)
