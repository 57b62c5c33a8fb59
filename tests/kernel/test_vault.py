"""What is sealed opens for its owner and purpose only."""

import asyncio
import base64
import os
import stat
import string
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autodeploy.kernel.errors import InvalidInput
from autodeploy.kernel.vault import (
    KEY_BYTES,
    EmbeddedBackend,
    Keyring,
    MasterKeyError,
    Vault,
    VaultError,
    generate_master_key_file,
)

_KEY = bytes(range(KEY_BYTES))


def vault_of(*keys: bytes) -> Vault:
    return Vault(EmbeddedBackend(Keyring.of(*keys)))


_vault = vault_of(_KEY)
_subjects = st.sampled_from(["user:1", "user:2", "organization:1", "", "user:1\0"])
# A derived key is made per subject, so the examples share a few subjects; the first is slow.
_quick = settings(deadline=None, max_examples=50)


@_quick
@given(st.text(st.characters(exclude_categories=["Cs"])), _subjects, st.text(max_size=20))
def test_any_text_comes_back_for_the_same_subject_and_context(text, subject, context):
    async def round_trip() -> str:
        sealed = await _vault.encrypt_for(subject, text, context=context)
        return await vault_of(_KEY).decrypt_for(subject, sealed, context=context)

    assert asyncio.run(round_trip()) == text


@_quick
@given(_subjects, _subjects, st.text("ab:", max_size=3), st.text("ab:", max_size=3))
def test_other_subject_or_context_is_refused(subject, other_subject, context, other_context):
    async def attempt() -> None:
        sealed = await _vault.encrypt_for(subject, "value", context=context)
        await _vault.decrypt_for(other_subject, sealed, context=other_context)

    if (subject, context) == (other_subject, other_context):
        asyncio.run(attempt())
    else:
        with pytest.raises(VaultError, match="another owner or purpose"):
            asyncio.run(attempt())


@_quick
@given(st.data())
def test_any_changed_character_is_refused(data):
    sealed = asyncio.run(_vault.encrypt("token", "u1"))
    at = data.draw(st.integers(0, len(sealed) - 1))
    character = data.draw(st.sampled_from("Az09-_.=\n").filter(lambda new: new != sealed[at]))
    with pytest.raises(VaultError):
        asyncio.run(_vault.decrypt(sealed[:at] + character + sealed[at + 1 :], "u1"))


@pytest.mark.parametrize("token", ["token", "token1", "token12"])
async def test_other_spelling_of_the_same_bytes_is_refused(token):
    sealed = await _vault.encrypt(token, "u1")
    for character in string.ascii_letters + string.digits + "-_":
        if character != sealed[-1]:
            with pytest.raises(VaultError):
                await _vault.decrypt(sealed[:-1] + character, "u1")


@pytest.mark.parametrize("text", ["", "v1", "v1.", "v1.x", "v2.aaaaaaaa.AAAA", "plain", "v1.é.é"])
async def test_text_that_is_no_ciphertext_is_refused(text):
    with pytest.raises(VaultError):
        await _vault.decrypt(text, "u1")


async def test_truncated_ciphertext_is_refused():
    sealed = await _vault.encrypt("token", "u1")
    for length in range(len(sealed)):
        with pytest.raises(VaultError):
            await _vault.decrypt(sealed[:length], "u1")


async def test_other_master_key_is_refused_and_named():
    sealed = await _vault.encrypt("token", "u1")
    with pytest.raises(VaultError, match=Keyring.of(_KEY).current.id):
        await vault_of(os.urandom(KEY_BYTES)).decrypt(sealed, "u1")


async def test_same_value_is_sealed_differently_each_time():
    assert len({await _vault.encrypt("token", "u1") for _ in range(20)}) == 20


async def test_ciphertext_has_the_specified_sizes():
    body = (await _vault.encrypt("token", "u1")).rpartition(".")[2]
    assert len(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))) == 32 + 16 + 5 + 16


async def test_known_subject_is_served_within_a_millisecond():
    vault = vault_of(_KEY)
    sealed = await vault.encrypt("token", "u1")
    started = time.process_time()
    for _ in range(200):
        await vault.encrypt("token", "u1")
        await vault.decrypt(sealed, "u1")
    assert (time.process_time() - started) / 400 < 0.001


async def test_first_use_by_many_tasks_derives_the_key_once():
    vault = vault_of(_KEY)
    started = time.process_time()
    await vault.encrypt("token", "alone")
    once = time.process_time() - started
    started = time.process_time()
    await asyncio.gather(*(vault.encrypt("token", "many") for _ in range(30)))
    assert time.process_time() - started < 8 * once


async def test_cancelled_first_user_does_not_fail_the_others():
    vault = vault_of(_KEY)
    first = asyncio.create_task(vault.encrypt("token", "u1"))
    second = asyncio.create_task(vault.encrypt("token", "u1"))
    await asyncio.sleep(0)
    first.cancel()
    assert await vault.decrypt(await second, "u1") == "token"


async def test_text_with_lone_surrogate_is_invalid_input():
    with pytest.raises(InvalidInput):
        await _vault.encrypt("\ud800", "u1")


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_master_key_of_wrong_length_is_refused(length):
    with pytest.raises(MasterKeyError):
        vault_of(bytes(length))


def test_generated_master_key_is_private_and_loads(tmp_path):
    path = tmp_path / "master.key"
    generate_master_key_file(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(Keyring.load(path).current.secret) == KEY_BYTES


def test_existing_master_key_is_never_overwritten(tmp_path):
    path = tmp_path / "master.key"
    generate_master_key_file(path)
    key = Keyring.load(path).keys
    with pytest.raises(FileExistsError):
        generate_master_key_file(path)
    assert Keyring.load(path).keys == key


def test_master_key_readable_by_others_is_refused(tmp_path):
    path = tmp_path / "master.key"
    generate_master_key_file(path)
    path.chmod(0o640)
    with pytest.raises(MasterKeyError, match="read by others"):
        Keyring.load(path)


@pytest.mark.parametrize("content", [b"", b"short", b"!!!!", base64.b64encode(bytes(31))])
def test_file_without_a_key_is_refused(tmp_path, content):
    path = tmp_path / "master.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(MasterKeyError):
        Keyring.load(path)


def test_missing_master_key_is_refused(tmp_path):
    with pytest.raises(MasterKeyError, match="no master key"):
        Keyring.load(tmp_path / "master.key")
