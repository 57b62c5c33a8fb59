"""The commands of a user, in the order of ``--help``. What they do is imported when run, so that
``--help`` and shell completion stay quick."""

from typing import Annotated

import typer

from autodeploy.cli.options import Json
from autodeploy.cli.user.arguments import Scope
from autodeploy.cli.user.connections import connections_app
from autodeploy.cli.user.db import database_app
from autodeploy.cli.user.deployment_commands import cancel, deploy, logs, rollback, status
from autodeploy.cli.user.domains import domains_app
from autodeploy.cli.user.env import environment_app
from autodeploy.cli.user.environments import environments_app
from autodeploy.cli.user.held import resources_app
from autodeploy.cli.user.notifications import notifications_app
from autodeploy.cli.user.one_off import BehindDashes, list_runs, run_command
from autodeploy.cli.user.org import organization_app
from autodeploy.cli.user.project_commands import (
    budget,
    costs,
    destroy,
    drift,
    metrics,
    open_app,
    projects,
    scale,
    usage,
)
from autodeploy.cli.user.pushes import previews_app, pushes_app
from autodeploy.cli.user.repositories import repositories_app
from autodeploy.cli.user.tokens import tokens_app
from autodeploy.cli.user.webhooks import webhooks_app

PANEL = "Your apps"
TEAM_PANEL = "Your organizations"


def register(app: typer.Typer) -> None:
    """Add the user commands to ``app``."""
    for command in (
        deploy,
        status,
        logs,
        metrics,
        rollback,
        scale,
        costs,
        usage,
        budget,
        drift,
        providers,
        cancel,
        projects,
        open_app,
        destroy,
        login,
    ):
        name = "open" if command is open_app else None
        app.command(name, rich_help_panel=PANEL)(command)
    app.command("run", cls=BehindDashes, rich_help_panel=PANEL)(run_command)
    app.command("runs", rich_help_panel=PANEL)(list_runs)
    app.add_typer(environment_app, rich_help_panel=PANEL)
    app.add_typer(environments_app, rich_help_panel=PANEL)
    app.add_typer(pushes_app, rich_help_panel=PANEL)
    app.add_typer(previews_app, rich_help_panel=PANEL)
    app.add_typer(database_app, rich_help_panel=PANEL)
    app.add_typer(domains_app, rich_help_panel=PANEL)
    app.add_typer(connections_app, rich_help_panel=PANEL)
    app.add_typer(repositories_app, rich_help_panel=PANEL)
    app.add_typer(resources_app, rich_help_panel=PANEL)
    app.add_typer(organization_app, rich_help_panel=TEAM_PANEL)
    app.add_typer(tokens_app, rich_help_panel=TEAM_PANEL)
    app.add_typer(webhooks_app, rich_help_panel=TEAM_PANEL)
    app.add_typer(notifications_app, rich_help_panel=TEAM_PANEL)


def providers(
    name: Annotated[
        str | None, typer.Argument(help="This one alone, with its regions and plans.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List where apps and databases can be, and of one provider its regions, plans and prices.

    \b
    Examples:
      autodeploy providers
      autodeploy providers render
    """
    from autodeploy.cli.user.providers import show

    show(name, as_json=as_json)


def login(
    url: Annotated[str | None, typer.Option("--url", help="Address of the platform.")] = None,
    token: Annotated[
        str | None,
        typer.Option("--token", help="A personal token, or - to read it from standard input."),
    ] = None,
    email: Annotated[str | None, typer.Option("--email", help="Sign in with a password.")] = None,
    scope: Annotated[
        Scope,
        typer.Option(
            "--scope", help="What the command line may do; admin also manages organizations."
        ),
    ] = Scope.WRITE,
    as_json: Json = False,
) -> None:
    """Choose a platform and sign in to it, with the browser unless told otherwise.

    \b
    Examples:
      autodeploy login --url https://deploy.example.com --scope admin
      autodeploy login --url https://deploy.example.com --token - < token.txt
    """
    from autodeploy.cli.user.login import run

    run(url, token, email, scope, as_json)
