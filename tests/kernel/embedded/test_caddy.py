"""The embedded Caddy: starts without a configuration, listens on its socket alone."""

import json
import os
from pathlib import Path

import httpx

from autodeploy.kernel.embedded.caddy import EmbeddedCaddy
from autodeploy.kernel.process import SystemUser


async def test_caddy_starts_empty_and_takes_configuration_on_its_socket(
    home: Path, system_user: SystemUser | None
) -> None:
    caddy = EmbeddedCaddy(
        home / "caddy" / "caddy.json",
        home / "run" / "admin.sock",
        home / "caddy",
        home / "caddy.log",
        system_user,
    )
    await caddy.start()
    await caddy.wait_ready()
    transport = httpx.AsyncHTTPTransport(uds=str(caddy.admin_socket))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        configuration = (await client.get("/config/")).json()
    assert configuration == json.loads(caddy.config_file.read_text())
    assert configuration["admin"]["config"] == {"persist": False}
    assert (home / "run").stat().st_mode & 0o777 == 0o700
    if system_user is not None:
        assert caddy.process is not None
        assert Path(f"/proc/{caddy.process.pid}").stat().st_uid == system_user.uid != os.geteuid()
    await caddy.stop()
    assert caddy.process is not None
    assert caddy.process.returncode == 0
    assert not caddy.admin_socket.exists()


async def test_configuration_that_exists_is_kept(
    home: Path, system_user: SystemUser | None
) -> None:
    caddy = EmbeddedCaddy(
        home / "caddy.json", home / "run" / "admin.sock", home / "caddy", home / "log", system_user
    )
    caddy.config_file.write_text("{}")
    await caddy.ensure_initialised()
    assert caddy.config_file.read_text() == "{}"
