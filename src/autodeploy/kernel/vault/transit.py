"""Keys that never leave a vault server: the transit engine of OpenBao or HashiCorp Vault.

A ciphertext reads ``v1t.`` and what the server returned, ``vault:v<version>:<base64>``. The subject
is the context that the server derives a key from (a key made with ``derived=true``); subject and
purpose are bound as associated data too, so that they count with any kind of key.
"""

import base64
import binascii
import time
from collections.abc import Iterator, Sequence
from typing import Any

from autodeploy.kernel.vault.errors import VaultError, VaultRefused
from autodeploy.kernel.vault.items import Item, binding, does_not_open, key_of
from autodeploy.kernel.vault.server import VaultServer

# OpenBao 2.7 refuses a request of more than 1,000 JSON strings; an item has six or seven.
_BATCH = 100
# What a readiness probe may know from a moment ago: it is asked by anyone, and often.
_PROBE_SECONDS = 2.0
_TOO_OLD = "disallowed by policy"


class TransitBackend:
    """Seals and opens with one key of a transit engine, in batches."""

    version = "v1t"

    def __init__(self, server: VaultServer):
        self._server = server
        self._address = server.address
        self._probed = (-_PROBE_SECONDS, "")

    async def current_key(self) -> str:
        """Which version seals: the server says it with each value, so one is sealed to see."""
        asked, key = self._probed
        if time.monotonic() - asked >= _PROBE_SECONDS:
            (ciphertext,) = await self.seal([Item("probe", "")])
            key = key_of(ciphertext) or ciphertext
            self._probed = (time.monotonic(), key)
        return key

    async def begin_rotation(self, *, clean: bool) -> bool:
        """Values under an older version are a rotation under way: it ends before another begins."""
        if not clean:
            return False
        await self._server.call(f"{self._address.mount}/keys/{self._address.key}/rotate", {})
        self._probed = (-_PROBE_SECONDS, "")
        return True

    async def seal(self, items: Sequence[Item]) -> list[str]:
        sealed = []
        for batch in _batches(items):
            inputs = [
                {"plaintext": _encoded(item.text.encode()), **self._bound(item)} for item in batch
            ]
            for result in await self._ask("encrypt", inputs):
                if "ciphertext" not in result:
                    raise VaultRefused(
                        f"The vault server does not encrypt with this key: {_reason(result)}.",
                        remedy="Make the key as docs/vault.md says (type=aes256-gcm96 "
                        "derived=true).",
                    )
                sealed.append(f"{self.version}.{result['ciphertext']}")
        return sealed

    async def open(self, items: Sequence[Item]) -> list[str | VaultError]:
        opened: list[str | VaultError] = []
        for batch in _batches(items):
            inputs = [
                {"ciphertext": item.text.partition(".")[2], **self._bound(item)} for item in batch
            ]
            opened += [_opened(result) for result in await self._ask("decrypt", inputs)]
        return opened

    async def close(self) -> None:
        await self._server.close()

    async def _ask(self, operation: str, inputs: list[dict[str, str]]) -> list[dict[str, Any]]:
        """A batch's results in its order; an item that failed has ``error``."""
        path = f"{self._address.mount}/{operation}/{self._address.key}"
        status, answer = await self._server.call(path, {"batch_input": inputs})
        results: list[dict[str, Any]] | None = (answer.get("data") or {}).get("batch_results")
        if results is None or len(results) != len(inputs):
            raise VaultRefused(
                f"The vault server does not {operation} (HTTP {status}): {_reason(answer)}."
            )
        return results

    def _bound(self, item: Item) -> dict[str, str]:
        bound = binding(self.version, item.subject, item.context)
        return {
            "context": _encoded(item.subject.encode() or b"\0"),  # it may not be empty
            "associated_data": _encoded(bound),
        }


def _opened(result: dict[str, Any]) -> str | VaultError:
    error = result.get("error")
    if not error:
        try:
            return base64.b64decode(result.get("plaintext", ""), validate=True).decode()
        except (binascii.Error, ValueError):
            return does_not_open()
    if _TOO_OLD in error:
        return VaultError(
            "The value is under a version of the key that the vault server no longer opens.",
            remedy="Lower the key's min_decryption_version, then `autodeploy vault rotate-master`.",
        )
    return does_not_open()


def _reason(answer: dict[str, Any]) -> str:
    """The server's own words, which speak of keys and never repeat a value."""
    return str(answer.get("error") or "; ".join(answer.get("errors") or ["it gives no reason"]))


def _batches(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), _BATCH):
        yield items[start : start + _BATCH]


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()
