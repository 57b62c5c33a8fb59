"""The ``env`` commands: their names, arguments and help."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from autodeploy.cli.options import Json
from autodeploy.cli.user.arguments import Environment, ProjectArgument, ProjectOption


class VariableScope(StrEnum):
    """Who gets a variable."""

    BUILD = "build"
    RUNTIME = "runtime"
    BOTH = "both"


Secret = Annotated[
    bool | None,
    typer.Option(
        "--secret/--plain",
        help="Whether values are never shown again; default: as their names suggest.",
        show_default=False,
    ),
]

Scope = Annotated[
    VariableScope | None,
    typer.Option(
        "--scope", help="Who gets it: the build, the running app, or both; default: as it is, both."
    ),
]

environment_app = typer.Typer(
    name="env", help="Show and change the environment variables of a project.", no_args_is_help=True
)


@environment_app.command("list")
def env_list(
    project: ProjectArgument = None, environment: Environment = None, as_json: Json = False
) -> None:
    """List the variables; secrets show no value."""
    from autodeploy.cli.user.variables import show

    show(project, _where(project, environment), as_json)


@environment_app.command("set")
def env_set(
    pairs: Annotated[
        list[str],
        typer.Argument(
            metavar="KEY=VALUE...",
            help="KEY alone asks for the value, unseen, or reads a line of standard input.",
        ),
    ],
    project: ProjectOption = None,
    environment: Environment = None,
    secret: Secret = None,
    scope: Scope = None,
    as_json: Json = False,
) -> None:
    """Set variables; the next deployment uses them.

    \b
    Examples:
      autodeploy env set LOG_LEVEL=debug --project shop
      autodeploy env set API_KEY < key.txt
      autodeploy env set 'STORE=${{ databases.main.url }}' 'API=${{ projects.api.url }}/v1'
    """
    from autodeploy.cli.user.variables import put

    put(pairs, project, _where(project, environment), secret=secret, scope=scope, as_json=as_json)


@environment_app.command("unset")
def env_unset(
    keys: Annotated[list[str], typer.Argument(metavar="KEY...")],
    project: ProjectOption = None,
    environment: Environment = None,
    as_json: Json = False,
) -> None:
    """Remove variables."""
    from autodeploy.cli.user.variables import unset

    unset(keys, project, _where(project, environment), as_json)


@environment_app.command("import")
def env_import(
    file: Annotated[Path, typer.Argument(help="A .env file, or - for standard input.")],
    project: ProjectOption = None,
    environment: Environment = None,
    secret: Secret = None,
    scope: Scope = None,
    as_json: Json = False,
) -> None:
    """Set all variables of a .env file.

    \b
    Example:
      autodeploy env import .env.production --project shop
    """
    from autodeploy.cli.user.variables import import_file

    import_file(
        file, project, _where(project, environment), secret=secret, scope=scope, as_json=as_json
    )


@environment_app.command("copy")
def env_copy(
    source: Annotated[str, typer.Argument(metavar="FROM", help="Environment to copy from.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="Environment to copy to.")],
    project: ProjectOption = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Also over variables that are set there.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Copy the variables of one environment to another, secrets too.

    \b
    Example:
      autodeploy env copy production staging --project shop
    """
    from autodeploy.cli.user.variables import copy

    copy(source, target, project, overwrite=overwrite, as_json=as_json)


@environment_app.command("history")
def env_history(
    project: ProjectArgument = None, environment: Environment = None, as_json: Json = False
) -> None:
    """List who changed which variables when; no values."""
    from autodeploy.cli.user.variables import history

    history(project, _where(project, environment), as_json)


@environment_app.command("diff")
def env_diff(
    before: Annotated[int, typer.Argument(metavar="A", help="A version; 0: before the first.")],
    after: Annotated[int, typer.Argument(metavar="B", help="Another version.")],
    project: ProjectOption = None,
    environment: Environment = None,
    as_json: Json = False,
) -> None:
    """Show which variables changed from version A to version B; no values.

    \b
    Example:
      autodeploy env diff 3 5 --project shop
    """
    from autodeploy.cli.user.variables import compare

    compare(before, after, project, _where(project, environment), as_json)


def _where(project: str | None, environment: str | None) -> str:
    from autodeploy.cli.user.app_file import environment_name

    return environment_name(environment, elsewhere=project is not None)
