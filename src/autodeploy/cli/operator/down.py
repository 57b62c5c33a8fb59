"""`autodeploy down`: stop the `up` that runs on this home."""

import os
import signal
import time

import typer

from autodeploy.cli.failures import CommandError
from autodeploy.cli.operator.configuration import read_settings
from autodeploy.cli.operator.home import read_running
from autodeploy.cli.terminal import print_json


def stop_platform(timeout: float, *, as_json: bool) -> None:
    """Stop the platform that runs on this home, and wait until it is gone."""
    settings = read_settings()
    running = read_running(settings.home)
    if running is None or not running.is_alive():
        _tell(f"AutoDeploy does not run on {settings.home}.", None, as_json)
        return
    try:
        os.kill(running.pid, signal.SIGTERM)
    except ProcessLookupError:
        pass
    except PermissionError:
        raise CommandError(
            f"AutoDeploy (pid {running.pid}) was started by another user.",
            remedy="Stop it as that user, or as root.",
        ) from None
    deadline = time.monotonic() + timeout
    while running.is_alive():
        if time.monotonic() > deadline:
            raise CommandError(
                f"AutoDeploy (pid {running.pid}) has not stopped within {timeout:g} s.",
                remedy=f"See {settings.home / 'logs'}.",
            )
        time.sleep(0.05)
    _tell(f"Stopped AutoDeploy (pid {running.pid}).", running.pid, as_json)


def _tell(text: str, pid: int | None, as_json: bool) -> None:
    if as_json:
        print_json({"stopped": pid is not None, "pid": pid})
    else:
        typer.echo(text)
