"""The processes that `up` starts, each of which may also run on a machine of its own."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

import typer

from autodeploy.cli.failures import CommandError, ExitCode
from autodeploy.cli.operator.configuration import (
    complete_settings,
    parts_user,
    read_settings,
    start_logging,
)
from autodeploy.cli.plainly import load_plainly
from autodeploy.cli.terminal import print_json, say
from autodeploy.kernel.heap import defer_collections
from autodeploy.settings import Settings


def migrate_database(*, as_json: bool) -> None:
    """Bring the database to the newest schema."""
    defer_collections()
    from autodeploy.migrations import HEAD
    from autodeploy.migrations.upgrade import upgrade_now

    upgrade_now(complete_settings().effective_database_url)
    if as_json:
        print_json({"revision": HEAD})
    else:
        say(f"The database is at revision {HEAD}.")


def serve_api(roles: str, *, setup: bool) -> None:
    """Answer the HTTP API."""
    defer_collections()
    settings = complete_settings()
    load_plainly("structlog", "httpx", "redis.asyncio")
    import uvicorn

    from autodeploy.app import ROLE_ROUTERS, create_app
    from autodeploy.cli.operator.setup import offer_setup
    from autodeploy.kernel.heap import keep_from_collections
    from autodeploy.roles import check_keys

    chosen = _chosen(roles, frozenset(ROLE_ROUTERS), "role")
    check_keys(settings)
    start_logging(settings)
    if "auth" in chosen:
        if setup:
            asyncio.run(offer_setup(settings))
        _say_without_mail(settings)
    app = create_app(settings, chosen)
    keep_from_collections()
    uvicorn.run(app, **server_options(settings))


def _say_without_mail(settings: Settings) -> None:
    if settings.smtp_url is None and settings.env == "production":
        say(
            "No mail is sent: passwords cannot be reset, addresses not verified. "
            "AUTODEPLOY_SMTP_URL names a mail server."
        )


def server_options(settings: Settings) -> dict[str, Any]:
    """How uvicorn serves the API. Its own default would believe every process of this machine,
    deployed apps included, that it speaks for another address."""
    return {
        "host": settings.api_host,
        "port": settings.api_port,
        "loop": "uvloop",
        "http": "httptools",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "timeout_graceful_shutdown": 5,
        "forwarded_allow_ips": settings.trusted_proxies,
    }


def run_jobs(queues: str, *, allow_unsandboxed: bool) -> None:
    """Run the jobs of the queues."""
    defer_collections()
    settings = complete_settings(allow_unsandboxed=allow_unsandboxed)
    load_plainly("structlog", "httpx", "redis.asyncio")
    import uvloop

    from autodeploy.kernel.queue import QueueName
    from autodeploy.roles import run_worker
    from autodeploy.services.analyzer.prices import read_prices

    chosen = _chosen(queues, frozenset(name.value for name in QueueName), "queue")
    read_prices(settings.home)  # a file that cannot be used is told now, not by each analysis
    start_logging(settings)
    names = [name for name in QueueName if name.value in chosen]
    uvloop.run(_until_signal(run_worker(settings, names)))


def run_apps(*, allow_unsandboxed: bool) -> None:
    """Run the deployed apps of this machine, their databases and their routes."""
    defer_collections()
    settings = complete_settings(allow_unsandboxed=allow_unsandboxed)
    load_plainly("structlog", "httpx")
    import uvloop

    from autodeploy.providers.local.agent import run_agent

    start_logging(settings)
    uvloop.run(
        run_agent(
            home=settings.home,
            proxy_port=settings.proxy_port,
            user=parts_user(),
            allow_unsandboxed=settings.allow_unsandboxed,
            limits=settings.app_limits,
        )
    )


def make_secrets(*, rotate: bool, as_json: bool) -> None:
    """Make the master key and the signing key where they are needed and missing, or with
    ``rotate`` a new signing key."""
    from autodeploy.cli.operator.home import generate_keys
    from autodeploy.kernel.signing import rotate_signing_key

    settings = read_settings()
    if rotate:
        kid = rotate_signing_key(settings.jwt_key_file)
        if as_json:
            print_json({"made": [str(settings.jwt_key_file)]})
        else:
            say(
                f"Access tokens are signed with the new key {kid} of {settings.jwt_key_file}. "
                "Running processes on this file follow within seconds."
            )
        return
    for _, path in settings.key_files:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = generate_keys(settings)
    if as_json:
        print_json({"made": [str(path) for path in made]})
    for path in () if as_json else made:
        typer.echo(f"Made {path}. Keep a copy: what it protects is lost without it.")


def _chosen(text: str, known: frozenset[str], kind: str) -> frozenset[str]:
    """The names of a comma list, ``all`` meaning every known one. Raises ``CommandError``."""
    if text == "all":
        return known
    names = frozenset(name.strip() for name in text.split(",") if name.strip())
    if not names or names - known:
        raise CommandError(
            f"Unknown {kind}: {', '.join(sorted(names - known)) or text!r}.",
            remedy=f"Use all, or some of {', '.join(sorted(known))}.",
            exit_code=ExitCode.USAGE,
        )
    return names


async def _until_signal(work: Coroutine[object, object, None]) -> None:
    """Run ``work`` until it ends; SIGTERM and SIGINT cancel it, which lets it clean up."""
    task = asyncio.ensure_future(work)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return
