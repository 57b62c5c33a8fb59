"""AES-256-GCM under keys that are derived per subject from a master key of this machine.

A ciphertext reads ``v1.<key id>.<base64url of salt, nonce and sealed text>``. The key of a subject
(a user, an organization) is PBKDF2-HMAC-SHA256 of the master key with the subject's own salt. Who
it belongs to and what it is for are authenticated, so a ciphertext that is copied to another row
does not open there.

The salt is a keyed hash of the subject, not random: a random one per value would cost a derivation
(tens of milliseconds) for every value that is sealed or opened, and one per subject would have to
be stored and found again. A salt is there to make equal secrets give different keys and to make
tables that are computed in advance useless; the master key is 256 random bits, and each subject
and each master key have a salt of their own, which nobody can compute without the master key.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from autodeploy.kernel.vault.errors import MasterKeyError, VaultError
from autodeploy.kernel.vault.items import Item, binding, does_not_open
from autodeploy.kernel.vault.keyring import KEY_BYTES, Keyring, MasterKey, add_key

ITERATIONS = 100_000
SALT_BYTES = 32
NONCE_BYTES = 16
_TAG_BYTES = 16
_CACHED_KEYS = 4096


class _Envelope(NamedTuple):
    key_id: str
    salt: bytes
    nonce: bytes
    sealed: bytes


class EmbeddedBackend:
    """Seals with the keyring's current key and opens with each of its keys."""

    version = "v1"

    def __init__(self, keyring: Keyring):
        self.keyring = keyring
        self._ciphers: OrderedDict[tuple[str, str], AESGCM] = OrderedDict()
        self._deriving: dict[tuple[str, str], asyncio.Task[AESGCM]] = {}

    async def current_key(self) -> str:
        return f"{self.version}.{self.keyring.current.id}"

    async def begin_rotation(self, *, clean: bool) -> bool:
        """An older key in the ring is a rotation under way: it ends before another begins."""
        if any(not key.waiting for key in self.keyring.keys[1:]):
            return False
        if self.keyring.path is None:
            raise MasterKeyError("These master keys have no file to add one to.")
        add_key(self.keyring.path)
        self.keyring.refresh()
        return True

    async def seal(self, items: Sequence[Item]) -> list[str]:
        return [await self._seal(self.keyring.current, item) for item in items]

    async def open(self, items: Sequence[Item]) -> list[str | VaultError]:
        return [await self._open(item) for item in items]

    async def close(self) -> None:
        """Nothing is connected."""

    async def _seal(self, key: MasterKey, item: Item) -> str:
        cipher = await self._cipher(key, item.subject)
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = cipher.encrypt(nonce, item.text.encode(), self._bound(key, item))
        raw = _salt(key, item.subject) + nonce + sealed
        body = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
        return f"{self.version}.{key.id}.{body}"

    async def _open(self, item: Item) -> str | VaultError:
        try:
            envelope = _parse(item.text)
        except VaultError as error:
            return error
        key = self.keyring.find(envelope.key_id)
        if key is None:
            held = ", ".join(each.id for each in self.keyring.keys)
            return VaultError(
                f"The value was encrypted with master key {envelope.key_id}, "
                f"and this process holds {held}.",
                remedy="Put back the master key that belongs to this database.",
            )
        if not hmac.compare_digest(envelope.salt, _salt(key, item.subject)):
            return does_not_open()
        cipher = await self._cipher(key, item.subject)
        try:
            return cipher.decrypt(envelope.nonce, envelope.sealed, self._bound(key, item)).decode()
        except InvalidTag:
            return does_not_open()

    def _bound(self, key: MasterKey, item: Item) -> bytes:
        return binding(self.version, key.id, item.subject, item.context)

    async def _cipher(self, key: MasterKey, subject: str) -> AESGCM:
        place = (key.id, subject)
        if (cipher := self._ciphers.get(place)) is not None:
            self._ciphers.move_to_end(place)
            return cipher
        task = self._deriving.get(place)
        if task is None:
            task = asyncio.create_task(self._derive(key, subject))
            self._deriving[place] = task
            task.add_done_callback(lambda _: self._deriving.pop(place, None))
        # Shielded: a caller that is cancelled must not fail the others that wait for the key.
        return await asyncio.shield(task)

    async def _derive(self, key: MasterKey, subject: str) -> AESGCM:
        derived = await asyncio.to_thread(
            hashlib.pbkdf2_hmac, "sha256", key.secret, _salt(key, subject), ITERATIONS, KEY_BYTES
        )
        cipher = self._ciphers[key.id, subject] = AESGCM(derived)
        if len(self._ciphers) > _CACHED_KEYS:
            self._ciphers.popitem(last=False)
        return cipher


def _salt(key: MasterKey, subject: str) -> bytes:
    return hmac.digest(key.secret, b"salt\0" + subject.encode(), "sha256")


def _parse(ciphertext: str) -> _Envelope:
    version, _, rest = ciphertext.partition(".")
    key_id, _, body = rest.partition(".")
    if version != EmbeddedBackend.version or not key_id or not body:
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
