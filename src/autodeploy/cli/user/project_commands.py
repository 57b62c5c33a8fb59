"""The commands about whole projects: their names, arguments and help. What they do is imported
when run, so that ``--help`` and shell completion stay quick."""

from typing import Annotated

import typer

from autodeploy.cli.options import Json
from autodeploy.cli.user.arguments import (
    Environment,
    ProjectArgument,
    ProjectOption,
    complete_project,
)


def projects(
    search: Annotated[
        str | None,
        typer.Option("--search", "-q", help="Those with these words in name or description."),
    ] = None,
    as_json: Json = False,
) -> None:
    """List the projects, or search them."""
    from autodeploy.cli.user.projects import run

    run(search, as_json)


def open_app(
    project: ProjectArgument = None,
    environment: Environment = None,
    as_json: Json = False,
) -> None:
    """Open the app in the browser, or print its URL where there is none.

    \b
    Example:
      autodeploy open shop
    """
    from autodeploy.cli.user.app_file import environment_name
    from autodeploy.cli.user.projects import open_in_browser

    where = environment_name(environment, elsewhere=project is not None)
    open_in_browser(project, where, as_json)


def destroy(
    project: Annotated[
        str, typer.Argument(help="Name of the project.", autocompletion=complete_project)
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Remove a project with its releases, addresses and databases.

    \b
    Example:
      autodeploy destroy shop --yes
    """
    from autodeploy.cli.user.projects import destroy as run

    run(project, yes=yes, as_json=as_json)


def scale(
    replicas: Annotated[
        str,
        typer.Argument(
            metavar="REPLICAS", help="How many, or `declared`: as many as autodeploy.toml says."
        ),
    ],
    project: ProjectOption = None,
    environment: Environment = None,
    as_json: Json = False,
) -> None:
    """Run more or fewer processes of the app, at once and after each deployment.

    \b
    Examples:
      autodeploy scale 3
      autodeploy scale declared --project shop --environment staging
    """
    from autodeploy.cli.user.app_file import environment_name
    from autodeploy.cli.user.scale import run

    where = environment_name(environment, elsewhere=project is not None)
    run(replicas, project, where, as_json=as_json)


def metrics(
    project: ProjectArgument = None,
    environment: Environment = None,
    as_json: Json = False,
) -> None:
    """Show how the app fares now: instances, CPU, memory, requests and latency.

    \b
    Examples:
      autodeploy metrics
      autodeploy metrics shop --environment staging
    """
    from autodeploy.cli.user.app_file import environment_name
    from autodeploy.cli.user.metrics import show

    where = environment_name(environment, elsewhere=project is not None)
    show(project, where, as_json=as_json)


def drift(
    project: ProjectArgument = None,
    environment: Environment = None,
    fix: Annotated[
        bool, typer.Option("--fix", help="Deploy what is live again, which sets it up anew.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Show what is set at an app's provider otherwise than it was declared.

    \b
    Examples:
      autodeploy drift shop
      autodeploy drift shop --environment staging --fix
    """
    from autodeploy.cli.user.app_file import environment_name
    from autodeploy.cli.user.drift import run

    where = environment_name(environment, elsewhere=project is not None)
    run(project, where, fix=fix, yes=yes, as_json=as_json)


def costs(
    project: ProjectArgument = None,
    environment: Annotated[
        str, typer.Option("--environment", "-e", help="Which would be deployed to.")
    ] = "production",
    provider: Annotated[
        str | None, typer.Option("--provider", help="Where the app would run.")
    ] = None,
    plan: Annotated[str | None, typer.Option("--plan", help="What it would be there.")] = None,
    region: Annotated[str | None, typer.Option("--region", help="Where it would be.")] = None,
    replicas: Annotated[
        int | None, typer.Option("--replicas", help="How many processes it would have.")
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(
            "--database",
            metavar="PROVIDER[:PLAN]",
            help="Where a database that it lacks would be made, and by which plan.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what a project costs a month, by dated prices, and what is left of its budget; with a
    provider, plan or database, what it would cost so.

    \b
    Examples:
      autodeploy costs
      autodeploy costs shop --json
      autodeploy costs --provider render --plan standard --database render:basic_256mb
    """
    from autodeploy.cli.user.costs import show

    database_provider, _, database_plan = (database or "").partition(":")
    wish = {
        "environment": environment,
        "provider": provider,
        "plan": plan,
        "region": region,
        "replicas": replicas,
        "databaseProvider": database_provider or None,
        "databasePlan": database_plan or None,
    }
    show(project, wish, as_json=as_json)


def usage(project: ProjectArgument = None, as_json: Json = False) -> None:
    """Show what providers report that a project costs and has used, beside the estimate.

    \b
    Examples:
      autodeploy usage
      autodeploy usage shop --json
    """
    from autodeploy.cli.user.usage import run

    run(project, as_json=as_json)


def budget(
    amount: Annotated[
        str | None,
        typer.Argument(metavar="[AMOUNT]", help="US dollars a month, or `none`; default: show it."),
    ] = None,
    project: ProjectOption = None,
    as_json: Json = False,
) -> None:
    """Show or set what a project may cost a month; what would cost more is refused then.

    \b
    Examples:
      autodeploy budget
      autodeploy budget 50
      autodeploy budget none --project shop
    """
    from autodeploy.cli.user.costs import budget

    budget(amount, project, as_json=as_json)
