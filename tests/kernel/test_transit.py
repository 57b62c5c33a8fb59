"""Values under a key of a real vault server: sealed, away, refused, renewed, rotated."""

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs
from tests.bao import Bao

from autodeploy.kernel.errors import InvalidInput
from autodeploy.kernel.vault import (
    EmbeddedBackend,
    Item,
    Keyring,
    Vault,
    VaultAway,
    VaultError,
    VaultRefused,
)
from autodeploy.kernel.vault import server as server_module
from autodeploy.kernel.vault.server import AppRole, TokenFile, VaultServer
from autodeploy.kernel.vault.transit import TransitBackend
from autodeploy.kernel.vault_url import parse_transit_url

_numbers = itertools.count(1)


@pytest.fixture
def key() -> str:
    return f"key-{next(_numbers)}"


@pytest.fixture
def own_bao(tmp_path: Path) -> Iterator[Bao]:
    """A server that the test may seal and stop."""
    server = Bao(tmp_path / "bao")
    yield server
    server.close()


@pytest.fixture
async def opened() -> AsyncIterator[Callable[[TransitBackend], Vault]]:
    """Makes vaults that are closed after the test."""
    vaults = []

    def make(backend: TransitBackend) -> Vault:
        vaults.append(Vault(backend))
        return vaults[-1]

    yield make
    for vault in vaults:
        await vault.close()


async def test_text_comes_back_for_the_same_subject_and_context_only(bao, key, opened):
    vault = opened(bao.backend(key))
    sealed = await vault.encrypt_for("user:1", "töken", context="row")
    assert sealed.startswith("v1t.vault:v1:")
    assert await vault.decrypt_for("user:1", sealed, context="row") == "töken"
    for subject, context in (("user:2", "row"), ("user:1", "other"), ("user:1", "")):
        with pytest.raises(VaultError, match="another owner or purpose"):
            await vault.decrypt_for(subject, sealed, context=context)


@pytest.mark.parametrize("form", ["v1t.", "v1t.junk", "v1t.vault:v9:AAAA", "v1t.vault:v1:AAAA"])
async def test_damaged_text_is_refused(bao, key, opened, form):
    vault = opened(bao.backend(key))
    with pytest.raises(VaultError):
        await vault.decrypt_for("user:1", form)


async def test_empty_text_and_empty_subject_come_back(bao, key, opened):
    vault = opened(bao.backend(key))
    assert await vault.decrypt_for("", await vault.encrypt_for("", "")) == ""


async def test_subject_counts_also_with_a_key_that_was_not_made_derived(bao, key, opened):
    bao.request("POST", f"transit/keys/{key}", type="aes256-gcm96")
    role = bao.make_role(key)
    server = VaultServer(bao.address(key), AppRole(lambda: role[0], lambda: role[1]))
    vault = opened(TransitBackend(server))
    sealed = await vault.encrypt_for("user:1", "token")
    assert await vault.decrypt_for("user:1", sealed) == "token"
    with pytest.raises(VaultError):
        await vault.decrypt_for("user:2", sealed)


async def test_many_values_keep_their_order_and_each_its_own_error(bao, key, opened):
    vault = opened(bao.backend(key))
    items = [Item(f"user:{n}", f"token {n}", str(n)) for n in range(230)]
    sealed = await vault.encrypt_many(items)
    ciphertexts = [
        Item(item.subject, text, item.context) for item, text in zip(items, sealed, strict=True)
    ]
    ciphertexts[150] = Item("user:0", sealed[150], "150")
    opened_texts = await vault.try_decrypt_many(ciphertexts)
    assert isinstance(opened_texts[150], VaultError)
    expected = [item.text for item in items]
    assert opened_texts[:150] + opened_texts[151:] == expected[:150] + expected[151:]


async def test_values_of_both_backends_open_with_whichever_sealed_them(bao, key):
    embedded = EmbeddedBackend(Keyring.of(bytes(32)))
    before = await Vault(embedded).encrypt_for("user:1", "old", context="c")
    vault = Vault(bao.backend(key), embedded)
    after = await vault.encrypt_for("user:1", "new", context="c")
    items = [Item("user:1", text, "c") for text in (before, after, before)]
    assert await vault.decrypt_many(items) == ["old", "new", "old"]
    await vault.close()


async def test_value_of_the_server_without_its_setting_says_which_to_set():
    vault = Vault(EmbeddedBackend(Keyring.of(bytes(32))))
    with pytest.raises(VaultError) as raised:
        await vault.decrypt_for("user:1", "v1t.vault:v1:AAAA")
    assert "AUTODEPLOY_VAULT_URL" in str(raised.value.remedy)


async def test_key_rotated_on_the_server_seals_anew_and_opens_the_old(bao, key, opened):
    vault = opened(bao.backend(key))
    old = await vault.encrypt_for("user:1", "token")
    bao.request("POST", f"transit/keys/{key}/rotate")
    assert (await vault.encrypt_for("user:1", "token")).startswith("v1t.vault:v2:")
    assert await vault.decrypt_for("user:1", old) == "token"


async def test_version_that_the_server_no_longer_opens_is_told_apart(bao, key, opened):
    vault = opened(bao.backend(key))
    old = await vault.encrypt_for("user:1", "token")
    bao.request("POST", f"transit/keys/{key}/rotate")
    bao.request("POST", f"transit/keys/{key}/config", min_decryption_version=2)
    with pytest.raises(VaultError, match="no longer opens"):
        await vault.decrypt_for("user:1", old)


async def test_sealed_server_is_away_until_it_is_unsealed(own_bao, key, opened):
    vault = opened(own_bao.backend(key))
    sealed = await vault.encrypt_for("user:1", "token")
    own_bao.seal()
    for call in (vault.encrypt_for("user:1", "x"), vault.decrypt_for("user:1", sealed)):
        with pytest.raises(VaultAway, match="is sealed") as raised:
            await call
        assert raised.value.retryable
        assert raised.value.status == 503
        assert "unseal" in str(raised.value.remedy)
    own_bao.unseal()
    assert await _once_there(vault.decrypt_for, "user:1", sealed) == "token"


async def _once_there(call, *args):
    """A moment after it was unsealed the server is still setting itself up."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await call(*args)
            except VaultAway:
                await asyncio.sleep(0.02)


async def test_stopped_server_is_away(own_bao, key, opened):
    vault = opened(own_bao.backend(key))
    await vault.encrypt_for("user:1", "token")
    own_bao.stop()
    with pytest.raises(VaultAway, match="does not answer"):
        await vault.encrypt_for("user:1", "token")


async def test_server_that_hangs_is_away_in_time(monkeypatch, opened):
    monkeypatch.setattr(server_module, "CALL_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = parse_transit_url(f"http://127.0.0.1:{silent.getsockname()[1]}/transit/k")
        vault = opened(TransitBackend(VaultServer(address, AppRole(lambda: "r", lambda: "s"))))
        async with asyncio.timeout(5):
            with pytest.raises(VaultAway):
                await vault.encrypt_for("user:1", "token")


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"\xff"])
async def test_something_else_at_the_address_is_away(opened, body):
    async def answer(reader, writer):
        await reader.readuntil(b"}")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        writer.close()

    other = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with other:
        port = other.sockets[0].getsockname()[1]
        address = parse_transit_url(f"http://127.0.0.1:{port}/transit/k")
        vault = opened(TransitBackend(VaultServer(address, AppRole(lambda: "r", lambda: "s"))))
        with pytest.raises(VaultAway, match="something else"):
            await vault.encrypt_for("user:1", "token")


async def test_wrong_secret_id_is_refused_and_not_repeated(bao, key, opened):
    address = bao.make_key(key)
    role_id, _ = bao.make_role(key)
    server = VaultServer(address, AppRole(lambda: role_id, lambda: "canary-secret-id"))
    vault = opened(TransitBackend(server))
    with pytest.raises(VaultRefused) as raised:
        await vault.encrypt_for("user:1", "token")
    assert "AUTODEPLOY_VAULT_SECRET_ID" in str(raised.value.remedy)
    assert "canary" not in f"{raised.value}{raised.value.remedy}"


async def test_role_without_the_right_is_told_the_policy_it_lacks(bao, key, opened):
    bao.make_key(key)
    role_id, secret_id = bao.make_role(f"{key}-other")
    server = VaultServer(bao.address(key), AppRole(lambda: role_id, lambda: secret_id))
    with pytest.raises(VaultRefused) as raised:
        await opened(TransitBackend(server)).encrypt_for("user:1", "token")
    assert f'path "transit/encrypt/{key}"' in str(raised.value.remedy)


async def test_engine_that_is_not_there_is_refused(bao, key, opened):
    bao.make_key(key)
    address = parse_transit_url(f"{bao.origin}/nowhere/{key}")
    token = bao.request("POST", "auth/token/create", policies=["root"])["auth"]["client_token"]
    vault = opened(TransitBackend(VaultServer(address, TokenFile(lambda: token))))
    with pytest.raises(VaultRefused, match="nothing at nowhere/encrypt"):
        await vault.encrypt_for("user:1", "token")


async def test_key_of_another_type_is_refused(bao, key, opened):
    bao.request("POST", f"transit/keys/{key}", type="ed25519")
    role = bao.make_role(key)
    server = VaultServer(bao.address(key), AppRole(lambda: role[0], lambda: role[1]))
    with pytest.raises(VaultRefused) as raised:
        await opened(TransitBackend(server)).encrypt_for("user:1", "token")
    assert "aes256-gcm96" in f"{raised.value}{raised.value.remedy}"


async def test_short_token_is_renewed_and_goes_on_past_its_time(bao, key, opened):
    vault = opened(bao.backend(key, token_ttl="1s"))
    await vault.encrypt_for("user:1", "token")
    server = vault.sealing._server
    first = server._token
    assert first is not None
    deadline = asyncio.get_running_loop().time() + 2.2
    while asyncio.get_running_loop().time() < deadline:
        assert await vault.encrypt_for("user:1", "token")
        await asyncio.sleep(0.05)
    assert server._token == first


async def test_token_at_the_end_of_its_longest_time_is_replaced(bao, key, opened):
    vault = opened(bao.backend(key, token_ttl="1s", token_max_ttl="2s"))
    await vault.encrypt_for("user:1", "token")
    server = vault.sealing._server
    first = server._token
    async with asyncio.timeout(10):
        while server._token in (first, None):
            assert await vault.encrypt_for("user:1", "token")
            await asyncio.sleep(0.05)


async def test_revoked_token_is_replaced_by_one_login_for_all(bao, key, opened):
    vault = opened(bao.backend(key))
    await vault.encrypt_for("user:1", "token")
    bao.request("POST", "auth/token/revoke", token=vault.sealing._server._token)
    before = bao.count_logins()
    await asyncio.gather(*(vault.encrypt_for(f"user:{n}", "token") for n in range(10)))
    assert bao.count_logins() == before + 1


async def test_token_file_is_read_again_after_it_was_changed(bao, key, opened, tmp_path):
    bao.make_key(key)
    bao.make_role(key)
    path = tmp_path / "token"

    def write_token() -> str:
        made = bao.request("POST", "auth/token/create", policies=[key], ttl="1h")
        path.write_text(made["auth"]["client_token"])
        return path.read_text()

    first = write_token()
    vault = opened(TransitBackend(VaultServer(bao.address(key), TokenFile(path.read_text))))
    await vault.encrypt_for("user:1", "token")
    bao.request("POST", "auth/token/revoke", token=first)
    with pytest.raises(VaultRefused, match="AUTODEPLOY_VAULT_TOKEN_FILE"):
        await vault.encrypt_for("user:1", "token")
    write_token()
    assert await vault.encrypt_for("user:1", "token")


async def test_no_secret_reaches_a_log_or_an_error(own_bao, key, opened, caplog):
    caplog.set_level("DEBUG")
    address = own_bao.make_key(key)
    role_id, secret_id = own_bao.make_role(key, token_ttl="1s")
    vault = opened(
        TransitBackend(VaultServer(address, AppRole(lambda: role_id, lambda: secret_id)))
    )
    errors = []
    with capture_logs() as logs:
        sealed = await vault.encrypt_for("user:1", "canary-value")
        token = vault.sealing._server._token
        await vault.decrypt_for("user:1", sealed)
        own_bao.seal()
        for call in (vault.encrypt_for("user:1", "canary-value"), vault.check()):
            with pytest.raises(VaultAway) as raised:
                await call
            errors.append(raised.value)
        own_bao.stop()
        with pytest.raises(VaultAway) as raised:
            await vault.encrypt_for("user:1", "canary-value")
        errors.append(raised.value)
    said = repr((logs, caplog.text, [(e, e.remedy, e.__cause__) for e in errors]))
    for secret in ("canary-value", "Y2FuYXJ5LXZhbHVl", token, secret_id):
        assert secret not in said
    assert "canary" not in repr(Item("user:1", "canary-value"))


async def test_check_asks_the_server(own_bao, key, opened, monkeypatch):
    monkeypatch.setattr("autodeploy.kernel.vault.transit._PROBE_SECONDS", 0.0)
    vault = opened(own_bao.backend(key))
    await vault.check()
    own_bao.seal()
    with pytest.raises(VaultAway):
        await vault.check()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("vault.example:8200/transit/k", "https://"),
        ("https://", "https://"),
        ("http://vault.example/transit/k", "in the clear"),
        ("https://user:canary@vault.example/transit/k", "credential"),
        ("https://vault.example/k", "engine and the key"),
        ("https://vault.example", "engine and the key"),
        ("https://vault.example/transit/k?token=canary", "options that are not known"),
        ("https://vault.example/transit/k?seal=maybe", "true nor false"),
        ("https://[canary/transit/k", "not a URL"),
        ("https://vault.example:port/transit/k", "not a URL"),
    ],
)
def test_unusable_url_is_refused_without_repeating_it(url, reason):
    with pytest.raises(InvalidInput, match=reason) as raised:
        parse_transit_url(url)
    assert "canary" not in f"{raised.value}{raised.value.remedy}"
    assert raised.value.field == "AUTODEPLOY_VAULT_URL"


def test_url_with_all_its_parts_is_read():
    address = parse_transit_url(
        "https://vault.example:8200/team/transit/app?namespace=a/b&ca=/etc/ca.pem"
        "&approle=machines&seal=false"
    )
    assert (address.origin, address.mount, address.key) == (
        "https://vault.example:8200",
        "team/transit",
        "app",
    )
    assert (address.namespace, str(address.ca)) == ("a/b", "/etc/ca.pem")
    assert (address.approle, address.seals) == ("machines", False)


async def test_namespace_and_token_are_sent_as_headers(bao, key):
    seen: list[httpx.Request] = []
    address = parse_transit_url(f"{bao.origin}/transit/{key}?namespace=team")
    server = VaultServer(address, TokenFile(lambda: "the-token"))

    async def note(request: httpx.Request) -> None:
        seen.append(request)

    server._http.event_hooks["request"] = [note]
    with pytest.raises(VaultRefused):
        await server.call("transit/encrypt/x", {})
    await server.close()
    assert {request.headers["X-Vault-Namespace"] for request in seen} == {"team"}
    assert seen[0].headers["X-Vault-Token"] == "the-token"
    assert all("the-token" not in str(request.url) for request in seen)


async def test_certificate_of_an_unknown_authority_is_refused_and_of_a_named_one_not(
    tmp_path: Path, key: str
) -> None:
    server = Bao(tmp_path / "bao", tls=True)
    try:
        server.make_key(key)
        role_id, secret_id = server.make_role(key)
        role = AppRole(lambda: role_id, lambda: secret_id)
        (authority,) = (tmp_path / "bao").glob("*ca.pem")
        stranger = Vault(TransitBackend(VaultServer(server.address(key), role)))
        with pytest.raises(VaultAway, match="CERTIFICATE_VERIFY_FAILED"):
            await stranger.encrypt("token", "u1")
        await stranger.close()
        named = server.address(key, f"?ca={authority}")
        vault = Vault(TransitBackend(VaultServer(named, role)))
        assert await vault.decrypt(await vault.encrypt("token", "u1"), "u1") == "token"
        await vault.close()
    finally:
        server.close()


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_authorities_that_cannot_be_read_are_named(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "ca.pem").write_text(content)
    address = parse_transit_url(f"https://vault.example/transit/k?ca={tmp_path}/ca.pem")
    with pytest.raises(VaultRefused, match=r"ca\.pem") as raised:
        VaultServer(address, TokenFile(lambda: "token"))
    assert "option ca" in str(raised.value.remedy)
