"""``audit``: who changed what."""

from typing import Annotated

import typer

from autodeploy.cli.options import Json
from autodeploy.cli.user.arguments import complete_organization

audit_app = typer.Typer(name="audit", invoke_without_command=True)


@audit_app.callback()
def audit(
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
    from autodeploy.cli.user.audit_log import AuditOptions, run

    run(AuditOptions(organization, since, action, user, limit, changes, as_json))
