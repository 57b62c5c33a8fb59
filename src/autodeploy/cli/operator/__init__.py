"""The commands of an operator: they run on the platform's own machine."""

import typer

PANEL = "The platform"


def register(app: typer.Typer) -> None:
    """Add the operator commands to ``app``."""
    from autodeploy.cli.operator.commands import (
        admin_token,
        doctor,
        down,
        migrate,
        runtime,
        secrets,
        serve,
        up,
        worker,
    )
    from autodeploy.cli.operator.vault import vault_app
    from autodeploy.cli.user.queue import queue_app

    for command in (up, down, doctor, serve, worker, runtime, migrate, secrets):
        app.command(rich_help_panel=PANEL)(command)
    app.command(name="admin-token", rich_help_panel=PANEL)(admin_token)
    app.add_typer(vault_app, rich_help_panel=PANEL)
    app.add_typer(queue_app, rich_help_panel=PANEL)
