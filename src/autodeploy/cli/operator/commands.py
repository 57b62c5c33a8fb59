"""The commands of an operator: their names, arguments and help. What they do is imported when run:
every command of a user starts without it."""

from typing import Annotated

import typer

from autodeploy.cli.options import Json

AllowUnsandboxed = Annotated[
    bool,
    typer.Option(
        "--allow-unsandboxed",
        help="Where the machine allows no sandbox, run the apps' code without one.",
    ),
]


def up(
    deploy: Annotated[
        bool, typer.Option("--deploy", help="Deploy REPO at REF once the platform is up.")
    ] = False,
    repo: Annotated[
        str,
        typer.Option(envvar="REPO", help="With --deploy: a folder, a file: URL or a git URL."),
    ] = "examples/guestbook",
    ref: Annotated[
        str | None, typer.Option(envvar="REF", help="With --deploy: a branch, tag or commit.")
    ] = None,
    allow_unsandboxed: AllowUnsandboxed = False,
) -> None:
    """Start the platform and keep it running; Ctrl-C stops all of it."""
    from autodeploy.cli.operator.up import run_platform

    run_platform(repo if deploy else None, ref, allow_unsandboxed=allow_unsandboxed)


def down(
    timeout: Annotated[
        float, typer.Option(help="Seconds to wait until everything has stopped.")
    ] = 60,
    as_json: Json = False,
) -> None:
    """Stop the platform that runs on this home, and wait until it is gone."""
    from autodeploy.cli.operator.down import stop_platform

    stop_platform(timeout, as_json=as_json)


def doctor(
    as_json: Json = False,
) -> None:
    """Check what this machine has and lacks; exit code 1 when something needed is missing."""
    from autodeploy.cli.operator.doctor import check_machine

    check_machine(as_json=as_json)


def serve(
    roles: Annotated[
        str, typer.Option(help="Which services to answer for: all, or a list such as auth,deployer")
    ] = "all",
    setup: Annotated[
        bool,
        typer.Option(
            help="Print a one-use token that makes the first administrator, while there is none."
        ),
    ] = True,
) -> None:
    """Answer the HTTP API."""
    from autodeploy.cli.operator.processes import serve_api

    serve_api(roles, setup=setup)


def worker(
    queues: Annotated[
        str,
        typer.Option(help="Which queues to work on: all, or a list such as deployment,analysis"),
    ] = "all",
    allow_unsandboxed: AllowUnsandboxed = False,
) -> None:
    """Run the jobs of the queues."""
    from autodeploy.cli.operator.processes import run_jobs

    run_jobs(queues, allow_unsandboxed=allow_unsandboxed)


def runtime(allow_unsandboxed: AllowUnsandboxed = False) -> None:
    """Run the deployed apps of this machine, their databases and their routes."""
    from autodeploy.cli.operator.processes import run_apps

    run_apps(allow_unsandboxed=allow_unsandboxed)


def migrate(as_json: Json = False) -> None:
    """Bring the database to the newest schema (needs its owner's URL)."""
    from autodeploy.cli.operator.processes import migrate_database

    migrate_database(as_json=as_json)


def secrets(
    rotate: Annotated[
        bool,
        typer.Option(
            "--rotate-signing-key",
            help="Sign access tokens with a new key; those of the old one stay valid.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Make the master key and the signing key where they are needed and missing."""
    from autodeploy.cli.operator.processes import make_secrets

    make_secrets(rotate=rotate, as_json=as_json)


def admin_token(as_json: Json = False) -> None:
    """Make the administrator if there is none, and store a new token for the command line."""
    from autodeploy.cli.operator.administrator import store_new_token

    store_new_token(as_json=as_json)
