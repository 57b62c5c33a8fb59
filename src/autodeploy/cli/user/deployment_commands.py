"""The commands about deployments: their names, arguments and help. What they do is imported when
run, so that ``--help`` and shell completion stay quick."""

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
    ProjectOrganization,
    ProviderOption,
    RefOption,
    RegionOption,
    RootOption,
    TargetArgument,
    complete_project,
)


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
