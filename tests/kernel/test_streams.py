"""Streams of ciphertext: they open whole and in order, or not at all."""

from collections.abc import AsyncIterator

import pytest

from autodeploy.kernel.vault.errors import VaultError
from autodeploy.kernel.vault.streams import decrypt_stream, encrypt_stream, new_stream_key

MIB = 1 << 20


async def pieces(data: bytes, size: int) -> AsyncIterator[bytes]:
    for begin in range(0, len(data), size):
        yield data[begin : begin + size]


async def encrypted(key: bytes, data: bytes, size: int = 700_000) -> bytes:
    return b"".join([piece async for piece in encrypt_stream(key, pieces(data, size))])


async def decrypted(key: bytes, data: bytes, size: int = 700_000) -> bytes:
    return b"".join([piece async for piece in decrypt_stream(key, pieces(data, size))])


@pytest.mark.parametrize("length", [0, 1, MIB - 1, MIB, MIB + 1, 3 * MIB])
async def test_what_was_encrypted_comes_back_however_it_is_cut(length: int) -> None:
    key, data = new_stream_key(), bytes(range(256)) * (length // 256) + b"x" * (length % 256)
    sealed = await encrypted(key, data)
    assert data[:64] not in sealed or length < 4
    for size in (5, 65_536) if length < 2 * MIB else (100_000,):
        assert await decrypted(key, sealed, size) == data


async def test_changed_cut_and_reordered_streams_do_not_open() -> None:
    key = new_stream_key()
    sealed = await encrypted(key, b"a" * MIB + b"b" * MIB + b"c" * 10)
    frame = 4 + MIB + 16
    first, second, last = sealed[:frame], sealed[frame : 2 * frame], sealed[2 * frame :]
    assert await decrypted(key, first + second + last) == b"a" * MIB + b"b" * MIB + b"c" * 10
    spoilt = [
        b"", first, first + second, first + last, second + first + last, last,
        first + second + last + last, first + second + last + b"x", sealed[:-1],
        sealed[:100] + bytes([sealed[100] ^ 1]) + sealed[101:], b"\xff" * 100,
        # The mark of the last frame is no one's to set.
        bytes([first[0] | 0x80]) + first[1:],
    ]  # fmt: skip
    for each in spoilt:
        with pytest.raises(VaultError):
            await decrypted(key, each)
    with pytest.raises(VaultError):
        await decrypted(new_stream_key(), sealed)
