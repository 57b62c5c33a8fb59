"""The ``resources`` commands: what the platform holds at providers, and what is nobody's there.

The client is imported when a command runs: every other command starts without it.
"""

from enum import StrEnum
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from autodeploy.cli.failures import CommandError, ExitCode
from autodeploy.cli.options import Json
from autodeploy.cli.user.arguments import complete_project


class Kind(StrEnum):
    """What a project can hold."""

    RELEASE = "release"
    BUILD = "build"
    DATABASE = "database"
    BACKUP = "backup"


class State(StrEnum):
    """What it is there for."""

    LIVE = "live"
    STANDBY = "standby"
    KEPT = "kept"
    HALF_MADE = "half_made"
    LEAVING = "leaving"


class _ListsByDefault(TyperGroup):
    """``resources shop`` is ``resources list shop``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or args[0] not in {*self.commands, *ctx.help_option_names}:
            args = ["list", *args]
        return super().parse_args(ctx, args)


resources_app = typer.Typer(
    name="resources",
    cls=_ListsByDefault,
    help="Show what the platform holds at providers, and remove what is nobody's.",
)


@resources_app.command("list")
def resources_list(
    project: Annotated[
        str | None,
        typer.Argument(help="Name of a project; default: all.", autocompletion=complete_project),
    ] = None,
    kind: Annotated[Kind | None, typer.Option(help="Those of this kind.")] = None,
    state: Annotated[State | None, typer.Option(help="Those in this state.")] = None,
    orphans: Annotated[
        bool,
        typer.Option("--orphans", help="What is nobody's, for an administrator of the platform."),
    ] = False,
    as_json: Json = False,
) -> None:
    """List releases, builds, databases and backups with what they are there for.

    \b
    Examples:
      autodeploy resources shop --kind database
      autodeploy resources --orphans
    """
    from autodeploy.cli.user.holdings import list_held, list_orphans

    if not orphans:
        list_held(project, kind=kind, state=state, as_json=as_json)
    elif project or kind or state:
        raise CommandError(
            "What is nobody's belongs to no project, and is of no state.",
            remedy="Give --orphans alone.",
            exit_code=ExitCode.USAGE,
        )
    else:
        list_orphans(as_json=as_json)


@resources_app.command("remove")
def resources_remove(
    orphan: Annotated[str, typer.Argument(metavar="ID", help="Id of the orphan.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Remove something at a provider that is nobody's, for good.

    \b
    Example:
      autodeploy resources remove 5c1f7a0e-8a4b-4f3e-9d5e-2f6f3f0e7b11
    """
    from autodeploy.cli.user.holdings import remove

    remove(orphan, yes=yes, as_json=as_json)
