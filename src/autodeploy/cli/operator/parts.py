"""Which parts the platform consists of, and how each says that it is ready."""

import asyncio
from collections.abc import Awaitable, Callable

from autodeploy.cli.operator.configuration import child_environment, logs_folder
from autodeploy.cli.operator.supervisor import OwnPart, Part
from autodeploy.kernel.embedded.caddy import EmbeddedCaddy
from autodeploy.kernel.embedded.postgres import EmbeddedPostgres
from autodeploy.kernel.embedded.valkey import EmbeddedValkey
from autodeploy.kernel.process import SystemUser, python_argv
from autodeploy.settings import Settings


def embedded_parts(settings: Settings, user: SystemUser | None) -> list[Part]:
    """What starts first and at once: the servers that have no URL configured, and the runtime."""
    home, logs = settings.home, logs_folder(settings)
    parts: list[Part] = []
    if not settings.database_url:
        parts.append(embedded_postgres(settings, user))
    if not settings.redis_url:
        parts.append(
            EmbeddedValkey(home / "valkey", settings.valkey_socket, logs / "valkey.log", user)
        )
    parts.append(
        EmbeddedCaddy(
            home / "caddy" / "caddy.json",
            settings.caddy_admin_socket,
            home / "caddy",
            logs / "caddy.log",
            user,
            required_port=settings.proxy_port,
        )
    )
    parts.append(_runtime(settings))
    return parts


def embedded_postgres(settings: Settings, user: SystemUser | None) -> EmbeddedPostgres:
    """The control plane's own cluster."""
    return EmbeddedPostgres(
        settings.home / "postgres",
        settings.postgres_sockets,
        settings.postgres_password_file,
        logs_folder(settings) / "postgres.log",
        user,
    )


def _runtime(settings: Settings) -> OwnPart:
    async def answers() -> bool:
        try:
            _, writer = await asyncio.open_unix_connection(str(settings.runtime_socket))
        except OSError:
            return False
        writer.close()
        return True

    settings.runtime_socket.unlink(missing_ok=True)  # of a runtime that was killed
    return _own(settings, "Runtime", "runtime", answers)


def _own(
    settings: Settings,
    name: str,
    command: str,
    ready: Callable[[], Awaitable[bool]],
    *options: str,
) -> OwnPart:
    return OwnPart(
        name,
        python_argv(command, *options),
        env=child_environment(settings),
        log=logs_folder(settings) / f"{'api' if command == 'serve' else command}.log",
        ready=ready,
    )


def platform_parts(settings: Settings) -> list[Part]:
    """What needs a migrated database: the API and the workers."""

    async def api_answers() -> bool:
        return await http_status(settings.api_port, "/healthz") == 200

    async def worker_runs() -> bool:
        return True  # it takes jobs when it is up; nothing connects to it

    return [
        # Its output is a log, where no token belongs; `up` makes the administrator itself.
        _own(settings, "API", "serve", api_answers, "--no-setup"),
        _own(settings, "Worker", "worker", worker_runs),
    ]


async def http_status(port: int, path: str, token: str | None = None) -> int | None:
    """The status of a GET on loopback; None when nothing answers. Needs no HTTP library."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return None
    try:
        credential = f"Authorization: Bearer {token}\r\n" if token else ""
        request = f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n{credential}\r\n"
        writer.write(request.encode())
        async with asyncio.timeout(10):
            line = await reader.readline()
        return int(line.split()[1])
    except (OSError, TimeoutError, ValueError, IndexError):
        return None
    finally:
        writer.close()
