"""`autodeploy down`: stop the `up` that runs on this home."""

import contextlib
import os
import signal
import time
from typing import Annotated

import typer

from autodeploy.cli.failures import CommandError
from autodeploy.cli.operator.configuration import read_settings
from autodeploy.cli.operator.home import read_running


def down(
    timeout: Annotated[
        float, typer.Option(help="Seconds to wait until everything has stopped.")
    ] = 60,
) -> None:
    """Stop the platform that runs on this home, and wait until it is gone."""
    settings = read_settings()
    running = read_running(settings.home)
    if running is None or not running.is_alive():
        typer.echo(f"AutoDeploy does not run on {settings.home}.")
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(running.pid, signal.SIGTERM)
    deadline = time.monotonic() + timeout
    while running.is_alive():
        if time.monotonic() > deadline:
            raise CommandError(
                f"AutoDeploy (pid {running.pid}) has not stopped within {timeout:g} s.",
                remedy=f"See {settings.home / 'logs'}.",
            )
        time.sleep(0.05)
    typer.echo(f"Stopped AutoDeploy (pid {running.pid}).")
