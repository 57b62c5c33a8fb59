"""The commands of a user: their names, arguments and help. What they do is imported when run,
so that ``--help`` and shell completion stay quick."""

from pathlib import Path
from typing import Annotated

import typer

PANEL = "Your apps"

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]
Environment = Annotated[
    str, typer.Option("--environment", "-e", help="Which environment of the project.")
]
ProjectArgument = Annotated[
    str | None,
    typer.Argument(help="Name of the project; default: the name of this folder."),
]
Secret = Annotated[
    bool | None,
    typer.Option(
        "--secret/--plain",
        help="Whether values are never shown again; default: as their names suggest.",
        show_default=False,
    ),
]

environment_app = typer.Typer(
    name="env", help="Show and change the environment variables of a project.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Add the user commands to ``app``."""
    for command in (
        deploy,
        status,
        logs,
        rollback,
        cancel,
        projects,
        open_app,
        destroy,
        login,
    ):
        name = "open" if command is open_app else None
        app.command(name, rich_help_panel=PANEL)(command)
    app.add_typer(environment_app, rich_help_panel=PANEL)


def deploy(
    source: Annotated[
        str,
        typer.Argument(help="A folder, a file: URL or a git URL.", metavar="[PATH|URL]"),
    ] = ".",
    ref: Annotated[
        str | None, typer.Option("--ref", help="Branch, tag or commit; default: what is there.")
    ] = None,
    project: Annotated[
        str | None, typer.Option("--project", "-p", help="Project; default: named after the source")
    ] = None,
    environment: Environment = "production",
    root: Annotated[
        str | None, typer.Option("--root", help="Folder of the app inside the repository.")
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Start it and do not wait.")] = False,
    as_json: Json = False,
) -> None:
    """Deploy a folder or a git repository and print its URL."""
    from autodeploy.cli.user.deploy import DeployOptions, run

    run(DeployOptions(source, ref, project, environment, root, detach, as_json))


def status(project: ProjectArgument = None, as_json: Json = False) -> None:
    """Show what is live where, and the latest deployments."""
    from autodeploy.cli.user.status import run

    run(project, as_json)


def logs(
    target: Annotated[
        str | None,
        typer.Argument(metavar="[PROJECT|DEPLOYMENT]", help="Default: the name of this folder."),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep showing new lines.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many at most.")] = 200,
    environment: Environment = "production",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Show what a deployment's build and app have printed."""
    from autodeploy.cli.user.logs import run

    run(target, environment, follow=follow, lines=lines, as_json=as_json)


def rollback(
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="[PROJECT|DEPLOYMENT]",
            help="The deployment to bring back, or a project: the release before the live one.",
        ),
    ] = None,
    environment: Environment = "production",
    as_json: Json = False,
) -> None:
    """Bring an earlier release back, without building it again."""
    from autodeploy.cli.user.deploy import roll_back

    roll_back(target, environment, as_json)


def cancel(
    target: Annotated[
        str | None,
        typer.Argument(metavar="[PROJECT|DEPLOYMENT]", help="Default: the name of this folder."),
    ] = None,
    environment: Environment = "production",
    as_json: Json = False,
) -> None:
    """Stop a deployment that is under way."""
    from autodeploy.cli.user.status import cancel as run

    run(target, environment, as_json)


def projects(as_json: Json = False) -> None:
    """List the projects."""
    from autodeploy.cli.user.projects import run

    run(as_json)


def open_app(
    project: ProjectArgument = None,
    environment: Environment = "production",
    as_json: Json = False,
) -> None:
    """Open the app in the browser."""
    from autodeploy.cli.user.projects import open_in_browser

    open_in_browser(project, environment, as_json)


def destroy(
    project: Annotated[str, typer.Argument(help="Name of the project.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Remove a project with its releases, addresses and databases."""
    from autodeploy.cli.user.projects import destroy as run

    run(project, yes=yes, as_json=as_json)


def login(
    url: Annotated[str | None, typer.Option("--url", help="Address of the platform.")] = None,
    token: Annotated[
        str | None,
        typer.Option("--token", help="A personal token, or - to read it from standard input."),
    ] = None,
    email: Annotated[str | None, typer.Option("--email", help="Sign in with a password.")] = None,
    as_json: Json = False,
) -> None:
    """Choose a platform and store a token for it."""
    from autodeploy.cli.user.login import run

    run(url, token, email, as_json)


@environment_app.command("list")
def env_list(
    project: ProjectArgument = None, environment: Environment = "production", as_json: Json = False
) -> None:
    """List the variables; secrets show no value."""
    from autodeploy.cli.user.variables import show

    show(project, environment, as_json)


@environment_app.command("set")
def env_set(
    pairs: Annotated[
        list[str],
        typer.Argument(metavar="KEY=VALUE...", help="KEY alone asks for the value, unseen."),
    ],
    project: Annotated[str | None, typer.Option("--project", "-p")] = None,
    environment: Environment = "production",
    secret: Secret = None,
    as_json: Json = False,
) -> None:
    """Set variables; the next deployment uses them."""
    from autodeploy.cli.user.variables import put

    put(pairs, project, environment, secret=secret, as_json=as_json)


@environment_app.command("unset")
def env_unset(
    keys: Annotated[list[str], typer.Argument(metavar="KEY...")],
    project: Annotated[str | None, typer.Option("--project", "-p")] = None,
    environment: Environment = "production",
    as_json: Json = False,
) -> None:
    """Remove variables."""
    from autodeploy.cli.user.variables import unset

    unset(keys, project, environment, as_json)


@environment_app.command("import")
def env_import(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, allow_dash=True, help="A .env file or -")
    ],
    project: Annotated[str | None, typer.Option("--project", "-p")] = None,
    environment: Environment = "production",
    secret: Secret = None,
    as_json: Json = False,
) -> None:
    """Set all variables of a .env file."""
    from autodeploy.cli.user.variables import import_file

    import_file(file, project, environment, secret=secret, as_json=as_json)
