"""Whether the ports of the platform are free, and who has them when they are not."""

import errno
import socket
import time

from autodeploy.cli.failures import CommandError
from autodeploy.settings import Settings


def require_ports(settings: Settings, *, patience_seconds: float = 0) -> None:
    """Raise ``CommandError`` with the remedy for a port that is taken or not allowed.

    With ``patience_seconds`` waits that long: the processes of a killed `up` are about to go.
    """
    if settings.api_port == settings.proxy_port:
        raise CommandError(
            f"The API and the proxy cannot both have port {settings.api_port}.",
            remedy=f"Choose another for one, such as AUTODEPLOY_PROXY_PORT={_free_port()}.",
            code="port_in_use",
        )
    deadline = time.monotonic() + patience_seconds
    for what, port, variable in (
        ("API", settings.api_port, "AUTODEPLOY_API_PORT"),
        ("proxy", settings.proxy_port, "AUTODEPLOY_PROXY_PORT"),
    ):
        problem = port_problem(port)
        while problem and time.monotonic() < deadline:
            time.sleep(0.05)
            problem = port_problem(port)
        if problem:
            raise CommandError(
                f"Port {port} of the {what} {problem}.",
                remedy=f"Choose another, such as {variable}={_free_port()}.",
                code="port_in_use",
            )


def port_problem(port: int) -> str | None:
    """Why nothing of ours can listen on 127.0.0.1 at ``port``; None when it can."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen()  # two may bind with SO_REUSEADDR, only one listens
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return f"is in use{_holder(port)}"
            return f"cannot be used: {error.strerror}"
    return None


def _holder(port: int) -> str:
    import psutil

    try:
        for connection in psutil.net_connections("tcp"):
            local = connection.laddr
            if connection.status == psutil.CONN_LISTEN and local and local.port == port:
                name = psutil.Process(connection.pid).name() if connection.pid else "a process"
                return f" by {name} (pid {connection.pid})" if connection.pid else ""
    except psutil.Error:
        return ""
    return ""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
