"""The ``db`` commands: their names, arguments and help."""

from enum import StrEnum
from typing import Annotated

import typer

from autodeploy.cli.options import Json
from autodeploy.cli.user.arguments import (
    Environment,
    IgnoreBudget,
    ProjectArgument,
    ProjectOption,
)

Name = Annotated[str, typer.Argument(help="Name of the database.", metavar="[NAME]")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Detach = Annotated[bool, typer.Option("--detach", help="Start it and do not wait.")]


class Engine(StrEnum):
    """What a database is."""

    POSTGRESQL = "postgresql"
    REDIS = "redis"


database_app = typer.Typer(
    name="db", help="Databases of your apps, their backups and passwords.", no_args_is_help=True
)


@database_app.command("list")
def db_list(project: ProjectArgument = None, as_json: Json = False) -> None:
    """List the databases of a project."""
    from autodeploy.cli.user.databases import show_all

    show_all(project, as_json)


@database_app.command("create")
def db_create(
    name: Name = "main",
    project: ProjectOption = None,
    environment: Environment = None,
    engine: Annotated[Engine, typer.Option("--engine", help="What it is.")] = Engine.POSTGRESQL,
    provider: Annotated[str, typer.Option("--provider", help="Where it is made.")] = "local",
    plan: Annotated[str, typer.Option("--plan", help="Its plan there.")] = "free",
    region: Annotated[
        str | None, typer.Option("--region", help="Where there; default: the provider's choice.")
    ] = None,
    from_backup: Annotated[
        str | None, typer.Option("--from", help="Id of a backup that it begins with.")
    ] = None,
    ignore_budget: IgnoreBudget = False,
    detach: Detach = False,
    as_json: Json = False,
) -> None:
    """Make a database, or find the one of this name.

    \b
    Examples:
      autodeploy db create
      autodeploy db create reports --project shop --environment staging
      autodeploy db create cache --engine redis --provider render
    """
    from autodeploy.cli.user.databases import Wanted, create

    wanted = Wanted(name, project, _where(project, environment), as_json)
    create(
        wanted,
        engine=engine.value,
        provider=provider,
        plan=plan,
        region=region,
        backup=from_backup,
        ignore_budget=ignore_budget,
        detach=detach,
    )


@database_app.command("show")
def db_show(
    name: Name = "main",
    project: ProjectOption = None,
    environment: Environment = None,
    url: Annotated[
        bool, typer.Option("--url", help="Show its URL with the password alone; it is logged.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show a database, or with --url how to connect to it.

    \b
    Example:
      psql "$(autodeploy db show --url)"
    """
    from autodeploy.cli.user.databases import Wanted, show, show_url

    wanted = Wanted(name, project, _where(project, environment), as_json)
    (show_url if url else show)(wanted)


@database_app.command("metrics")
def db_metrics(
    name: Name = "main",
    project: ProjectOption = None,
    environment: Environment = None,
    as_json: Json = False,
) -> None:
    """Show its size, connections, transactions, cache and slowest statements."""
    from autodeploy.cli.user.databases import Wanted, metrics

    metrics(Wanted(name, project, _where(project, environment), as_json))


@database_app.command("backup")
def db_backup(
    name: Name = "main",
    project: ProjectOption = None,
    environment: Environment = None,
    detach: Detach = False,
    as_json: Json = False,
) -> None:
    """Make a backup, and restore it into a scratch database to see that it is good."""
    from autodeploy.cli.user.backups import back_up
    from autodeploy.cli.user.databases import Wanted

    back_up(Wanted(name, project, _where(project, environment), as_json), detach=detach)


@database_app.command("backups")
def db_backups(
    name: Name = "main",
    project: ProjectOption = None,
    environment: Environment = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Those of all databases that the project has or had.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List the backups."""
    from autodeploy.cli.user.backups import show_all
    from autodeploy.cli.user.databases import Wanted

    wanted = Wanted(name, project, _where(project, environment), as_json)
    show_all(wanted, everything=everything)


@database_app.command("restore")
def db_restore(
    backup: Annotated[str, typer.Argument(help="Id of the backup, or `latest`.")],
    name: Name = "main",
    project: ProjectOption = None,
    environment: Environment = None,
    into: Annotated[
        str | None, typer.Option("--to", help="A new database, in the place of this one.")
    ] = None,
    yes: Yes = False,
    detach: Detach = False,
    as_json: Json = False,
) -> None:
    """Restore a backup into a new database, or in the place of what this one holds.

    \b
    Examples:
      autodeploy db restore latest --to yesterday
      autodeploy db restore latest main --project shop
    """
    from autodeploy.cli.user.backups import restore
    from autodeploy.cli.user.databases import Wanted

    wanted = Wanted(name, project, _where(project, environment), as_json)
    restore(wanted, backup, into=into, yes=yes, detach=detach)


@database_app.command("rotate")
def db_rotate(
    name: Name = "main",
    project: ProjectOption = None,
    environment: Environment = None,
    revoke: Annotated[
        bool, typer.Option("--revoke", help="End the present password at once.")
    ] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Give it another password; the one before ends after the next deployment.

    \b
    Example:
      autodeploy db rotate --project shop
      autodeploy deploy --project shop
    """
    from autodeploy.cli.user.databases import Wanted, rotate

    wanted = Wanted(name, project, _where(project, environment), as_json)
    rotate(wanted, revoke=revoke, yes=yes)


@database_app.command("pause")
def db_pause(
    name: Name = "main",
    project: ProjectOption = None,
    environment: Environment = None,
    force: Annotated[bool, typer.Option("--force", help="Also while a release uses it.")] = False,
    detach: Detach = False,
    as_json: Json = False,
) -> None:
    """Pause it at a provider that can: it keeps what it holds, and answers nobody.

    \b
    Example:
      autodeploy db pause --project shop --environment staging
    """
    from autodeploy.cli.user.databases import Wanted, pause

    wanted = Wanted(name, project, _where(project, environment), as_json)
    pause(wanted, force=force, detach=detach)


@database_app.command("resume")
def db_resume(
    name: Name = "main",
    project: ProjectOption = None,
    environment: Environment = None,
    detach: Detach = False,
    as_json: Json = False,
) -> None:
    """Bring it back from a pause, also from one that its provider made by itself.

    \b
    Example:
      autodeploy db resume --project shop --environment staging
    """
    from autodeploy.cli.user.databases import Wanted, resume

    resume(Wanted(name, project, _where(project, environment), as_json), detach=detach)


@database_app.command("delete")
def db_delete(
    name: Annotated[str, typer.Argument(help="Name of the database.")],
    project: ProjectOption = None,
    environment: Environment = None,
    force: Annotated[bool, typer.Option("--force", help="Also while a release uses it.")] = False,
    backup: Annotated[
        bool, typer.Option("--backup/--no-backup", help="Make a last backup before.")
    ] = True,
    yes: Yes = False,
    detach: Detach = False,
    as_json: Json = False,
) -> None:
    """Delete a database, after a last backup that is kept for 30 days."""
    from autodeploy.cli.user.databases import Wanted, delete

    wanted = Wanted(name, project, _where(project, environment), as_json)
    delete(wanted, force=force, backup=backup, yes=yes, detach=detach)


def _where(project: str | None, environment: str | None) -> str:
    from autodeploy.cli.user.app_file import environment_name

    return environment_name(environment, elsewhere=project is not None)
