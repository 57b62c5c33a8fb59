"""``audit``: for users who changed what, and for the operator the end of old entries."""

from typing import Annotated

import typer

from autodeploy.cli.failures import CommandError, ExitCode
from autodeploy.cli.options import Json
from autodeploy.cli.user.arguments import complete_organization

audit_app = typer.Typer(name="audit", invoke_without_command=True)


@audit_app.callback()
def audit(
    context: typer.Context,
    organization: Annotated[
        str | None,
        typer.Option(
            "--org",
            help="The changes in this organization; default: log-ins, tokens and other changes of "
            "your own account.",
            autocompletion=complete_organization,
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", help="From a time on: 10m, 2h, 3d, or 2026-11-23T08:00."),
    ] = None,
    action: Annotated[
        str | None, typer.Option("--action", help="One kind of change, such as project.update.")
    ] = None,
    user: Annotated[
        str | None, typer.Option("--user", help="Who did it: an e-mail address or an id.")
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit", "-n", min=1, help="The newest so many; default: 50, or with --since all."
        ),
    ] = None,
    changes: Annotated[
        bool, typer.Option("--changes", help="Show what was changed, before and after.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show who changed what, when and from where, newest first.

    \b
    Examples:
      autodeploy audit --org acme --since 7d --changes
      autodeploy audit --action auth.login_failed
    """
    if context.invoked_subcommand is not None:
        _require_nothing_given(context)
        return
    from autodeploy.cli.user.audit_log import AuditOptions, run

    run(AuditOptions(organization, since, action, user, limit, changes, as_json))


@audit_app.command("prune")
def audit_prune(
    before: Annotated[
        str,
        typer.Option("--before", help="Entries older than this: 52w, 365d, or 2026-01-01."),
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Delete old entries, of every organization and account; on the platform's own machine.

    \b
    Example:
      autodeploy audit prune --before 52w
    """
    from autodeploy.cli.operator.audit_log import prune

    prune(before, yes=yes, as_json=as_json)


def _require_nothing_given(context: typer.Context) -> None:
    """What was said of the list must not seem to be said of a command behind it."""
    if any(value not in (None, False) for value in context.params.values()):
        raise CommandError(
            f"`audit {context.invoked_subcommand}` takes its options behind its name.",
            remedy=f"`autodeploy audit {context.invoked_subcommand} --help` shows them.",
            exit_code=ExitCode.USAGE,
        )
