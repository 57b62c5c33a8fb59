"""Encryption of what is too big for one value: frames of AES-256-GCM under a key of its own.

Each frame is its length (4 bytes, the highest bit marks the last one) and its ciphertext; the nonce
is the frame's number and whether it is the last. So frames that are changed, moved, left out or cut
off do not open. A key is for one stream: the nonces begin anew with each.
"""

import secrets
import struct
from collections.abc import AsyncIterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from autodeploy.kernel.vault.errors import VaultError

_FRAME_BYTES = 1 << 20
_TAG_BYTES = 16
_LAST = 1 << 31


def new_stream_key() -> bytes:
    """A key for one stream."""
    return secrets.token_bytes(32)


async def encrypt_stream(key: bytes, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The ciphertext of what ``chunks`` give, in pieces of a megabyte."""
    cipher, number, waiting = AESGCM(key), 0, bytearray()
    async for chunk in chunks:
        waiting += chunk
        while len(waiting) > _FRAME_BYTES:
            yield _frame(cipher, number, bytes(waiting[:_FRAME_BYTES]), last=False)
            del waiting[:_FRAME_BYTES]
            number += 1
    yield _frame(cipher, number, bytes(waiting), last=True)


async def decrypt_stream(key: bytes, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """What was encrypted. Raises ``VaultError`` where it is not whole or the key is another."""
    cipher, number, waiting, ended = AESGCM(key), 0, bytearray(), False
    async for chunk in chunks:
        waiting += chunk
        while len(waiting) >= 4:
            (head,) = struct.unpack_from("!I", waiting)
            size, last = head & ~_LAST, bool(head & _LAST)
            if ended or size > _FRAME_BYTES + _TAG_BYTES:
                raise _damaged()
            if len(waiting) < 4 + size:
                break
            yield _open(cipher, number, bytes(waiting[4 : 4 + size]), last)
            del waiting[: 4 + size]
            number, ended = number + 1, last
    if waiting or not ended:
        raise _damaged()


def _frame(cipher: AESGCM, number: int, data: bytes, *, last: bool) -> bytes:
    sealed = cipher.encrypt(_nonce(number, last), data, None)
    return struct.pack("!I", len(sealed) | (_LAST if last else 0)) + sealed


def _open(cipher: AESGCM, number: int, sealed: bytes, last: bool) -> bytes:
    try:
        return cipher.decrypt(_nonce(number, last), sealed, None)
    except InvalidTag:
        raise _damaged() from None


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def _damaged() -> VaultError:
    return VaultError(
        "The stored file was changed, is not whole, or was encrypted with another key.",
        remedy="Use another one: this one cannot be read any more.",
    )
