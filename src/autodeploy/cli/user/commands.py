"""The commands of a user: their names, arguments and help. What they do is imported when run,
so that ``--help`` and shell completion stay quick."""

from enum import StrEnum
from typing import Annotated

import typer

from autodeploy.cli.options import Json
from autodeploy.cli.user.arguments import (
    BuildOption,
    DatabaseProvider,
    DeployedProject,
    Environment,
    IgnoreBudget,
    IgnoreMissing,
    OneWay,
    PlanOption,
    ProjectArgument,
    ProjectOption,
    ProjectOrganization,
    ProviderOption,
    RefOption,
    RegionOption,
    RootOption,
    Scope,
    TargetArgument,
    complete_project,
)
from autodeploy.cli.user.connections import connections_app
from autodeploy.cli.user.db import database_app
from autodeploy.cli.user.domains import domains_app
from autodeploy.cli.user.env import environment_app
from autodeploy.cli.user.environments import environments_app
from autodeploy.cli.user.held import resources_app
from autodeploy.cli.user.notifications import notifications_app
from autodeploy.cli.user.one_off import BehindDashes, list_runs, run_command
from autodeploy.cli.user.org import organization_app
from autodeploy.cli.user.pushes import previews_app, pushes_app
from autodeploy.cli.user.repositories import repositories_app
from autodeploy.cli.user.tokens import tokens_app
from autodeploy.cli.user.webhooks import webhooks_app

PANEL = "Your apps"
TEAM_PANEL = "Your organizations"


class Level(StrEnum):
    """How bad a line is; a level stands for those after it too."""

    DEBUG = "debug"
    INFO = "info"
    WARN = "warn"
    ERROR = "error"


class Source(StrEnum):
    """Who printed a line."""

    BUILD = "build"
    RELEASE = "release"
    APP = "app"
    DATABASE = "database"
    AUTODEPLOY = "autodeploy"


def register(app: typer.Typer) -> None:
    """Add the user commands to ``app``."""
    for command in (
        deploy,
        status,
        logs,
        rollback,
        scale,
        costs,
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


def deploy(
    source: Annotated[
        str,
        typer.Argument(
            help="A folder, a file: URL, a git URL, or OWNER/NAME at GitHub.",
            metavar="[PATH|URL|OWNER/NAME]",
        ),
    ] = ".",
    ref: RefOption = None,
    project: DeployedProject = None,
    environment: Environment = None,
    organization: ProjectOrganization = None,
    root: RootOption = None,
    build: BuildOption = None,
    ignore_missing: IgnoreMissing = False,
    one_way: OneWay = None,
    provider: ProviderOption = None,
    plan: PlanOption = None,
    region: RegionOption = None,
    database_provider: DatabaseProvider = None,
    ignore_budget: IgnoreBudget = False,
    detach: Annotated[bool, typer.Option("--detach", help="Start it and do not wait.")] = False,
    as_json: Json = False,
) -> None:
    """Deploy a folder or a git repository and print its URL.

    \b
    Examples:
      autodeploy deploy
      autodeploy deploy apps/shop --environment staging --org acme
      autodeploy deploy acme/shop
      autodeploy deploy https://github.com/team/shop.git --ref v1.2 --root apps/web
      autodeploy deploy --provider vercel --database-provider supabase
      autodeploy deploy --provider render --plan starter --region frankfurt
    """
    from autodeploy.cli.user.deploy import DeployOptions, run

    run(
        DeployOptions(
            source,
            ref=ref,
            project=project,
            environment=environment,
            root_directory=root,
            detach=detach,
            as_json=as_json,
            build=build,
            organization=organization,
            ignore_missing=ignore_missing,
            one_way=one_way,
            provider=provider,
            plan=plan,
            region=region,
            database_provider=database_provider,
            ignore_budget=ignore_budget,
        )
    )


def status(
    project: ProjectArgument = None,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Show it until Ctrl-C, as it changes.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what is live where and how it fares, and the latest deployments.

    \b
    Examples:
      autodeploy status
      autodeploy status shop --watch
    """
    from autodeploy.cli.user.status import run

    run(project, watch=watch, as_json=as_json)


def logs(
    target: TargetArgument = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep showing new lines.")] = False,
    lines: Annotated[
        int | None,
        typer.Option(
            "--lines",
            "-n",
            min=1,
            max=10_000,
            help="The newest so many; default: 200, or with --since all.",
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", help="From a time on: 90s, 10m, 2h, 3d, or 2026-11-23T08:00."),
    ] = None,
    level: Annotated[
        Level | None, typer.Option("--level", help="Lines of this level or worse.")
    ] = None,
    source: Annotated[
        list[Source] | None,
        typer.Option("--source", help="Lines that this printed; may be repeated."),
    ] = None,
    environment: Environment = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Show what a deployment's build and app have printed.

    \b
    Examples:
      autodeploy logs --follow
      autodeploy logs shop --since 10m --level error --source app
    """
    from autodeploy.cli.user.app_file import environment_name
    from autodeploy.cli.user.logs import LogOptions, run

    where = environment_name(environment, elsewhere=target is not None)
    run(LogOptions(target, where, follow, lines, since, level, tuple(source or ()), as_json))


def rollback(
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="[PROJECT|DEPLOYMENT]",
            help="The deployment to bring back, or a project: the release before the live one.",
            autocompletion=complete_project,
        ),
    ] = None,
    environment: Environment = None,
    force: Annotated[
        bool, typer.Option("--force", help="Also to before a one-way migration of the database.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Bring an earlier release back, without building it again.

    \b
    Examples:
      autodeploy rollback
      autodeploy rollback shop --environment staging
    """
    from autodeploy.cli.user.app_file import environment_name
    from autodeploy.cli.user.deploy import roll_back

    where = environment_name(environment, elsewhere=target is not None)
    roll_back(target, where, force=force, as_json=as_json)


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


def costs(project: ProjectArgument = None, as_json: Json = False) -> None:
    """Show what a project costs a month, by dated prices, and what is left of its budget.

    \b
    Examples:
      autodeploy costs
      autodeploy costs shop --json
    """
    from autodeploy.cli.user.costs import show

    show(project, as_json=as_json)


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


def cancel(
    target: TargetArgument = None,
    environment: Environment = None,
    as_json: Json = False,
) -> None:
    """Stop a deployment that is under way.

    \b
    Example:
      autodeploy cancel shop
    """
    from autodeploy.cli.user.app_file import environment_name
    from autodeploy.cli.user.status import cancel as run

    run(target, environment_name(environment, elsewhere=target is not None), as_json)


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
