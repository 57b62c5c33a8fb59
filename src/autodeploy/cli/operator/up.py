"""`autodeploy up`: the whole platform on this machine, until Ctrl-C."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Coroutine
from pathlib import Path

import typer

from autodeploy import __version__
from autodeploy.cli.failures import CommandError, ExitCode
from autodeploy.cli.operator.administrator import ensure_stored_token, run_once
from autodeploy.cli.operator.configuration import complete_settings, parts_user
from autodeploy.cli.operator.deployment import Deployment
from autodeploy.cli.operator.home import (
    HomeInUse,
    ensure_secrets,
    hold_home,
    prepare_home,
    require_space,
)
from autodeploy.cli.operator.limits import raise_file_limit
from autodeploy.cli.operator.outbox import show_mails
from autodeploy.cli.operator.parts import embedded_parts, platform_parts
from autodeploy.cli.operator.ports import require_ports
from autodeploy.cli.operator.supervisor import Supervisor
from autodeploy.cli.user.credentials import credentials_path
from autodeploy.kernel.disk import DiskFull, says_full
from autodeploy.kernel.embedded.parts import PartNotReady
from autodeploy.kernel.process import SystemUser
from autodeploy.migrations import HEAD
from autodeploy.services.analyzer.prices import read_prices
from autodeploy.settings import Settings

_KILLED_PATIENCE_SECONDS = 10


def run_platform(repo: str | None, ref: str | None, *, allow_unsandboxed: bool) -> None:
    """Start the platform, deploy ``repo`` if there is one, and stay until a signal ends it."""
    # They may name another platform; this command is about the one it starts.
    os.environ.pop("AUTODEPLOY_TOKEN", None)
    os.environ.pop("AUTODEPLOY_URL", None)
    settings = complete_settings(allow_unsandboxed=allow_unsandboxed)
    deployment = Deployment(repo, ref or None) if repo is not None else None
    user = parts_user()
    raise_file_limit()
    prepare_home(settings, user)
    try:
        with hold_home(settings) as killed:
            require_space(settings.home)
            require_ports(settings, patience_seconds=_KILLED_PATIENCE_SECONDS if killed else 0)
            ensure_secrets(settings)
            read_prices(settings.home)
            code = asyncio.run(_until_signal(_run(settings, user, deployment)))
    except PartNotReady as error:
        raise _not_started(error) from error
    except HomeInUse as held:
        if deployment is None or held.running is None:
            raise
        _tell(f"AutoDeploy already runs (pid {held.running.pid}); deploying to it.")
        code = asyncio.run(_until_signal(deployment.run(held.running.api_url)))
    raise typer.Exit(code)


def _not_started(error: PartNotReady) -> CommandError:
    """A part that did not start, with the end of its log; a full disk shows only there."""
    failure = CommandError(
        error.message, code=error.code, remedy=error.remedy, log_tail=error.log_tail
    )
    if any(map(says_full, error.log_tail)):
        failure.code = DiskFull.code
        failure.cause = "The disk of AUTODEPLOY_HOME has no room left, or no inodes."
        failure.remedy = f"{DiskFull.usual_remedy} {error.remedy}"
    return failure


async def _run(settings: Settings, user: SystemUser | None, deployment: Deployment | None) -> int:
    """Start everything, deploy when asked to, stay until cancelled. Leaves nothing running."""
    supervisor = Supervisor(_tell)
    settled = False
    try:
        await _start(supervisor, settings, user)
        if deployment is not None and await deployment.run(settings.api_url) != ExitCode.DONE:
            return ExitCode.FAILED
        settled = True
        await show_mails(settings.outbox, _tell)
    except asyncio.CancelledError:
        return ExitCode.DONE if settled else ExitCode.INTERRUPTED
    finally:
        await _to_the_end(supervisor.stop())
        settings.runtime_socket.unlink(missing_ok=True)


async def _start(supervisor: Supervisor, settings: Settings, user: SystemUser | None) -> None:
    started = time.monotonic()
    _tell(f"AutoDeploy {__version__} starts in {settings.home}")
    if settings.allow_unsandboxed:
        await _warn_without_sandbox(settings)
    await supervisor.start(*embedded_parts(settings, user))
    await _migrate(settings)
    await supervisor.start(*platform_parts(settings))
    await ensure_stored_token(settings)
    _tell(f"Ready in {time.monotonic() - started:.1f} s")
    _tell(f"  API        {settings.api_url}")
    _tell(f"  Apps       http://<project>.localhost:{settings.proxy_port}")
    _tell(f"  Token      {credentials_path()}")
    _tell("Ctrl-C stops everything.")


async def _warn_without_sandbox(settings: Settings) -> None:
    from autodeploy.kernel.sandbox import open_sandbox

    warning = (await open_sandbox(settings.home, allow_unsandboxed=True)).warning
    if warning:
        _tell(f"WARNING: {warning}")


async def _to_the_end(work: Coroutine[object, object, None]) -> None:
    """Finish ``work`` even if a second signal cancels the caller meanwhile."""
    task = asyncio.ensure_future(work)
    while not task.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(task)
    task.result()


async def _migrate(settings: Settings) -> None:
    """Migrate unless the embedded cluster is known to be at the newest revision.

    The note lies in the cluster's own folder, so that it goes where the data goes.
    """
    note = settings.home / "postgres" / "autodeploy-schema"
    if not settings.database_url and _read(note) == HEAD:
        return
    started = time.monotonic()
    await run_once(settings, "migrate")
    _tell(f"  {'Schema':<12} migrated in {time.monotonic() - started:.1f} s")
    if not settings.database_url:
        note.write_text(HEAD)


def _read(path: Path) -> str | None:
    try:
        return path.read_text()
    except FileNotFoundError:
        return None


async def _until_signal(work: Coroutine[object, object, int]) -> int:
    """The result of ``work``; SIGINT, SIGTERM and SIGHUP cancel it, which lets it clean up."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        return await task
    return ExitCode.INTERRUPTED


def _tell(line: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        typer.echo(line)
