"""Calls to an OpenBao or HashiCorp Vault server: who we are there, and what its refusals mean.

The HTTP API is https://openbao.org/api-docs/ (read 2026-11; Vault's of the same routes is equal).
It is spoken with httpx, which the product has: a client library for it would add one that is
synchronous, for the sake of five routes.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import httpx
import structlog

from autodeploy.kernel.vault.errors import VaultAway, VaultRefused
from autodeploy.kernel.vault_url import TransitAddress

#: How long a call may take, with a login if it needs one.
CALL_SECONDS = 10.0
_CONNECT_SECONDS = 3.0
_RETRY_RENEWAL_SECONDS = 2.0

Json = dict[str, Any]

_log = structlog.get_logger(__name__)


class Lease(NamedTuple):
    """A token and how long it lasts; 0 seconds is for ever."""

    token: str
    seconds: float
    renewable: bool


class Credential(Protocol):
    """How a token is come by."""

    async def log_in(self, server: "VaultServer") -> Lease:
        """Raises ``VaultAway`` and ``VaultRefused``."""


class AppRole:
    """A role id and a secret id, each read anew for a login: both may be changed meanwhile."""

    def __init__(self, role_id: Callable[[], str], secret_id: Callable[[], str]):
        self._role_id = role_id
        self._secret_id = secret_id

    async def log_in(self, server: "VaultServer") -> Lease:
        body = {"role_id": self._role_id(), "secret_id": self._secret_id()}
        status, answer = await server.send("POST", f"auth/{server.address.approle}/login", body)
        if status != HTTPStatus.OK:
            raise VaultRefused(
                "The vault server does not accept the role id and secret id.",
                remedy="Make a new secret id (`bao write -f auth/approle/role/ROLE/secret-id`) "
                "and correct AUTODEPLOY_VAULT_ROLE_ID and AUTODEPLOY_VAULT_SECRET_ID.",
            )
        return _lease(answer["auth"])


class TokenFile:
    """A token that somebody else keeps in a file, such as an agent beside us."""

    def __init__(self, read: Callable[[], str]):
        self._read = read

    async def log_in(self, server: "VaultServer") -> Lease:
        token = self._read()
        status, answer = await server.send("GET", "auth/token/lookup-self", token=token)
        if status != HTTPStatus.OK:
            raise VaultRefused(
                "The vault server does not accept the token of AUTODEPLOY_VAULT_TOKEN_FILE.",
                remedy="Put a valid token into the file; it is read again by itself.",
            )
        return Lease(token, answer["data"]["ttl"], answer["data"]["renewable"])


def _lease(auth: Json) -> Lease:
    return Lease(auth["client_token"], auth["lease_duration"], auth["renewable"])


class VaultServer:
    """One server, with a token that is kept alive and got again when it is refused.

    Raises ``VaultRefused`` for a file of authorities that cannot be used.
    """

    def __init__(self, address: TransitAddress, credential: Credential):
        self.address = address
        self._credential = credential
        self._token: str | None = None
        self._logging_in = asyncio.Lock()
        self._renewal: asyncio.Task[None] | None = None
        headers = {"X-Vault-Request": "true"}
        if address.namespace:
            headers["X-Vault-Namespace"] = address.namespace
        self._http = httpx.AsyncClient(
            base_url=f"{address.origin}/v1/",
            headers=headers,
            timeout=httpx.Timeout(CALL_SECONDS, connect=_CONNECT_SECONDS),
            verify=_authorities(address.ca),
            trust_env=False,
        )

    async def call(self, path: str, body: Json) -> tuple[int, Json]:
        """POST as ourselves; the status and the answer, which may be that of a bad request.

        Raises ``VaultAway`` when the server is sealed, away or slow, and ``VaultRefused`` when it
        refuses us also after a new login, or knows no such path.
        """
        try:
            async with asyncio.timeout(CALL_SECONDS):
                return await self._call(path, body)
        except TimeoutError:
            raise _away("does not answer in time") from None

    async def _call(self, path: str, body: Json) -> tuple[int, Json]:
        token = self._token or await self._log_in(refused=None)
        status, answer = await self.send("POST", path, body, token=token)
        if status == HTTPStatus.FORBIDDEN:  # it ran out, was revoked, or has no right to this
            token = await self._log_in(refused=token)
            status, answer = await self.send("POST", path, body, token=token)
        if status == HTTPStatus.FORBIDDEN:
            raise VaultRefused(
                f"The vault server does not permit us {path}.",
                remedy=f'Give the role a policy with: path "{path}" '
                '{ capabilities = ["update"] }.',
            )
        if status == HTTPStatus.NOT_FOUND:
            raise VaultRefused(
                f"The vault server has nothing at {path}.",
                remedy="Enable its transit engine and make the key (docs/vault.md has the "
                "commands), or correct AUTODEPLOY_VAULT_URL.",
            )
        return status, answer

    async def send(
        self, method: str, path: str, body: Json | None = None, *, token: str | None = None
    ) -> tuple[int, Json]:
        """One request and its answer. Raises ``VaultAway``."""
        headers = {"X-Vault-Token": token} if token else {}
        try:
            response = await self._http.request(method, path, json=body, headers=headers)
            answer = response.json() if response.content else {}
        except httpx.TransportError as error:
            raise _away(f"does not answer ({error or type(error).__name__})") from None
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise _away("answers something else than a vault does")
        if "Vault is sealed" in (answer.get("errors") or ()):
            raise _away("is sealed")
        status = response.status_code
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
            raise _away(f"cannot serve at present (HTTP {status})")
        if response.is_redirect:
            raise _away("is a standby that sends us elsewhere")
        return status, answer

    async def _log_in(self, *, refused: str | None) -> str:
        """A token that is not the refused one; tasks that ask at once share one login."""
        async with self._logging_in:
            if self._token is not None and self._token != refused:
                return self._token
            lease = await self._credential.log_in(self)
            self._token = lease.token
            await self._stop_renewal()
            if lease.renewable and lease.seconds > 0:
                self._renewal = asyncio.create_task(self._keep(lease))
            return lease.token

    async def _keep(self, lease: Lease) -> None:
        """Renew a token at half of its time. One that cannot be renewed any further is given up
        before it ends, and the next call logs in."""
        seconds = lease.seconds
        wait = seconds / 2
        while seconds > lease.seconds / 4:
            await asyncio.sleep(wait)
            try:
                status, answer = await self.send(
                    "POST", "auth/token/renew-self", {}, token=lease.token
                )
            except VaultAway:
                wait = min(_RETRY_RENEWAL_SECONDS, seconds / 8)
                continue
            if status != HTTPStatus.OK:
                break
            seconds = answer["auth"]["lease_duration"]
            wait = seconds / 2
        _log.info("vault.token_ended")
        if self._token == lease.token:
            self._token = None

    async def close(self) -> None:
        await self._stop_renewal()
        await self._http.aclose()

    async def _stop_renewal(self) -> None:
        if self._renewal is not None:
            self._renewal.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._renewal
            self._renewal = None


def _authorities(file: Path | None) -> ssl.SSLContext:
    """Who may have signed the server's certificate: those of the file, else the usual ones."""
    try:
        return ssl.create_default_context(cafile=str(file)) if file else httpx.create_ssl_context()
    except OSError as error:  # ssl.SSLError is one
        raise VaultRefused(
            f"The authorities for the vault server cannot be read from {file}: "
            f"{error.strerror or error}.",
            remedy="Correct the option ca of AUTODEPLOY_VAULT_URL: a file of PEM certificates.",
        ) from None


def _away(what: str) -> VaultAway:
    return VaultAway(f"The vault server {what}, so nothing can be encrypted or decrypted.")
