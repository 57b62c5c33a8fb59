"""Which keys and providers a process holds, as the operator set it."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.bao import Bao
from tests.fakes.github_apps import private_key_pem

from autodeploy.kernel.errors import Unavailable
from autodeploy.kernel.objects import ObjectStore
from autodeploy.kernel.signing import generate_signing_key
from autodeploy.kernel.vault import MasterKeyError
from autodeploy.providers.manifests import Capability
from autodeploy.roles import check_keys, open_identity_providers, open_providers, open_vault
from autodeploy.settings import Settings

SERVER = "https://vault.example/transit/app"


def versions(settings: Settings) -> list[str]:
    """The backends by their ciphertexts, the one that seals first."""
    return [backend.version for backend in open_vault(settings).backends]


def test_key_file_is_all_without_a_vault_server(home: Path, key_file: Path) -> None:
    assert versions(Settings(home=home)) == ["v1"]


def test_key_file_still_opens_beside_a_vault_server(home: Path, key_file: Path) -> None:
    settings = Settings(home=home, vault_url=SERVER, vault_token_file=home)
    assert versions(settings) == ["v1t", "v1"]
    key_file.unlink()
    assert versions(settings) == ["v1t"]


def test_vault_server_that_is_left_only_opens(home: Path, key_file: Path) -> None:
    settings = Settings(home=home, vault_url=f"{SERVER}?seal=false", vault_token_file=home)
    assert versions(settings) == ["v1", "v1t"]
    key_file.unlink()
    with pytest.raises(MasterKeyError):
        open_vault(settings)


def test_key_file_that_cannot_be_used_stops_the_start(home: Path, key_file: Path) -> None:
    generate_signing_key(home / "secrets" / "jwt.pem")
    check_keys(Settings(home=home))
    key_file.chmod(0o644)
    with pytest.raises(MasterKeyError, match="read by others"):
        check_keys(Settings(home=home, vault_url=SERVER, vault_token_file=home))


@pytest.mark.parametrize("kind", ["values", "files", "token"])
async def test_each_credential_opens_the_vault_server(home: Path, bao: Bao, kind: str) -> None:
    key = f"credential-{kind}"
    bao.make_key(key)
    role_id, secret_id = bao.make_role(key)
    token = bao.request("POST", "auth/token/create", policies=[key])["auth"]["client_token"]
    for name, content in (("role", role_id), ("secret", secret_id), ("token", token)):
        (home / name).write_text(f"{content}\n")
    given: dict[str, dict[str, object]] = {
        "values": {"vault_role_id": role_id, "vault_secret_id": secret_id},
        "files": {"vault_role_id_file": home / "role", "vault_secret_id_file": home / "secret"},
        "token": {"vault_token_file": home / "token"},
    }
    settings = Settings(home=home, vault_url=f"{bao.origin}/transit/{key}", **given[kind])
    vault = open_vault(settings)
    assert await vault.decrypt(await vault.encrypt("token", "u1"), "u1") == "token"
    await vault.close()


async def test_credential_that_is_not_there_is_named(home: Path, bao: Bao) -> None:
    settings = Settings(
        home=home, vault_url=f"{bao.origin}/transit/any", vault_token_file=home / "absent"
    )
    vault = open_vault(settings)
    with pytest.raises(Unavailable, match=f"{home}/absent"):
        await vault.encrypt("token", "u1")
    await vault.close()


async def test_providers_elsewhere_are_opened_beside_this_machine(home: Path) -> None:
    resources = SimpleNamespace(objects=ObjectStore.open(f"file://{home}/objects"))
    settings = Settings(home=home, allow_unsandboxed=True)
    identities = open_identity_providers(settings)
    registry = await open_providers(settings, resources, identities)  # type: ignore[arg-type]
    assert [each.name for each in registry.list()] == [
        "github",
        "local",
        "render",
        "supabase",
        "vercel",
    ]
    assert registry.can("supabase", Capability.DATABASE_METRICS)
    await registry.close()


async def test_github_app_acts_where_the_operator_has_set_one_up(home: Path) -> None:
    resources = SimpleNamespace(objects=ObjectStore.open(f"file://{home}/objects"))
    key_file = home / "app.pem"
    key_file.write_text(private_key_pem())
    given = {"github": {"app_id": 12, "private_key_file": key_file}}
    for providers, has_app in (({}, False), (given, True)):
        settings = Settings(home=home, allow_unsandboxed=True, providers=providers)
        identities = open_identity_providers(settings)
        registry = await open_providers(settings, resources, identities)  # type: ignore[arg-type]
        assert registry.sources("github").has_app() is has_app
        await registry.close()


async def test_supabase_is_connected_where_the_operator_has_a_client(home: Path) -> None:
    client = {"client_id": "7673bde9-be72-4d75-bd5e-b0dba2c49b38", "client_secret": "sba_1"}
    given = {"supabase": {**client, "api_url": "https://supabase.example"}}
    for providers, names in (({}, []), (given, ["supabase"])):
        opened = open_identity_providers(Settings(home=home, providers=providers))
        assert [each.name for each in opened] == names
        assert [each.issuer for each in opened] == ["https://supabase.example"] * len(names)
        await opened.close()
