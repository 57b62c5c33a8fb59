"""The administrator's token: made at the first start, renewed when it no longer works."""

import asyncio

from autodeploy.cli.failures import CommandError
from autodeploy.cli.operator.configuration import (
    child_environment,
    complete_settings,
    logs_folder,
)
from autodeploy.cli.operator.parts import http_status
from autodeploy.cli.plainly import load_plainly
from autodeploy.cli.terminal import print_json, say
from autodeploy.cli.user.credentials import credentials_path, load_token, save_token
from autodeploy.kernel.embedded.parts import log_tail, open_log
from autodeploy.kernel.heap import defer_collections
from autodeploy.kernel.process import python_argv, spawn, stop
from autodeploy.settings import Settings


async def ensure_stored_token(settings: Settings) -> str:
    """A token of the administrator that the API accepts, stored for the user commands.

    Who may start the platform owns it: a missing or refused token is simply issued anew.
    """
    token = load_token(settings.api_url)
    if token is None or not await _works(settings, token):
        await run_once(settings, "admin-token")
        token = load_token(settings.api_url)
    if token is None:
        raise CommandError(
            f"No token was stored in {credentials_path()}.",
            remedy="See that you may write there, or name another folder with XDG_CONFIG_HOME.",
        )
    save_token(settings.api_url, token)  # also makes this platform the current one
    return token


async def _works(settings: Settings, token: str) -> bool:
    return await http_status(settings.api_port, "/api/v1/auth/me", token) == 200


async def run_once(settings: Settings, command: str) -> None:
    """Run one of our own commands to its end. Raises ``CommandError`` with the end of its log."""
    path = logs_folder(settings) / f"{command}.log"
    with open_log(path) as log:
        process = await spawn(
            python_argv(command), env=child_environment(settings), stdout=log, stderr=log
        )
    try:
        code = await process.wait()
    finally:
        await stop(process, grace_seconds=5)
    if code != 0:
        raise CommandError(
            f"`autodeploy {command}` ended with exit code {code}.",
            remedy=f"See {path}.",
            log_tail=log_tail(path),
        )


def store_new_token(*, as_json: bool) -> None:
    """Make the administrator if there is none, and store a new token for the command line."""
    defer_collections()
    settings = complete_settings()
    load_plainly("structlog", "httpx", "redis.asyncio")
    token = asyncio.run(_issue(settings))
    path = save_token(settings.api_url, token)
    if as_json:
        print_json({"url": settings.api_url, "credentials": str(path)})
    else:
        say(f"The token for {settings.api_url} is in {path}.")


async def _issue(settings: Settings) -> str:
    from autodeploy.roles import close_resources, open_resources
    from autodeploy.services.auth.service import ensure_administrator

    resources = await open_resources(settings, "app")
    try:
        return await ensure_administrator(resources, settings.admin_email)
    finally:
        await close_resources(resources)
