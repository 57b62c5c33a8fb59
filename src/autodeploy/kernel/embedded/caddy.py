"""The embedded Caddy: the proxy in front of deployed apps, driven over its admin socket."""

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any

from autodeploy.kernel.embedded.parts import (
    answers,
    ensure_folder,
    open_log,
    reachable_program,
    wait_until,
    write_for,
)
from autodeploy.kernel.ports import is_free
from autodeploy.kernel.process import SystemUser, spawn, stop


class EmbeddedCaddy:
    """A Caddy that reads ``config_file`` at start and takes changes on ``admin_socket``."""

    name = "Caddy"
    stop_signal = signal.SIGTERM

    def __init__(
        self,
        config_file: Path,
        admin_socket: Path,
        data: Path,
        log: Path,
        user: SystemUser | None,
        required_port: int | None = None,
    ):
        """
        Args:
            required_port: the server at this port is never left out when Caddy starts.
        """
        self.config_file = config_file
        self.admin_socket = admin_socket
        self.data = data
        self.log = log
        self.user = user
        self.required_port = required_port
        self.process: asyncio.subprocess.Process | None = None

    def argv(self) -> list[str]:
        program = reachable_program("caddy", self.user, self.data.parent / "parts")
        return [str(program), "run", "--config", str(self.config_file)]

    def env(self) -> dict[str, str]:
        data = str(self.data)
        return {
            "HOME": data,
            "XDG_DATA_HOME": data,
            "XDG_CONFIG_HOME": data,
            "GOMEMLIMIT": "64MiB",
            "PATH": os.defpath,
        }

    async def ensure_initialised(self) -> None:
        """Make the folders, and a configuration that Caddy can start with."""
        ensure_folder(self.data, self.user)
        ensure_folder(self.admin_socket.parent, self.user)
        self.admin_socket.unlink(missing_ok=True)
        write_for(self.user, self.config_file, json.dumps(self._stored()))

    def _stored(self) -> dict[str, Any]:
        """The last configuration; when there is none or it is damaged, one that serves nothing."""
        try:
            return self._startable(json.loads(self.config_file.read_text()))
        except (FileNotFoundError, LookupError, TypeError, AttributeError, ValueError):
            return self._empty_configuration()

    def _startable(self, configuration: dict[str, Any]) -> dict[str, Any]:
        """Without the servers whose port another program has: Caddy would not start at all."""
        servers = configuration.get("apps", {}).get("http", {}).get("servers", {})
        for name, server in list(servers.items()):
            ports = {int(address.rpartition(":")[2]) for address in server["listen"]}
            if self.required_port not in ports and not all(map(is_free, ports)):
                del servers[name]
        return configuration

    def _empty_configuration(self) -> dict[str, Any]:
        return {
            "admin": {
                "listen": f"unix/{self.admin_socket}|0600",
                "config": {"persist": False},
            }
        }

    async def start(self) -> asyncio.subprocess.Process:
        await self.ensure_initialised()
        with open_log(self.log) as log:
            self.process = await spawn(
                self.argv(), env=self.env(), cwd=self.data, user=self.user, stdout=log, stderr=log
            )
        return self.process

    async def wait_ready(self, timeout: float = 10) -> None:
        assert self.process is not None
        await wait_until(self._answers, self.process, name=self.name, log=self.log, timeout=timeout)

    async def _answers(self) -> bool:
        question = b"GET /config/admin HTTP/1.0\r\nHost: localhost\r\n\r\n"
        return await answers(self.admin_socket, question, b"HTTP/1.0 200 ")

    async def stop(self) -> None:
        if self.process is not None:
            await stop(self.process, grace_seconds=10, first_signal=self.stop_signal)
