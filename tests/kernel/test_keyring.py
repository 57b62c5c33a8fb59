"""The file of master keys: what it may hold, how it changes, and who notices."""

import asyncio
import base64
import os
from pathlib import Path

import pytest

from autodeploy.kernel.vault import EmbeddedBackend, Keyring, MasterKeyError, Vault, VaultError
from autodeploy.kernel.vault.keyring import add_key, drop_keys, prepare_key, read_keys


def test_new_key_seals_and_the_older_ones_stay(key_file: Path) -> None:
    (first,) = read_keys(key_file)
    second, third = add_key(key_file), add_key(key_file)
    assert [key.id for key in read_keys(key_file)] == [third, second, first.id]
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert list(key_file.parent.iterdir()) == [key_file]


def test_key_that_seals_is_never_dropped(key_file: Path) -> None:
    first = read_keys(key_file)[0].id
    second = add_key(key_file)
    drop_keys(key_file, [first, second])
    assert [key.id for key in read_keys(key_file)] == [second]


def test_key_that_is_not_named_stays(key_file: Path) -> None:
    """As when another rotation began between the decision and the removal."""
    first = read_keys(key_file)[0].id
    second = add_key(key_file)
    third = add_key(key_file)
    drop_keys(key_file, [first])
    assert [key.id for key in read_keys(key_file)] == [third, second]


def test_waiting_key_becomes_the_one_that_seals(key_file: Path) -> None:
    first = read_keys(key_file)[0].id
    waiting = prepare_key(key_file)
    assert [(key.id, key.waiting) for key in read_keys(key_file)] == [
        (first, False),
        (waiting, True),
    ]
    assert add_key(key_file) == waiting
    assert [(key.id, key.waiting) for key in read_keys(key_file)] == [
        (waiting, False),
        (first, False),
    ]


def test_file_whose_first_key_waits_is_refused(key_file: Path) -> None:
    key_file.write_bytes(b"next " + key_file.read_bytes())
    with pytest.raises(MasterKeyError):
        read_keys(key_file)


@pytest.mark.parametrize("line", [b"short", b"later " + base64.b64encode(bytes(32)), b"\xff"])
def test_line_that_is_no_key_is_refused(key_file: Path, line: bytes) -> None:
    with key_file.open("ab") as file:
        file.write(line + b"\n")
    with pytest.raises(MasterKeyError):
        read_keys(key_file)


@pytest.mark.parametrize("harm", ["removed", "damaged", "open to others"])
async def test_process_that_runs_goes_on_with_the_keys_it_has(key_file: Path, harm: str) -> None:
    vault = Vault(EmbeddedBackend(Keyring.load(key_file)))
    sealed = await vault.encrypt("token", "u1")
    if harm == "removed":
        key_file.unlink()
    elif harm == "damaged":
        key_file.write_text("damaged")
    else:
        key_file.write_bytes(key_file.read_bytes() * 2)
        key_file.chmod(0o644)
    assert await vault.decrypt(await vault.encrypt("token", "u1"), "u1") == "token"
    assert await vault.decrypt(sealed, "u1") == "token"


async def test_retired_key_no_longer_opens_in_a_process_that_runs(key_file: Path) -> None:
    vault = Vault(EmbeddedBackend(Keyring.load(key_file)))
    sealed = await vault.encrypt("token", "u1")
    old = read_keys(key_file)[0].id
    add_key(key_file)
    drop_keys(key_file, [old])
    await vault.encrypt("token", "u1")
    with pytest.raises(VaultError, match=old):
        await vault.decrypt(sealed, "u1")


async def test_keys_that_are_added_at_once_are_all_kept(key_file: Path) -> None:
    added = await asyncio.gather(*(asyncio.to_thread(add_key, key_file) for _ in range(5)))
    assert set(added) < {key.id for key in read_keys(key_file)}
    assert len(read_keys(key_file)) == 6


def test_secret_of_a_key_is_not_shown() -> None:
    secret = os.urandom(32)
    ring = Keyring.of(secret)
    assert repr(secret)[2:10] not in repr(ring.keys)
