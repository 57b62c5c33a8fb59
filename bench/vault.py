"""Sealing and opening a token in the vault, beside AES-GCM alone.

``first_ms`` is the first value of an owner, whose key is derived for it; the others are the means
of values after it. ``baseline_ms`` seals the same text with the cipher alone, in the same run.
"""

import asyncio
import secrets
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from autodeploy.kernel.vault import EmbeddedBackend, Keyring, Vault, generate_master_key_file
from bench.report import Record, arguments, show

TOKEN = "ghp_" + "x" * 36
VALUES = 2_000


def main() -> None:
    options = arguments(__doc__, repeat=5)
    runs = [asyncio.run(_measure()) for _ in range(options.repeat)]
    record: Record = {
        name: round(statistics.median(run[name] for run in runs), 4) for name in runs[0]
    }
    show("A token in the vault, in milliseconds", "vault", [record], as_json=options.json)


async def _measure() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "master.key"
        generate_master_key_file(path)
        vault = Vault(EmbeddedBackend(Keyring.load(path)))
        first = await _mean(lambda: vault.encrypt(TOKEN, "u1"), 1)
        sealed = await vault.encrypt(TOKEN, "u1")
        return {
            "first_ms": first,
            "encrypt_ms": await _mean(lambda: vault.encrypt(TOKEN, "u1"), VALUES),
            "decrypt_ms": await _mean(lambda: vault.decrypt(sealed, "u1"), VALUES),
            "baseline_ms": await _mean(_cipher_alone(), VALUES),
        }


def _cipher_alone() -> Callable[[], Awaitable[object]]:
    cipher = AESGCM(secrets.token_bytes(32))

    async def seal() -> bytes:
        return cipher.encrypt(secrets.token_bytes(16), TOKEN.encode(), b"user:u1")

    return seal


async def _mean(call: Callable[[], Awaitable[object]], times: int) -> float:
    started = time.perf_counter()
    for _ in range(times):
        await call()
    return (time.perf_counter() - started) / times * 1000


if __name__ == "__main__":
    main()
