"""Encryption of tokens and variables: AES-256-GCM under keys derived per subject.

A ciphertext reads ``v1.<key id>.<base64url of salt, nonce and sealed text>``. The key of a subject
(a user, an organization) is PBKDF2-HMAC-SHA256 of the master key with the subject's own salt. Who
it belongs to and what it is for are authenticated, so a ciphertext that is copied to another row
does not open there.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import secrets
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from autodeploy.kernel.errors import AutoDeployError, InvalidInput
from autodeploy.kernel.private_files import create_private_file

VERSION = "v1"
ITERATIONS = 100_000
KEY_BYTES = 32
SALT_BYTES = 32
NONCE_BYTES = 16
_TAG_BYTES = 16
_CACHED_KEYS = 4096


class VaultError(AutoDeployError):
    """A ciphertext does not open: another key, another owner, or it was changed."""

    code = "vault_cannot_decrypt"
    usual_remedy = "Put back the database or its master key; or set the value again."


class MasterKeyError(AutoDeployError):
    """The master key file is missing, readable by others, or holds no key."""

    code = "master_key_unusable"


class _Envelope(NamedTuple):
    key_id: str
    salt: bytes
    nonce: bytes
    sealed: bytes


class Vault:
    """Seals and opens values for a subject. One instance a process, shared by all tasks."""

    def __init__(self, master_key: bytes):
        if len(master_key) != KEY_BYTES:
            raise MasterKeyError(f"The master key has {len(master_key)} bytes, not {KEY_BYTES}.")
        self._master_key = master_key
        self.key_id = hashlib.sha256(b"autodeploy key id\0" + master_key).hexdigest()[:8]
        self._ciphers: OrderedDict[tuple[str, bytes], AESGCM] = OrderedDict()
        self._deriving: dict[tuple[str, bytes], asyncio.Task[AESGCM]] = {}

    async def encrypt(self, token: str, user_id: str) -> str:
        """Seal a provider token for its user."""
        return await self.encrypt_for(f"user:{user_id}", token)

    async def decrypt(self, encrypted_token: str, user_id: str) -> str:
        """Open a provider token for its user. Raises VaultError."""
        return await self.decrypt_for(f"user:{user_id}", encrypted_token)

    async def encrypt_for(self, subject: str, plaintext: str, *, context: str = "") -> str:
        """Seal a value.

        Args:
            subject: whose key, such as ``organization:<id>``.
            plaintext: any text.
            context: what the value is for; the same one is needed to open it.
        """
        try:
            data = plaintext.encode()
        except UnicodeEncodeError:
            raise InvalidInput("The value holds characters that are not text.") from None
        salt = self._salt(subject)
        cipher = await self._cipher(subject, salt)
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = cipher.encrypt(nonce, data, self._bound(subject, context))
        body = base64.urlsafe_b64encode(salt + nonce + sealed).rstrip(b"=").decode()
        return f"{VERSION}.{self.key_id}.{body}"

    async def decrypt_for(self, subject: str, ciphertext: str, *, context: str = "") -> str:
        """Open a value. Raises VaultError unless subject, context and key are those it was
        sealed with and nothing was changed."""
        envelope = _parse(ciphertext)
        if envelope.key_id != self.key_id:
            raise VaultError(
                f"The value was encrypted with master key {envelope.key_id}, "
                f"and this process holds {self.key_id}.",
                remedy="Put back the master key that belongs to this database.",
            )
        if not hmac.compare_digest(envelope.salt, self._salt(subject)):
            raise _does_not_open()
        cipher = await self._cipher(subject, envelope.salt)
        try:
            data = cipher.decrypt(envelope.nonce, envelope.sealed, self._bound(subject, context))
        except InvalidTag:
            raise _does_not_open() from None
        return data.decode()

    def _salt(self, subject: str) -> bytes:
        """The subject's salt. It follows from the master key, so that each process derives a
        subject's key once instead of once per value."""
        return hmac.digest(self._master_key, b"salt\0" + subject.encode(), "sha256")

    def _bound(self, subject: str, context: str) -> bytes:
        parts = (VERSION, self.key_id, subject, context)
        return b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)

    async def _cipher(self, subject: str, salt: bytes) -> AESGCM:
        key = (subject, salt)
        if (cipher := self._ciphers.get(key)) is not None:
            self._ciphers.move_to_end(key)
            return cipher
        task = self._deriving.get(key)
        if task is None:
            task = asyncio.create_task(self._derive(key))
            self._deriving[key] = task
            task.add_done_callback(lambda _: self._deriving.pop(key, None))
        # Shielded: a caller that is cancelled must not fail the others that wait for the key.
        return await asyncio.shield(task)

    async def _derive(self, key: tuple[str, bytes]) -> AESGCM:
        derived = await asyncio.to_thread(
            hashlib.pbkdf2_hmac, "sha256", self._master_key, key[1], ITERATIONS, KEY_BYTES
        )
        cipher = self._ciphers[key] = AESGCM(derived)
        if len(self._ciphers) > _CACHED_KEYS:
            self._ciphers.popitem(last=False)
        return cipher


def _does_not_open() -> VaultError:
    return VaultError(
        "The value does not open: it belongs to another owner or purpose, or it was changed.",
        remedy="Set the value again.",
    )


def _parse(ciphertext: str) -> _Envelope:
    version, _, rest = ciphertext.partition(".")
    key_id, _, body = rest.partition(".")
    if version != VERSION or not key_id or not body:
        raise VaultError("This is not a value that the vault encrypted.")
    try:
        raw = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise VaultError("The encrypted value is damaged.") from None
    # The last character of base64 can hold bits that mean nothing: only one spelling is accepted.
    canonical = base64.urlsafe_b64encode(raw).rstrip(b"=").decode() == body
    if not canonical or len(raw) < SALT_BYTES + NONCE_BYTES + _TAG_BYTES:
        raise VaultError("The encrypted value is damaged.")
    nonce_end = SALT_BYTES + NONCE_BYTES
    return _Envelope(key_id, raw[:SALT_BYTES], raw[SALT_BYTES:nonce_end], raw[nonce_end:])


def generate_master_key_file(path: Path) -> None:
    """Write a new random master key, mode 0600. Raises FileExistsError, never overwrites."""
    text = base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n"
    create_private_file(path, text)


def load_master_key(path: Path) -> bytes:
    """Read the master key. Raises MasterKeyError when it is missing, open to others or damaged."""
    try:
        mode = path.stat().st_mode
        text = path.read_bytes().strip()
    except FileNotFoundError:
        raise MasterKeyError(
            f"There is no master key at {path}.",
            remedy="Put your copy of it back, or make a first one with `autodeploy secrets`.",
        ) from None
    if mode & 0o077:
        raise MasterKeyError(
            f"The master key at {path} can be read by others.", remedy=f"Run: chmod 600 {path}"
        )
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise MasterKeyError(
            f"The file at {path} does not hold a master key.",
            remedy="Put your copy of it back: what it protects cannot be read with another one.",
        )
    return key
