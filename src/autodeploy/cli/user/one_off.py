"""The ``run`` and ``runs`` commands: their arguments and help, and how ``run`` parts its own
from those it passes on."""

from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from autodeploy.cli.failures import CommandError, ExitCode
from autodeploy.cli.options import Json
from autodeploy.cli.user.arguments import Environment, ProjectArgument

#: What parts our own arguments from those of somebody else's command.
DASHES = "--"
_BEHIND = "autodeploy.behind"


class BehindDashes(TyperCommand):
    """A command that passes on all that stands behind ``--``, whatever it looks like."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        place = args.index(DASHES) if DASHES in args else len(args)
        own, behind = args[:place], args[place + 1 :]
        wants_help = bool(set(own) & set(ctx.help_option_names))
        if not behind and not wants_help and not ctx.resilient_parsing:
            raise CommandError(
                "There is no command to run.",
                remedy=f"Write it behind {DASHES}, for instance: {ctx.command_path} -- ls -l",
                exit_code=ExitCode.USAGE,
            )
        ctx.meta[_BEHIND] = behind
        return super().parse_args(ctx, own)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        return [*super().collect_usage_pieces(ctx), f"{DASHES} COMMAND…"]


def run_command(
    context: typer.Context,
    project: ProjectArgument = None,
    environment: Environment = None,
    timeout: Annotated[
        str,
        typer.Option("--timeout", help="How long it may take: 90s, 10m, 2h; at most 24h."),
    ] = "1h",
    terminal: Annotated[
        bool | None,
        typer.Option(
            "--tty/--no-tty",
            "-t/-T",
            help="Give it this terminal, or not; default: where input and output are one.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Run a command in the live release, with the app's files and variables.

    It is a program and its arguments; for a shell name one.

    \b
    Examples:
      autodeploy run -- python manage.py migrate
      autodeploy run -- python manage.py dbshell < statements.sql
      autodeploy run shop --environment staging -- sh -c 'ls | wc -l'
    """
    from autodeploy.cli.user.app_file import environment_name
    from autodeploy.cli.user.run import RunOptions, run

    where = environment_name(environment, elsewhere=project is not None)
    run(RunOptions(project, where, context.meta[_BEHIND], timeout, terminal, as_json))


def list_runs(
    project: ProjectArgument = None,
    environment: Annotated[
        str | None,
        typer.Option("--environment", "-e", help="Those of this environment; default: of all."),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, help="How many of the newest.")
    ] = 20,
    as_json: Json = False,
) -> None:
    """List the commands that were run: by whom, when, and how they ended."""
    from autodeploy.cli.user.runs import run

    run(project, environment=environment, limit=limit, as_json=as_json)
